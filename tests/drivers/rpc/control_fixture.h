// A ControlService in memory behind a real server in a thread: what belongs to the server's loop is reached by
// ServerThread::on_loop.
#pragma once

#include "drivers/rpc/control_server.h"
#include "schemas/control.capnp.h"
#include "tests/drivers/rpc/fixture.h"
#include "tests/drivers/rpc/memory_service.h"

namespace banger::rpc::test {

// Time enough for clients that are not about greeting.
inline constexpr ServerLimits kPatient{.greeting_ms = 3'600'000};

// The service, the server in its thread, and one stock client of it.
struct Controlled {
  MemoryService service;
  ServerThread server;
  kj::AsyncIoContext io = kj::setupAsyncIo();
  std::optional<ProbeClient> connection;
  schema::Control::Client control = nullptr;

  explicit Controlled(ServerLimits limits = kPatient);
  // Visited by `person`, whom that access concerns.
  Controlled(const Access& access, const Person& person);
  schema::Control::Client connect(ProbeClient& client) {
    return client.bootstrap().castAs<schema::Control>();
  }
  template <class Fn>
  auto on_loop(Fn fn) {
    return server.on_loop(std::move(fn));
  }
  [[nodiscard]] std::vector<std::string> happened() {
    return on_loop([this] { return service.happened; });
  }
  // Whatever was sent before has been handled when this returns.
  void ping() { control.pingRequest().send().wait(io.waitScope); }
  void disconnect() {
    control = nullptr;
    connection.reset();
  }
};

}  // namespace banger::rpc::test
