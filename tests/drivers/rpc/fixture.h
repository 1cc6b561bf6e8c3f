// A server on a loop of its own thread, as in the daemon, and stock KJ clients beside it, as in
// bangerctl. The socket lies in a directory that is removed with the fixture.
#pragma once

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "drivers/rpc/kj_loop.h"
#include "drivers/rpc/promise.h"
#include "drivers/rpc/server.h"
#include "tests/catch.h"
#include "tests/drivers/rpc/probe.capnp.h"
#include "tests/support/person.h"

namespace banger::rpc::test {

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "banger-rpc-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// What the server's side has seen; read by the test's thread.
struct Seen {
  std::atomic<int> slow_calls = 0;
  std::atomic<int> slow_cancelled = 0;
  std::atomic<int> blobs = 0;
  std::mutex mutex;
  std::vector<std::string> log;                // guarded by `mutex`
  std::vector<Fulfiller<kj::String>> waiting;  // loop's thread only

  bool logged(std::string_view words) {
    const std::lock_guard lock(mutex);
    for (const std::string& line : log) {
      if (line.find(words) != std::string::npos) return true;
    }
    return false;
  }
};

class FileServer final : public File::Server {
 public:
  explicit FileServer(Fd fd) : fd_(std::move(fd)) {}
  kj::Maybe<int> getFd() override { return fd_.get(); }

 private:
  Fd fd_;
};

class ProbeServer final : public Probe::Server {
 public:
  ProbeServer(Client client, Seen& seen) : client_(std::move(client)), seen_(seen) { client_.greeted(); }

 protected:
  kj::Promise<void> echo(EchoContext context) override;
  kj::Promise<void> slow(SlowContext context) override;
  kj::Promise<void> slowHeld(SlowHeldContext context) override;
  kj::Promise<void> fail(FailContext context) override;
  kj::Promise<void> throwStd(ThrowStdContext context) override;
  kj::Promise<void> push(PushContext context) override;
  kj::Promise<void> key(KeyContext context) override;
  kj::Promise<void> blob(BlobContext context) override;

 private:
  template <class Context>
  kj::Promise<void> wait_for_test(Context context, KeepAlive hold);
  banger::rpc::Client client_;
  Seen& seen_;
};

class ServerThread {
 public:
  explicit ServerThread(ServerLimits limits = {}, std::string refusal = {});
  ServerThread(ServerLimits limits, Server::Bootstrap bootstrap, Access access = {::geteuid()});
  ~ServerThread();

  [[nodiscard]] const std::string& path() const { return path_; }
  Seen& seen() { return seen_; }
  // Runs `fn` on the server's loop and gives its result.
  template <class Fn>
  auto on_loop(Fn fn) {
    std::packaged_task<decltype(fn())()> task(std::move(fn));
    auto result = task.get_future();
    loop_->post([&] { task(); });
    return result.get();
  }
  size_t clients() {
    return on_loop([this] { return (*server_)->connection_count(); });
  }
  void answer_slow_calls(const std::string& text) {
    on_loop([&] {
      for (const auto& f : std::exchange(seen_.waiting, {}))
        f.fulfill(kj::heapString(text.c_str()));
    });
  }
  void stop_server() {
    on_loop([this] { (*server_)->stop(); });
  }

 private:
  TempDir directory_;
  std::string path_;
  Seen seen_;
  uv::Loop* loop_ = nullptr;
  std::optional<Server>* server_ = nullptr;
  std::thread thread_;
};

// Stock KJ's client. At most one of these per thread at a time shares `io`.
struct ProbeClient {
  kj::Own<kj::AsyncCapabilityStream> stream;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;

  ProbeClient(kj::AsyncIoContext& io, const std::string& path);
  ProbeClient(kj::AsyncIoContext& io, int fd);  // connected; takes it
  capnp::Capability::Client bootstrap();
  Probe::Client probe() { return bootstrap().castAs<Probe>(); }
};

using banger::test::connect_as;
using banger::test::connect_to;
using banger::test::Person;
using banger::test::visitor;

// How many descriptors this process has open.
[[nodiscard]] size_t open_fds();

// Turns the client's loop until `condition`, for at most a minute.
template <class Condition>
void wait_until(kj::AsyncIoContext& io, Condition condition) {
  auto& timer = io.provider->getTimer();
  const auto limit = timer.now() + 60 * kj::SECONDS;
  while (!condition()) {
    if (timer.now() >= limit) FAIL("it did not come about within a minute");
    timer.afterDelay(2 * kj::MILLISECONDS).wait(io.waitScope);
  }
}

// The words with which `promise` fails; empty if it doesn't.
template <class T>
std::string failure_of(T&& promise, kj::AsyncIoContext& io) {
  std::string words;
  KJ_IF_MAYBE (exception, kj::runCatchingExceptions([&] { promise.wait(io.waitScope); })) {
    words = to_error(*exception).message;
    if (words.empty()) words = "failed";
  }
  return words;
}

}  // namespace banger::rpc::test
