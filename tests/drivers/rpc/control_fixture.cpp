#include "tests/drivers/rpc/control_fixture.h"

namespace banger::rpc::test {

Controlled::Controlled(ServerLimits limits)
    : server(limits, make_controls(service)),
      connection(std::in_place, io, server.path()),
      control(connect(*connection)) {}

}  // namespace banger::rpc::test
