#include "tests/drivers/vmm/firecracker/stand_in.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace banger::test {
namespace {

using Kind = Misbehaviour::Kind;

void must(bool holds, const char* what) {
  if (!holds)
    throw std::runtime_error(std::string("stand-in: ") + what + ": " + std::strerror(errno));
}

Fd event() {
  Fd fd(::eventfd(0, EFD_CLOEXEC));
  must(static_cast<bool>(fd), "eventfd");
  return fd;
}

void raise(const Fd& event) {
  const std::uint64_t one = 1;
  must(::write(event.get(), &one, sizeof one) == sizeof one, "write");
}

Fd listen_at(const std::string& socket) {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  must(static_cast<bool>(fd), "socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  must(socket.size() < sizeof address.sun_path, "path");
  std::memcpy(address.sun_path, socket.data(), socket.size());
  must(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "bind");
  must(::listen(fd.get(), 8) == 0, "listen");
  return fd;
}

std::string written(const Answer& answer) {
  const char* phrase = answer.status == 204   ? "No Content"
                       : answer.status == 200 ? "OK"
                                              : "Bad Request";
  std::string text = "HTTP/1.1 " + std::to_string(answer.status) + " " + phrase +
                     "\r\nServer: Firecracker API\r\nConnection: keep-alive\r\n";
  if (answer.status != 204) {
    text +=
        "Content-Type: application/json\r\nContent-Length: " + std::to_string(answer.body.size()) +
        "\r\n";
  }
  return text + "\r\n" + answer.body;
}

}  // namespace

StandIn::StandIn(std::string socket, std::string id, Misbehaviour misbehaviour, Deed deed)
    : socket_(std::move(socket)),
      misbehaviour_(misbehaviour),
      deed_(std::move(deed)),
      description_(ApiDescription::load(FIRECRACKER_API)),
      instance_(std::move(id)),
      listener_(listen_at(socket_)),
      stop_(event()),
      released_(event()),
      thread_([this] { serve(); }) {}

StandIn::~StandIn() {
  raise(stop_);
  thread_.join();
  ::unlink(socket_.c_str());
}

void StandIn::release() {
  raise(released_);
}

void StandIn::await_calls(std::size_t count) const {
  std::unique_lock lock(mutex_);
  called_.wait(lock, [&] { return seen_.size() >= count; });
}

std::vector<SeenCall> StandIn::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

std::string StandIn::state() const {
  const std::lock_guard lock(mutex_);
  return instance_.state();
}

void StandIn::force_state(std::string state) {
  const std::lock_guard lock(mutex_);
  instance_.force_state(std::move(state));
}

std::string StandIn::own_fault() const {
  const std::lock_guard lock(mutex_);
  return own_fault_;
}

bool StandIn::wait_for(int fd, short events) const {
  while (true) {
    std::array<pollfd, 2> fds{{{fd, events, 0}, {stop_.get(), POLLIN, 0}}};
    const int ready = ::poll(fds.data(), fds.size(), -1);
    if (ready < 0 && errno == EINTR) continue;
    return ready > 0 && fds[1].revents == 0;
  }
}

bool StandIn::send_all(int fd, std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EAGAIN || !wait_for(fd, POLLOUT)) {
      return false;
    }
  }
  return true;
}

void StandIn::serve() {
  while (wait_for(listener_.get(), POLLIN)) {
    const Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection) serve_connection(connection.get());
  }
}

void StandIn::serve_connection(int fd) {
  HttpRequests requests;
  while (wait_for(fd, POLLIN)) {
    std::array<char, 4096> buffer;
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n <= 0) return;
    requests.feed({buffer.data(), static_cast<std::size_t>(n)});
    while (const auto request = requests.next()) {
      if (!answer(fd, *request) || !request->keep_alive) return;
    }
    if (requests.broken()) {
      (void)send_all(fd, written(refusal("Invalid HTTP request.")));
      return;
    }
  }
}

bool StandIn::answer(int fd, const HttpRequest& request) {
  Kind kind = Kind::kNone;
  std::string honest;
  {
    const std::lock_guard lock(mutex_);
    if (seen_.size() == misbehaviour_.at) kind = misbehaviour_.kind;
    if (kind == Kind::kAlreadyStarted) instance_.force_state("Running");
    const bool refuses = kind == Kind::kRefuse || kind == Kind::kRefuseMute;
    const Answer given = refuses ? refusal("the test wants it refused") : judge(request);
    seen_.push_back({request.method, request.path, request.body, given.status});
    honest = written(given);
  }
  called_.notify_all();
  if (kind == Kind::kNone || kind == Kind::kRefuse || kind == Kind::kAlreadyStarted)
    return send_all(fd, honest);
  return misbehave(fd, kind, honest);
}

// With the mutex held.
Answer StandIn::judge(const HttpRequest& request) {
  const Verdict verdict = description_.check_request(request.method, request.path, request.body);
  Answer given = verdict.fault.empty() ? instance_.handle(verdict) : refusal(verdict.fault);
  if (deed_ && given.status < 300) {
    if (std::string fault = deed_(verdict); !fault.empty()) given = refusal(fault);
  }
  if (!verdict.operation.empty() && own_fault_.empty()) {
    own_fault_ = description_.check_answer(verdict.operation, given.status, given.body);
  }
  return given;
}

bool StandIn::misbehave(int fd, Kind kind, const std::string& honest) {
  switch (kind) {
    case Kind::kNone:
    case Kind::kRefuse:
    case Kind::kAlreadyStarted:
      return send_all(fd, honest);
    case Kind::kRefuseMute:
      return send_all(fd, written({400, R"({"error": 7})"}));
    case Kind::kHold:
      return wait_for(released_.get(), POLLIN) && send_all(fd, honest);
    case Kind::kHangUp:
      return false;
    case Kind::kHalfLine:
      (void)send_all(fd, "HTTP/1.1 20");
      return false;
    case Kind::kHalfHead:
      (void)send_all(fd, "HTTP/1.1 204 No Content\r\nServer: Firecracker API\r\n");
      return false;
    case Kind::kHalfBody:
      (void)send_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\": \"");
      return false;
    case Kind::kEndlessBody: {
      const std::string chunk = "1000\r\n" + std::string(0x1000, ' ') + "\r\n";
      if (!send_all(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")) return false;
      while (send_all(fd, chunk)) {
      }
      return false;
    }
    case Kind::kEndlessHead:
      if (!send_all(fd, "HTTP/1.1 200 OK\r\n")) return false;
      while (send_all(fd, "X-More: " + std::string(1000, 'x') + "\r\n")) {
      }
      return false;
    case Kind::kNoHttp:
      (void)send_all(fd, "SSH-2.0-OpenSSH_9.2\r\n");
      return false;
    case Kind::kNoJson:
      return send_all(fd, written({200, "<html>"}));
  }
  return false;
}

}  // namespace banger::test
