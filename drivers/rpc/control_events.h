// Events on their way to a client: pages for `events`, and the follower that pushes every event as
// it becomes durable. Used by control_server alone. A follower has one batch on its way and reads
// the next when the sink has taken that one, so a slow sink slows nobody but itself.
#pragma once

#include "drivers/rpc/control_session.h"
#include "schemas/control.capnp.h"

namespace banger::rpc {

inline constexpr std::uint32_t kMaxBatchBytes =
    256 << 10;  // of events; half as much again as a message

// Cuts a batch that begins at `from`, where so many interned entries are new that it fits no
// message: they come first, without events.
void fit(EventBatch& batch, Sequence from);
void write_batch(schema::EventBatch::Builder out, const EventBatch& batch);

// Ends with the client, with the first push that fails, and when the result is dropped.
[[nodiscard]] schema::Handle::Client make_follower(std::shared_ptr<Session> session, Hold slot,
                                                   Sequence from, schema::EventSink::Client sink);

}  // namespace banger::rpc
