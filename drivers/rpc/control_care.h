// The LogCare capability: calls become calls of CareService. Made by control_server for each client that asks.
#pragma once

#include "drivers/rpc/care_service.h"
#include "drivers/rpc/control_session.h"
#include "schemas/control.capnp.h"

namespace banger::rpc {

[[nodiscard]] schema::LogCare::Client make_log_care(std::shared_ptr<Session> session);

}  // namespace banger::rpc
