#include "drivers/effects/live_vmm.h"

#include <csignal>
#include <cstring>

namespace banger::effects {
namespace {

constexpr std::uint64_t kConsolePauseMs = 100;
constexpr std::size_t kTailBytes = 2048;

// The last line that the VMM or guest wrote: usually why it ended. Control characters become blanks.
std::string last_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n') c = ' ';
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  auto start = text.rfind('\n');
  return start == std::string::npos ? text : text.substr(start + 1);
}

}  // namespace

Result<std::unique_ptr<LiveVmm>> LiveVmm::open(uv::Loop& loop, const HostConfig& config, VmId vm, Vmm vmm,
                                               Callbacks callbacks) {
  const VmPaths paths = vm_paths(config.layout, vm);
  std::unique_ptr<LiveVmm> live(
      new LiveVmm(loop, paths, vmm.sighting, std::move(vmm.console), std::move(callbacks)));
  if (live->console_) {
    auto log = vmm::CappedLog::open(paths.console_log, config.console_bytes / 2);
    if (!log) return std::unexpected(log.error());
    live->log_.emplace(std::move(*log));
    auto poll = uv::Poll::open(loop, live->console_.get(), [raw = live.get()](int) { raw->console_readable(); });
    if (!poll) return std::unexpected(poll.error());
    live->console_poll_.emplace(std::move(*poll));
    live->console_poll_->set(uv::kReadable);
  }
  auto watch = uv::ProcessWatch::open(
      loop, std::move(vmm.pidfd), [raw = live.get()](std::optional<uv::ExitStatus> status) { raw->process_ended(status); });
  if (!watch) return std::unexpected(watch.error());
  live->watch_.emplace(std::move(*watch));
  return live;
}

LiveVmm::LiveVmm(uv::Loop& loop, const VmPaths& paths, VmmSighting sighting, Fd console, Callbacks callbacks)
    : paths_(paths),
      sighting_(sighting),
      callbacks_(std::move(callbacks)),
      console_(std::move(console)),
      console_pause_(loop,
                     [this] {
                       if (console_poll_) console_poll_->set(uv::kReadable);
                     }),
      monitor_(loop, paths.api_socket, [this] {
        up_ = true;
        if (callbacks_.up) callbacks_.up();
      }) {}

void LiveVmm::signal(int number) {
  if (watch_) (void)uv::send_signal(watch_->pidfd(), number);  // ESRCH: it has ended, and the watch will say so
}

void LiveVmm::console_readable() {
  char buffer[16384];
  // A bounded part each turn: a flooding guest slows its own console and nobody else.
  for (int turn = 0; turn < 4; ++turn) {
    ssize_t got = ::read(console_.get(), buffer, sizeof buffer);
    if (got < 0) return;
    if (got == 0) {
      console_poll_->set(0);
      return console_pause_.start_once(kConsolePauseMs);
    }
    (void)log_->append({buffer, static_cast<std::size_t>(got)});  // a full disk loses the console, not the VM
  }
}

VmmEnd LiveVmm::describe(std::optional<uv::ExitStatus> status) {
  auto words = monitor_.last_words();
  if (words && words->by_guest && words->reason != "guest-panic") return {StoppedBy::kGuest, "the guest ended it"};
  if (words && words->reason == "guest-panic") return {std::nullopt, "the guest panicked", DeathCause::kGuestPanic};
  if (status && status->signal != 0) {
    return {std::nullopt, "the VMM was killed by signal " + std::to_string(status->signal) + " (" +
                              ::strsignal(status->signal) + ")",
            DeathCause::kSignalled, static_cast<std::uint32_t>(status->signal)};
  }
  if (words) return {std::nullopt, "the VMM was told to end (" + words->reason + ")", DeathCause::kToldToEnd};
  if (status) {
    auto tail = vmm::read_log_tail(paths_.console_log, kTailBytes);
    return {std::nullopt, "the VMM exited with code " + std::to_string(status->code) +
                              (tail && !tail->empty() ? ": " + last_line(*tail) : ""),
            DeathCause::kExited, static_cast<std::uint32_t>(status->code)};
  }
  return {std::nullopt, "the VMM is gone; it was started by an earlier daemon, so how it ended is not known"};
}

void LiveVmm::process_ended(std::optional<uv::ExitStatus> status) {
  if (console_poll_) console_readable();
  VmmEnd end = describe(status);
  auto ended = std::move(callbacks_.ended);
  ended(std::move(end));  // may destroy this
}

}  // namespace banger::effects
