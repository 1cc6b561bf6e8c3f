// Events on their way to a client: the follower that pushes every event as
// it becomes durable. Used by control_server alone. A follower has one batch on its way and reads
// the next when the sink has taken that one, so a slow sink slows nobody but itself; those at the same
// place share what was read (shared_batches.h).
#pragma once

#include "drivers/rpc/control_session.h"
#include "drivers/rpc/shared_batches.h"
#include "schemas/control.capnp.h"

namespace banger::rpc {

// Ends with the client, with the first push that fails, and when the result is dropped.
[[nodiscard]] schema::Handle::Client make_follower(std::shared_ptr<Session> session, Hold slot,
                                                   Sequence from, schema::EventSink::Client sink);

}  // namespace banger::rpc
