#include "tests/bench/rpc_load.h"

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <chrono>
#include <functional>

#include "schemas/control.capnp.h"

namespace banger::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Client {
  explicit Client(kj::Own<kj::AsyncIoStream> connection)
      : stream(kj::mv(connection)),
        rpc(*stream),
        control(rpc.bootstrap().castAs<schema::Control>()) {}
  kj::Own<kj::AsyncIoStream> stream;
  capnp::TwoPartyClient rpc;
  schema::Control::Client control;
};

}  // namespace

struct RpcLoad::Impl {
  kj::AsyncIoContext io = kj::setupAsyncIo();
  std::vector<std::unique_ptr<Client>> clients;
  std::uint64_t commands = 0;

  // One call of client `number`, `turn` of its calls.
  using Call = std::function<kj::Promise<void>(std::size_t number, std::size_t turn)>;

  kj::Promise<void> repeat(const Call& call, std::size_t number, std::size_t turn,
                           std::size_t turns) {
    if (turn == turns) return kj::READY_NOW;
    return call(number, turn).then([this, &call, number, turn, turns] {
      return repeat(call, number, turn + 1, turns);
    });
  }

  Result<double> seconds(std::size_t calls, const Call& call) {
    const auto begun = Clock::now();
    kj::Vector<kj::Promise<void>> all;
    for (std::size_t i = 0; i < clients.size(); ++i) {
      all.add(repeat(call, i, 0, calls / clients.size()));
    }
    try {
      kj::joinPromises(all.releaseAsArray()).wait(io.waitScope);
    } catch (const kj::Exception& exception) {
      return fail(exception.getDescription().cStr());
    }
    return std::chrono::duration<double>(Clock::now() - begun).count();
  }

  kj::Promise<void> submit(std::size_t number,
                           const std::function<void(schema::Intent::Builder)>& fill) {
    auto request = clients[number]->control.submitRequest();
    auto id = request.initCommandId();
    id.setHi(0xbe7c4);
    id.setLo(++commands);
    fill(request.initIntent());
    return request.send().then([](auto&& answer) {
      const auto reply = answer.getReply();
      KJ_REQUIRE(reply.isAccepted(), "an intent was refused", reply.getRefused().getMessage());
    });
  }
};

RpcLoad::RpcLoad(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RpcLoad::~RpcLoad() = default;

Result<std::unique_ptr<RpcLoad>> RpcLoad::open(const std::string& socket, std::size_t clients) {
  auto impl = std::make_unique<Impl>();
  try {
    auto& scope = impl->io.waitScope;
    auto address = impl->io.provider->getNetwork().parseAddress("unix:" + socket).wait(scope);
    for (std::size_t i = 0; i < clients; ++i) {
      impl->clients.push_back(std::make_unique<Client>(address->connect().wait(scope)));
      auto hello = impl->clients.back()->control.helloRequest();
      hello.setClient("bench");
      hello.send().wait(scope);
    }
  } catch (const kj::Exception& exception) {
    return fail(exception.getDescription().cStr());
  }
  return std::unique_ptr<RpcLoad>(new RpcLoad(std::move(impl)));
}

Result<double> RpcLoad::ping(std::size_t calls) {
  return impl_->seconds(calls, [this](std::size_t number, std::size_t) {
    return impl_->clients[number]->control.pingRequest().send().ignoreResult();
  });
}

Result<double> RpcLoad::change_vms(std::size_t calls) {
  return impl_->seconds(calls, [this](std::size_t number, std::size_t turn) {
    return impl_->submit(number, [&](schema::Intent::Builder intent) {
      auto change = intent.initSetVm();
      change.setVm("vm-" + std::to_string(number));
      change.setMemoryMib(turn % 2 == 0 ? 512 : 256);
    });
  });
}

Status RpcLoad::create_vms(const std::string& image) {
  const auto done = impl_->seconds(impl_->clients.size(), [&](std::size_t number, std::size_t) {
    return impl_->submit(number, [&](schema::Intent::Builder intent) {
      auto create = intent.initCreateVm();
      create.setName("vm-" + std::to_string(number));
      create.setImage(image);
      auto settings = create.initSettings();
      settings.setVcpus(1);
      settings.setMemoryMib(256);
      settings.setDiskMib(1024);
      settings.setNet(2);
    });
  });
  return done ? Status() : Status(std::unexpected(done.error()));
}

}  // namespace banger::bench
