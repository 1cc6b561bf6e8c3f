// What the parts of RpcLoad share: connections of one process on KJ's own loop, and the intents they send. Included by
// rpc_load.cpp and follow_load.cpp, by nobody else.
#pragma once

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <functional>
#include <vector>

#include "schemas/control.capnp.h"
#include "tests/bench/rpc_load.h"

namespace banger::bench {

struct RpcClient {
  explicit RpcClient(kj::Own<kj::AsyncIoStream> connection)
      : stream(kj::mv(connection)),
        rpc(*stream),
        control(rpc.bootstrap().castAs<schema::Control>()) {}
  kj::Own<kj::AsyncIoStream> stream;
  capnp::TwoPartyClient rpc;
  schema::Control::Client control;
};

struct RpcLoad::Impl {
  kj::AsyncIoContext io = kj::setupAsyncIo();
  kj::Own<kj::NetworkAddress> address;
  std::vector<kj::Own<RpcClient>> clients;
  std::vector<std::uint64_t> changes;  // of the client's VM
  std::uint64_t commands = 0;

  [[nodiscard]] kj::Own<kj::AsyncIoStream> connect() { return address->connect().wait(io.waitScope); }
  // Waits for the answer, which says where the log's head is.
  std::uint64_t hello(RpcClient& client) {
    auto request = client.control.helloRequest();
    request.setClient("bench");
    return request.send().wait(io.waitScope).getInfo().getHeadSequence();
  }

  using Fill = std::function<void(schema::Intent::Builder)>;
  // Gives its last event.
  kj::Promise<std::uint64_t> submit(std::size_t number, const Fill& fill) {
    auto request = clients[number]->control.submitRequest();
    auto id = request.initCommandId();
    id.setHi(0xbe7c4);
    id.setLo(++commands);
    fill(request.initIntent());
    return request.send().then([](auto&& answer) {
      const auto reply = answer.getReply();
      KJ_REQUIRE(reply.isAccepted(), "an intent was refused", reply.getRefused().getMessage());
      return reply.getAccepted().getLastSequence();
    });
  }

  // More memory for the client's VM, or less again: one event.
  kj::Promise<std::uint64_t> change(std::size_t number) {
    return submit(number, [&](schema::Intent::Builder intent) {
      auto change = intent.initSetVm();
      change.setVm("vm-" + std::to_string(number));
      change.setMemoryMib(changes[number]++ % 2 == 0 ? 512 : 256);
    });
  }
};

}  // namespace banger::bench
