// Session: the conversation with the daemon. It connects when first needed, starts the daemon where
// that is allowed, and asks again on a new connection when the old one broke in the middle of a
// call. What may be asked twice is the caller's business: reads always, intents because their
// command id makes them once-only. One thread, blocking: wait for several things at once through
// call_each or promises of io().
#pragma once

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/bangerctl/daemon_start.h"
#include "cli/bangerctl/failure.h"
#include "events/ids.h"
#include "schemas/control.capnp.h"

namespace banger::ctl {

// How often one call is made before its failing is told.
inline constexpr int kAttempts = 5;

[[nodiscard]] CommandId fresh_command_id();
void write_id(schema::CommandId::Builder out, const CommandId& id);

class Session {
 public:
  struct Options {
    std::string socket;
    std::string client;  // names us in the log
    // Starts a daemon; null: only one that runs is talked to.
    std::function<Answer<Started>(kj::AsyncIoContext&)> start = nullptr;
    int hello_timeout_s = 10;
  };
  enum class Start { kMay, kNever };

  explicit Session(Options options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Makes sure of a connection whose hello was answered.
  [[nodiscard]] Answer<void> connect(Start start = Start::kMay);
  void drop();  // closes the connection; the next call makes another

  // send(control) makes the call; sent again on a new connection when that breaks, kAttempts times
  // at most.
  template <class Send>
  [[nodiscard]] auto call(Send&& send);
  // send(control, i) for every i below `count`, all at once; the answers in order.
  template <class Send>
  [[nodiscard]] auto call_each(std::size_t count, Send&& send);

  // Of the connection at hand, which must be there.
  [[nodiscard]] schema::Control::Client control();
  [[nodiscard]] kj::Promise<void> on_disconnect();
  [[nodiscard]] bool connected() const { return connection_ != nullptr; }
  [[nodiscard]] schema::DaemonInfo::Reader info();

  [[nodiscard]] kj::AsyncIoContext& io() { return io_; }
  [[nodiscard]] kj::Timer& timer() { return io_.provider->getTimer(); }
  [[nodiscard]] const Options& options() const { return options_; }
  // After this no daemon is started any more.
  void forbid_start() { options_.start = nullptr; }

 private:
  struct Connection;
  enum class Tried { kConnected, kNobody, kCrowded };  // crowded: a daemon listens, which many others want to reach
  [[nodiscard]] Answer<Tried> try_connect();
  void pause(int round);

  Options options_;
  kj::AsyncIoContext io_;
  kj::Own<Connection> connection_;
};

// A broken connection is nullopt: to be tried again.
[[nodiscard]] std::optional<Failure> lasting_failure(const kj::Exception& exception);

template <class Send>
auto Session::call_each(std::size_t count, Send&& send) {
  using Response = decltype(send(control(), std::size_t{}).wait(io_.waitScope));
  std::vector<std::optional<Answer<Response>>> answers(count);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0) pause(attempt);
    const auto connected = connect();
    kj::Vector<kj::Promise<void>> calls;
    bool broken = false;
    for (std::size_t i = 0; i < count; ++i) {
      if (answers[i]) continue;
      if (!connected) {
        answers[i].emplace(std::unexpected(connected.error()));
        continue;
      }
      calls.add(
          send(control(), i)
              .then([&answers, i](Response&& response) { answers[i].emplace(kj::mv(response)); },
                    [&answers, &broken, i](kj::Exception&& exception) {
                      auto failure = lasting_failure(exception);
                      broken = broken || !failure;
                      if (failure) answers[i].emplace(std::unexpected(*std::move(failure)));
                    }));
    }
    kj::joinPromises(calls.releaseAsArray()).wait(io_.waitScope);
    if (!broken) break;
    drop();
  }
  std::vector<Answer<Response>> all;
  for (auto& answer : answers) {
    if (!answer)
      answer.emplace(
          failed("the daemon went away each time it was asked", "bangerctl daemon status"));
    all.push_back(*std::move(answer));
  }
  return all;
}

template <class Send>
auto Session::call(Send&& send) {
  auto answers =
      call_each(1, [&](schema::Control::Client control, std::size_t) { return send(control); });
  return std::move(answers.front());
}

}  // namespace banger::ctl
