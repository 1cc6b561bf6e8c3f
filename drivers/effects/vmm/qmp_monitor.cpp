#include "drivers/effects/vmm/qmp_monitor.h"

#include <sys/socket.h>

#include <algorithm>

#include "drivers/effects/vmm/connect.h"

namespace banger::effects {
namespace {

constexpr std::uint64_t kFirstRetryMs = 5;
constexpr std::uint64_t kLongestRetryMs = 1000;

}  // namespace

QmpMonitor::QmpMonitor(uv::Loop& loop, std::string socket, std::function<void()> ready)
    : loop_(loop), socket_(std::move(socket)), ready_(std::move(ready)), retry_(loop, [this] { connect(); }),
      retry_ms_(kFirstRetryMs) {
  retry_.start_once(0);
}

void QmpMonitor::connect() {
  fd_ = connect_now(socket_);
  if (!fd_) return lost();
  auto poll = uv::Poll::open(loop_, fd_.get(), [this](int) { readable(); });
  if (!poll) return lost();
  poll_.emplace(std::move(*poll));
  poll_->set(uv::kReadable);
  parser_ = {};
  negotiated_ = false;
}

void QmpMonitor::lost() {
  poll_.reset();
  fd_.reset();
  retry_.start_once(retry_ms_);
  retry_ms_ = std::min(retry_ms_ * 2, kLongestRetryMs);
}

void QmpMonitor::readable() {
  char buffer[4096];
  for (;;) {
    ssize_t got = ::read(fd_.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return lost();
    // Whatever does not speak QMP may be a VMM that its guest has taken over: nothing of it is believed.
    if (!parser_.feed({buffer, static_cast<std::size_t>(got)})) return lost();
    while (auto message = parser_.next()) take(*message);
    if (!fd_) return;
  }
}

void QmpMonitor::take(const vmm::QmpMessage& message) {
  using Kind = vmm::QmpMessage::Kind;
  if (message.kind == Kind::kGreeting) send("qmp_capabilities");
  if (message.kind == Kind::kEvent && message.name == "SHUTDOWN") {
    shutdown_ = vmm::Shutdown{message.by_guest, message.text};
  }
  if (message.kind == Kind::kReturn && !negotiated_) {
    negotiated_ = true;
    retry_ms_ = kFirstRetryMs;
    if (power_down_) send("system_powerdown");
    if (auto ready = std::exchange(ready_, nullptr)) loop_.defer(std::move(ready));
  }
}

void QmpMonitor::send(std::string_view command) {
  std::string line = vmm::qmp_command(command, next_id_++);
  // A few bytes into an empty socket buffer. If even they do not fit the VMM reads nothing, and the deadline
  // of whatever wanted this is what ends it.
  [[maybe_unused]] ssize_t sent = ::send(fd_.get(), line.data(), line.size(), MSG_NOSIGNAL);
}

void QmpMonitor::power_down() {
  power_down_ = true;
  if (negotiated_) send("system_powerdown");
}

std::optional<vmm::Shutdown> QmpMonitor::last_words(std::optional<uv::ExitStatus>) {
  if (poll_) readable();
  return shutdown_;
}

}  // namespace banger::effects
