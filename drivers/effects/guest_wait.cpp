#include "drivers/effects/guest_wait.h"

#include <arpa/inet.h>
#include <sys/socket.h>

namespace banger::effects {
namespace {

// Close together while a guest boots; then seldom, for one that may never come up.
std::uint64_t retry_ms(std::uint64_t attempts) { return attempts < 600 ? 50 : 1000; }

}  // namespace

GuestWait::GuestWait(uv::Loop& loop, const Endpoint& sshd, std::function<void()> ready)
    : loop_(loop), ready_(std::move(ready)), timer_(loop, [this] { fd_ ? again() : attempt(); }) {
  address_.sin_family = AF_INET;
  address_.sin_port = htons(sshd.port);
  ::inet_pton(AF_INET, sshd.host.c_str(), &address_.sin_addr);
  timer_.start_once(0);
}

void GuestWait::attempt() {
  probe_ = {};
  ++attempts_;
  fd_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd_) return again();
  int connected = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_);
  if (connected != 0 && errno != EINPROGRESS) return again();
  auto poll = uv::Poll::open(loop_, fd_.get(), [this](int) { readable(); });
  if (!poll) return again();
  poll_.emplace(std::move(*poll));
  poll_->set(uv::kReadable);
  timer_.start_once(static_cast<std::uint64_t>(guest::BannerProbe::patience(attempts_).count()));
}

void GuestWait::readable() {
  char buffer[512];
  ssize_t got = ::read(fd_.get(), buffer, sizeof buffer);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  auto verdict = got <= 0 ? probe_.closed() : probe_.feed({buffer, static_cast<std::size_t>(got)});
  switch (verdict) {
    case guest::BannerProbe::Verdict::more: return;
    case guest::BannerProbe::Verdict::retry: return again();
    case guest::BannerProbe::Verdict::ready:
      timer_.stop();
      poll_.reset();
      fd_.reset();
      auto ready = std::move(ready_);
      ready();
  }
}

void GuestWait::again() {
  poll_.reset();
  fd_.reset();
  timer_.start_once(retry_ms(attempts_));
}

}  // namespace banger::effects
