#include "tests/bench/rpc_load.h"

#include <chrono>
#include <functional>

#include "tests/bench/rpc_load_impl.h"

namespace banger::bench {
namespace {

using Clock = std::chrono::steady_clock;

// One call of client `number`, `turn` of its calls.
using Call = std::function<kj::Promise<void>(std::size_t number, std::size_t turn)>;

kj::Promise<void> repeat(const Call& call, std::size_t number, std::size_t turn, std::size_t turns) {
  if (turn == turns) return kj::READY_NOW;
  return call(number, turn).then([&call, number, turn, turns] {
    return repeat(call, number, turn + 1, turns);
  });
}

Result<double> seconds(kj::AsyncIoContext& io, std::size_t clients, std::size_t calls, const Call& call) {
  const auto begun = Clock::now();
  kj::Vector<kj::Promise<void>> all;
  for (std::size_t i = 0; i < clients; ++i) all.add(repeat(call, i, 0, calls / clients));
  try {
    kj::joinPromises(all.releaseAsArray()).wait(io.waitScope);
  } catch (const kj::Exception& exception) {
    return fail(exception.getDescription().cStr());
  }
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

}  // namespace

RpcLoad::RpcLoad(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RpcLoad::~RpcLoad() = default;

Result<std::unique_ptr<RpcLoad>> RpcLoad::open(const std::string& socket, std::size_t clients) {
  auto impl = std::make_unique<Impl>();
  try {
    auto& network = impl->io.provider->getNetwork();
    impl->address = network.parseAddress("unix:" + socket).wait(impl->io.waitScope);
    impl->changes.resize(clients);
    for (std::size_t i = 0; i < clients; ++i) {
      impl->clients.push_back(kj::heap<RpcClient>(impl->connect()));
      impl->hello(*impl->clients.back());
    }
  } catch (const kj::Exception& exception) {
    return fail(exception.getDescription().cStr());
  }
  return std::unique_ptr<RpcLoad>(new RpcLoad(std::move(impl)));
}

Result<double> RpcLoad::ping(std::size_t calls) {
  return seconds(impl_->io, impl_->clients.size(), calls, [this](std::size_t number, std::size_t) {
    return impl_->clients[number]->control.pingRequest().send().ignoreResult();
  });
}

Result<double> RpcLoad::change_vms(std::size_t calls) {
  return seconds(impl_->io, impl_->clients.size(), calls, [this](std::size_t number, std::size_t) {
    return impl_->change(number).ignoreResult();
  });
}

Status RpcLoad::create_vms(const std::string& image) {
  const std::size_t clients = impl_->clients.size();
  const auto done = seconds(impl_->io, clients, clients, [&](std::size_t number, std::size_t) {
    auto created = impl_->submit(number, [&](schema::Intent::Builder intent) {
      auto create = intent.initCreateVm();
      create.setName("vm-" + std::to_string(number));
      create.setImage(image);
      auto settings = create.initSettings();
      settings.setVcpus(1);
      settings.setMemoryMib(256);
      settings.setDiskMib(1024);
      settings.setNet(2);
    });
    return created.ignoreResult();
  });
  return done ? Status() : Status(std::unexpected(done.error()));
}

}  // namespace banger::bench
