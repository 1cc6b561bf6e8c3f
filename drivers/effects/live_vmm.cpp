#include "drivers/effects/live_vmm.h"

#include <csignal>
#include <cstring>

namespace banger::effects {
namespace {

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

Result<std::unique_ptr<LiveVmm>> LiveVmm::open(uv::Loop& loop, uv::WorkerPool& workers, const StepTools& tools,
                                               VmId vm, Vmm vmm, Callbacks callbacks) {
  const std::uint64_t log_bytes = tools.config.console_bytes / 2;
  std::unique_ptr<LiveVmm> live(
      new LiveVmm(vm_paths(tools.config.layout, vm), vmm.sighting, std::move(callbacks)));
  LiveVmm* raw = live.get();
  if (vmm.console) {
    auto console = PipeLog::open(loop, std::move(vmm.console), live->paths_.console_log, log_bytes);
    if (!console) return std::unexpected(console.error());
    live->console_ = *std::move(console);
  }
  auto watch = uv::ProcessWatch::open(
      loop, std::move(vmm.pidfd), [raw](std::optional<uv::ExitStatus> status) { raw->process_ended(status); });
  if (!watch) return std::unexpected(watch.error());
  live->watch_.emplace(std::move(*watch));
  live->monitor_ = tools.vmms.of(vmm.sighting.kind)
                       .watch({.loop = loop,
                               .workers = workers,
                               .paths = live->paths_,
                               .vm = vm,
                               .sighting = std::move(vmm.sighting),
                               .set_up = std::move(vmm.set_up),
                               .log_bytes = log_bytes,
                               .up =
                                   [raw] {
                                     raw->up_ = true;
                                     if (raw->callbacks_.up) raw->callbacks_.up();
                                   },
                               .failed = [raw](std::string why) { raw->could_not_be_set_up(std::move(why)); }});
  return live;
}

void LiveVmm::signal(int number) {
  if (watch_) (void)uv::send_signal(watch_->pidfd(), number);  // ESRCH: it has ended, and the watch will say so
}

// A VMM that knows half of what it is to do is of no use. How it ended, where it had ended by itself, says more.
void LiveVmm::could_not_be_set_up(std::string why) {
  set_up_failure_ = std::move(why);
  signal(SIGKILL);
}

VmmEnd LiveVmm::describe(std::optional<uv::ExitStatus> status) {
  if (!set_up_failure_.empty() && (!status || status->signal == SIGKILL)) {
    return {std::nullopt, "the VMM could not be set up: " + set_up_failure_, DeathCause::kToldToEnd};
  }
  auto words = monitor_->last_words(status);
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
  if (console_) console_->read();
  VmmEnd end = describe(status);
  auto ended = std::move(callbacks_.ended);
  ended(std::move(end));  // may destroy this
}

}  // namespace banger::effects
