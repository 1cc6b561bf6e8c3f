#include "drivers/guest/banner_probe.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "drivers/guest/tcp.h"

namespace banger::guest {

std::chrono::milliseconds BannerProbe::patience(std::uint64_t attempt) {
  constexpr std::uint64_t kFirstMs = 500, kLongestMs = 5000;
  return std::chrono::milliseconds(
      attempt > 4 ? kLongestMs : std::min(kFirstMs << (attempt - 1), kLongestMs));
}

BannerProbe::Verdict BannerProbe::feed(std::string_view bytes) {
  for (char c : bytes) {
    if (verdict_ != Verdict::more) return verdict_;
    if (++seen_ > kMaxBytes) return verdict_ = Verdict::retry;
    if (c != '\n') {
      line_ += c;
      continue;
    }
    if (line_.ends_with('\r')) line_.pop_back();
    // 1.99 is how RFC 4253 (5.1) has a server say that it speaks version 2 as well.
    if (line_.starts_with("SSH-2.0-") || line_.starts_with("SSH-1.99-")) {
      return verdict_ = Verdict::ready;
    }
    if (line_.starts_with("SSH-")) return verdict_ = Verdict::retry;
    line_.clear();
  }
  return verdict_;
}

namespace {

using Clock = std::chrono::steady_clock;

BannerProbe::Verdict read_banner(int fd, BannerProbe& probe, Clock::time_point deadline) {
  for (;;) {
    pollfd waiting{fd, POLLIN, 0};
    int n = ::poll(&waiting, 1, poll_timeout(deadline));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return probe.timed_out();
    char bytes[512];
    ssize_t got = ::recv(fd, bytes, sizeof bytes, 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return probe.closed();
    auto verdict = probe.feed({bytes, static_cast<size_t>(got)});
    if (verdict != BannerProbe::Verdict::more) return verdict;
  }
}

}  // namespace

Result<std::string> wait_for_ssh(const std::string& host, uint16_t port,
                                 Clock::time_point deadline) {
  std::string last = "nothing was tried";
  std::uint64_t attempts = 0;
  do {
    auto attempt = std::min(deadline, Clock::now() + BannerProbe::patience(++attempts));
    auto fd = tcp_connect(host, port, attempt);
    if (fd) {
      BannerProbe probe;
      auto verdict = read_banner(*fd, probe, attempt);
      ::close(*fd);
      if (verdict == BannerProbe::Verdict::ready) return probe.banner();
      last = "the connection was accepted, but no ssh server spoke";
    } else {
      last = fd.error().message;
    }
    std::this_thread::sleep_until(std::min(deadline, Clock::now() + BannerProbe::kRetryDelay));
  } while (Clock::now() < deadline);
  return fail("no ssh server answered in time: " + last, ETIMEDOUT);
}

}  // namespace banger::guest
