// The Control interface's questions about the past: calls turned into calls of ControlService,
// answers cut to fit messages. Used by control_server alone, on the loop's thread.
#pragma once

#include <capnp/capability.h>

#include "drivers/rpc/control_session.h"
#include "schemas/control.capnp.h"

namespace banger::rpc {

using StateAtContext =
    capnp::CallContext<schema::Control::StateAtParams, schema::Control::StateAtResults>;
using StatesAtContext =
    capnp::CallContext<schema::Control::StatesAtParams, schema::Control::StatesAtResults>;
using FindStreamsContext =
    capnp::CallContext<schema::Control::FindStreamsParams, schema::Control::FindStreamsResults>;
using SearchContext =
    capnp::CallContext<schema::Control::SearchParams, schema::Control::SearchResults>;

[[nodiscard]] Point read_point(schema::Point::Reader in);

[[nodiscard]] kj::Promise<void> answer_state_at(const std::shared_ptr<Session>& session,
                                                StateAtContext call);
[[nodiscard]] kj::Promise<void> answer_states_at(const std::shared_ptr<Session>& session,
                                                 StatesAtContext call);
[[nodiscard]] kj::Promise<void> answer_find_streams(const std::shared_ptr<Session>& session,
                                                    FindStreamsContext call);
[[nodiscard]] kj::Promise<void> answer_search(const std::shared_ptr<Session>& session,
                                              SearchContext call);

}  // namespace banger::rpc
