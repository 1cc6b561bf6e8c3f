// The Control interface (schemas/control.capnp) as a translation onto ControlService: nothing is
// decided here but what a message may cost us. The daemon gives make_controls to its Server as the
// bootstrap. No kj::Exception gets out, and nothing of a client outlives its connection but
// callbacks that the service still holds, which then do nothing.
#pragma once

#include <capnp/capability.h>

#include "drivers/rpc/control_service.h"
#include "drivers/rpc/server.h"

namespace banger::rpc {

// For each client its own. `service` outlives the server.
[[nodiscard]] Server::Bootstrap make_controls(ControlService& service);

}  // namespace banger::rpc
