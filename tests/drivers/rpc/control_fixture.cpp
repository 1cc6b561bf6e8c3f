#include "tests/drivers/rpc/control_fixture.h"

namespace banger::rpc::test {

Controlled::Controlled(ServerLimits limits)
    : server(limits, make_controls(service)),
      connection(std::in_place, io, server.path()),
      control(connect(*connection)) {}

Controlled::Controlled(const Access& access, const Person& person)
    : server(kPatient, make_controls(service), access),
      connection(std::in_place, io, connect_as(person, server.path())),
      control(connect(*connection)) {}

}  // namespace banger::rpc::test
