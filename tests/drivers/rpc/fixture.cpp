#include "tests/drivers/rpc/fixture.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <stdexcept>

namespace banger::rpc::test {

kj::Promise<void> ProbeServer::echo(EchoContext context) {
  context.getResults().setText(context.getParams().getText());
  return kj::READY_NOW;
}

template <class Context>
kj::Promise<void> ProbeServer::wait_for_test(Context outer, KeepAlive hold) {
  return guarded(outer, [&](Context context) -> kj::Promise<void> {
    auto pending = make_pending<kj::String>();
    seen_.waiting.push_back(pending.fulfiller);
    ++seen_.slow_calls;
    auto cancelled = kj::defer([&seen = seen_, fulfiller = pending.fulfiller]() {
      if (!fulfiller.wanted()) ++seen.slow_cancelled;
    });
    return pending.promise
        .then([context](kj::String text) mutable { context.getResults().setText(text); })
        .attach(kj::mv(cancelled), std::move(hold));
  });
}

kj::Promise<void> ProbeServer::slow(SlowContext context) {
  return wait_for_test(context, nullptr);
}

kj::Promise<void> ProbeServer::slowHeld(SlowHeldContext context) {
  return wait_for_test(context, client_.keep_alive());
}

kj::Promise<void> ProbeServer::fail(FailContext context) {
  return to_exception({context.getParams().getText().cStr(), 0});
}

kj::Promise<void> ProbeServer::throwStd(ThrowStdContext context) {
  return guarded(context, [](ThrowStdContext) -> kj::Promise<void> {
    throw std::runtime_error("thrown in a handler");
  });
}

kj::Promise<void> ProbeServer::push(PushContext context) {
  auto listener = context.getParams().getTo();
  kj::Promise<void> all = kj::READY_NOW;
  for (uint32_t i = 0; i < context.getParams().getCount(); ++i) {
    all = all.then([listener, i]() mutable {
      auto request = listener.heardRequest();
      request.setNumber(i);
      return request.send().ignoreResult();
    });
  }
  return all;
}

kj::Promise<void> ProbeServer::key(KeyContext context) {
  Fd file(::memfd_create("key", MFD_CLOEXEC));
  KJ_REQUIRE(::write(file.get(), "secret", 6) == 6);
  context.getResults().setFile(kj::heap<FileServer>(std::move(file)));
  return kj::READY_NOW;
}

kj::Promise<void> ProbeServer::blob(BlobContext context) {
  ++seen_.blobs;
  context.getResults().initData(context.getParams().getBytes());
  return kj::READY_NOW;
}

ServerThread::ServerThread(ServerLimits limits, std::string refusal)
    : ServerThread(limits,
                   [this, refusal](const Client& client) -> Result<capnp::Capability::Client> {
                     if (!refusal.empty()) return banger::fail(refusal);
                     return Probe::Client(kj::heap<ProbeServer>(client, seen_));
                   }) {}

ServerThread::ServerThread(ServerLimits limits, Server::Bootstrap bootstrap, Access access)
    : path_(directory_.file("run/socket")) {
  if (access.shared()) REQUIRE(::chmod(directory_.file("").c_str(), 0711) == 0);
  std::promise<void> up;
  thread_ = std::thread([this, limits, access, bootstrap = std::move(bootstrap), &up] {
    uv::Loop loop;
    KjLoop kj_loop(loop);
    std::optional<Server> server;
    auto listening = Server::listen(loop, path_, access, limits, bootstrap, [this](std::string_view line) {
      const std::lock_guard lock(seen_.mutex);
      seen_.log.emplace_back(line);
    });
    if (listening) server.emplace(std::move(*listening));
    loop_ = &loop;
    server_ = &server;
    up.set_value();
    if (server) loop.run();
    server.reset();
    seen_.waiting.clear();
  });
  up.get_future().wait();
  REQUIRE(server_->has_value());
}

ServerThread::~ServerThread() {
  loop_->post([this] { loop_->stop(); });
  thread_.join();
}

size_t open_fds() {
  const std::filesystem::directory_iterator entries("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(entries), end(entries)));
}

ProbeClient::ProbeClient(kj::AsyncIoContext& io, const std::string& path) : ProbeClient(io, connect_to(path)) {}

ProbeClient::ProbeClient(kj::AsyncIoContext& io, int fd)
    : stream(io.lowLevelProvider->wrapUnixSocketFd(
          fd, kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP |
                                kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC)),
      network(*stream, 2, capnp::rpc::twoparty::Side::CLIENT),
      rpc(capnp::makeRpcClient(network)) {}

capnp::Capability::Client ProbeClient::bootstrap() {
  capnp::MallocMessageBuilder message(4);
  auto vat = message.initRoot<capnp::rpc::twoparty::VatId>();
  vat.setSide(capnp::rpc::twoparty::Side::SERVER);
  return rpc.bootstrap(vat);
}

}  // namespace banger::rpc::test
