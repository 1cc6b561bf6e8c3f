// The Control interface (schemas/control.capnp) as a translation onto ControlService: nothing is
// decided here but what a message may cost us. The daemon gives make_control to its Server as the
// bootstrap. No kj::Exception gets out, and nothing of a client outlives its connection but
// callbacks that the service still holds, which then do nothing.
#pragma once

#include <capnp/capability.h>

#include "drivers/rpc/control_service.h"
#include "drivers/rpc/server.h"

namespace banger::rpc {

// For one client: Server::Bootstrap is [&](const Client& client) { return make_control(service,
// client); }. `service` outlives the server.
[[nodiscard]] capnp::Capability::Client make_control(ControlService& service, const Client& client);

}  // namespace banger::rpc
