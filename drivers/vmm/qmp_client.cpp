#include "drivers/vmm/qmp_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace banger::vmm {
namespace {

// While it waits for an answer a peer may send this many other messages, and no more.
constexpr int kMaxMessagesPerAnswer = 1000;

Shutdown shutdown_of(const QmpMessage& message) {
  return {message.by_guest, message.text};
}

}  // namespace

QmpClient::QmpClient(QmpClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      next_id_(other.next_id_),
      parser_(std::move(other.parser_)),
      shutdown_(std::move(other.shutdown_)) {}

QmpClient::~QmpClient() {
  if (fd_ >= 0) ::close(fd_);
}

Result<QmpClient> QmpClient::connect(const std::string& socket_path, Duration deadline) {
  const auto until = Clock::now() + deadline;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path)
    return fail("socket path is too long: " + socket_path);
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail_errno("socket", errno);
  QmpClient client(fd);
  // A full queue answers EAGAIN and can't be polled for.
  while (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return fail_errno("connect to " + socket_path, errno);
    if (Clock::now() >= until)
      return fail("connect to " + socket_path + ": too many wait", ETIMEDOUT);
    (void)::poll(nullptr, 0, 20);
  }
  auto greeting = client.receive(until);
  if (!greeting) return with_context("QMP at " + socket_path, greeting.error());
  if (!*greeting || (*greeting)->kind != QmpMessage::Kind::kGreeting) {
    return fail("QMP at " + socket_path + ": it did not greet", EPROTO);
  }
  auto ready = client.execute("qmp_capabilities", until);
  if (!ready) return with_context("QMP at " + socket_path, ready.error());
  return client;
}

Status QmpClient::wait_for(short events, Clock::time_point until) const {
  while (true) {
    auto left = std::chrono::duration_cast<Duration>(until - Clock::now()).count();
    if (left <= 0) return fail("no answer in time", ETIMEDOUT);
    pollfd fd{fd_, events, 0};
    int ready = ::poll(&fd, 1, static_cast<int>(left));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail_errno("poll", errno);
  }
}

Status QmpClient::send(std::string_view bytes, Clock::time_point until) {
  while (!bytes.empty()) {
    ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      BANGER_TRY(wait_for(POLLOUT, until));
    } else if (errno != EINTR) {
      return fail_errno("send", errno);
    }
  }
  return {};
}

Result<std::optional<QmpMessage>> QmpClient::receive(Clock::time_point until) {
  while (true) {
    if (auto message = parser_.next()) {
      if (message->kind == QmpMessage::Kind::kEvent && message->name == "SHUTDOWN")
        shutdown_ = shutdown_of(*message);
      return message;
    }
    std::array<char, 4096> buffer;
    ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (n > 0) {
      BANGER_TRY(parser_.feed({buffer.data(), static_cast<std::size_t>(n)}));
    } else if (n == 0 || errno == ECONNRESET) {
      return std::nullopt;
    } else if (errno == EAGAIN) {
      BANGER_TRY(wait_for(POLLIN, until));
    } else if (errno != EINTR) {
      return fail_errno("receive", errno);
    }
  }
}

Result<QmpMessage> QmpClient::execute(std::string_view command, Clock::time_point until) {
  const auto id = next_id_++;
  const std::string what(command);
  auto sent = send(qmp_command(command, id), until);
  if (!sent) return with_context(what, sent.error());
  for (int i = 0; i < kMaxMessagesPerAnswer; ++i) {
    auto message = receive(until);
    if (!message) return with_context(what, message.error());
    if (!*message) return fail(what + ": the VMM went away", ECONNRESET);
    if ((*message)->id != id) continue;
    if ((*message)->kind == QmpMessage::Kind::kError)
      return fail(what + ": " + (*message)->text, EPROTO);
    return std::move(**message);
  }
  return fail(what + ": no answer among many messages", EPROTO);
}

Result<std::string> QmpClient::query_status(Duration deadline) {
  auto answer = execute("query-status", Clock::now() + deadline);
  if (!answer) return std::unexpected(answer.error());
  return std::move(answer->text);
}

Status QmpClient::system_powerdown(Duration deadline) {
  auto answer = execute("system_powerdown", Clock::now() + deadline);
  if (!answer) return std::unexpected(answer.error());
  return {};
}

Status QmpClient::quit(Duration deadline) {
  auto answer = execute("quit", Clock::now() + deadline);
  // It may be gone before its answer is out; then it did what was asked.
  if (!answer && answer.error().sys_errno != ECONNRESET) return std::unexpected(answer.error());
  return {};
}

Result<Shutdown> QmpClient::await_shutdown(Duration deadline) {
  const auto until = Clock::now() + deadline;
  while (!shutdown_) {
    auto message = receive(until);
    if (!message) return std::unexpected(message.error());
    if (!*message) return Shutdown{};
  }
  return *shutdown_;
}

}  // namespace banger::vmm
