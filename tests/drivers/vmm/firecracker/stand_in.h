// A Firecracker for tests, as far as its API goes: a thread that listens on a unix socket, holds
// every request to the API description and to the order that the real one demands, and misbehaves
// on demand. It boots nothing. Serves one connection after the other.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "drivers/uv/fd.h"
#include "tests/drivers/vmm/firecracker/api_description.h"
#include "tests/drivers/vmm/firecracker/http_requests.h"
#include "tests/drivers/vmm/firecracker/instance.h"

namespace banger::test {

struct Misbehaviour {
  enum class Kind {
    kNone,
    kRefuse,         // 400 with a fault_message
    kRefuseMute,     // 400 without one
    kHold,           // says nothing until release(); then answers as if nothing had been
    kHangUp,         // closes without a word
    kHalfLine,       // closes within the first line of its answer
    kHalfHead,       // closes between two lines of the head
    kHalfBody,       // closes before as many bytes as announced
    kEndlessBody,    // chunks until the client goes
    kEndlessHead,    // header lines until the client goes
    kNoHttp,         // speaks something else
    kNoJson,         // 200 with a body that is no JSON
    kAlreadyStarted  // the guest runs, by somebody else's doing, from this call on
  };
  Kind kind = Kind::kNone;
  std::size_t at = 0;  // which call, from 0
};

struct SeenCall {
  std::string method;
  std::string path;
  std::string body;
  int status = 0;  // what the answer would be without misbehaviour
};

// What a request that is right does besides: called before its answer, for one request at a time. Gives the words of a
// refusal, or nothing.
using Deed = std::function<std::string(const Verdict&)>;

class StandIn {
 public:
  StandIn(std::string socket, std::string id, Misbehaviour misbehaviour = {}, Deed deed = {});
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;
  ~StandIn();  // ends the thread and removes the socket

  void release();
  // Until so many calls have come in.
  void await_calls(std::size_t count) const;
  [[nodiscard]] std::vector<SeenCall> seen() const;
  [[nodiscard]] std::string state() const;
  // What GET / says from now on.
  void force_state(std::string state);
  // An answer of its own that the API description does not allow; empty: none.
  [[nodiscard]] std::string own_fault() const;

 private:
  void serve();
  void serve_connection(int fd);
  // False: the connection is to be closed.
  [[nodiscard]] bool answer(int fd, const HttpRequest& request);
  [[nodiscard]] Answer judge(const HttpRequest& request);
  [[nodiscard]] bool misbehave(int fd, Misbehaviour::Kind kind, const std::string& honest);
  // Waits for `events` on a connection, false when the test ends first.
  [[nodiscard]] bool wait_for(int fd, short events) const;
  [[nodiscard]] bool send_all(int fd, std::string_view bytes) const;

  const std::string socket_;
  const Misbehaviour misbehaviour_;
  const Deed deed_;
  const ApiDescription description_;
  mutable std::mutex mutex_;  // over the next three
  Instance instance_;
  std::vector<SeenCall> seen_;
  std::string own_fault_;
  mutable std::condition_variable called_;
  Fd listener_;
  Fd stop_;      // eventfd: readable when all is to end
  Fd released_;  // eventfd: readable after release()
  std::thread thread_;
};

}  // namespace banger::test
