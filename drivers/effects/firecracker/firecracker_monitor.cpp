#include "drivers/effects/firecracker/firecracker_monitor.h"

#include <algorithm>

#include "drivers/effects/vmm/connect.h"
#include "drivers/vmm/firecracker/api_client.h"

namespace banger::effects {
namespace {

namespace fc = vmm::firecracker;

constexpr std::uint64_t kFirstRetryMs = 5;
constexpr std::uint64_t kLongestRetryMs = 1000;
constexpr fc::Duration kCallLimit{5'000};
constexpr std::size_t kTailBytes = 4096;
// What Firecracker logs last, whatever ended it.
constexpr std::string_view kExitMark = "exit_code=";

// An adopted one is up if it is ours and its guest was started.
Status check_running(const std::string& socket, const std::string& ours) {
  auto info = fc::instance_info(socket, kCallLimit);
  if (!info) return std::unexpected(info.error());
  if (info->id != ours) return fail("another VMM listens, not " + ours);
  if (info->state == fc::InstanceState::kNotStarted) return fail("its guest was never started");
  return {};
}

}  // namespace

std::string api_socket_of(const VmPaths& paths, const std::string& jail) {
  return jail.empty() ? paths.api_socket : jail + "/" + std::string(kJailApiSocket);
}

FirecrackerMonitor::FirecrackerMonitor(Watched watched)
    : watched_(std::move(watched)),
      socket_(api_socket_of(watched_.paths, watched_.sighting.jail)),
      retry_(watched_.loop, [this] { look(); }),
      retry_ms_(kFirstRetryMs),
      log_(keep(watched_.paths.vmm_log_pipe, watched_.paths.vmm_log,
                [this](std::string_view bytes) {
                  log_tail_ += bytes;
                  if (log_tail_.size() > kTailBytes) log_tail_.erase(0, log_tail_.size() - kTailBytes);
                })),
      metrics_(keep(watched_.paths.metrics_pipe, watched_.paths.metrics, {})) {
  retry_.start_once(0);
}

FirecrackerMonitor::~FirecrackerMonitor() { *gone_ = true; }

// None where it cannot be had: a VM runs without its log.
std::unique_ptr<PipeLog> FirecrackerMonitor::keep(const std::string& pipe, const std::string& file,
                                                  std::function<void(std::string_view)> heard) {
  auto reader = vmm::open_console(pipe);
  if (!reader) return nullptr;
  auto log = PipeLog::open(watched_.loop, Fd(*reader), file, watched_.log_bytes, std::move(heard));
  return log ? *std::move(log) : nullptr;
}

void FirecrackerMonitor::look() {
  connect_now(socket_) ? bring_up() : try_later();
}

void FirecrackerMonitor::try_later() {
  retry_.start_once(retry_ms_);
  retry_ms_ = std::min(retry_ms_ * 2, kLongestRetryMs);
}

void FirecrackerMonitor::bring_up() {
  auto work = [gone = gone_, set_up = watched_.set_up, socket = socket_,
               ours = vmm_name({watched_.vm, watched_.sighting.incarnation})] {
    return set_up ? set_up(*gone) : check_running(socket, ours);
  };
  auto submitted = watched_.workers.submit(work, [this, gone = gone_](const Status& done) {
    if (!*gone) brought_up(done);
  });
  if (!submitted) try_later();
}

void FirecrackerMonitor::brought_up(const Status& done) {
  if (!done && !watched_.set_up) return try_later();  // it may be busy
  if (!done) {
    if (auto failed = std::exchange(watched_.failed, nullptr)) failed(done.error().message);
    return;
  }
  up_ = true;
  watched_.set_up = nullptr;
  if (press_wanted_) press();
  if (auto up = std::exchange(watched_.up, nullptr)) up();
}

void FirecrackerMonitor::power_down() {
  press_wanted_ = true;
  if (up_) press();
}

void FirecrackerMonitor::press() {
  if (pressing_) return;
  auto work = [socket = socket_] { return fc::send(socket, fc::action_request(fc::Action::kSendCtrlAltDel), kCallLimit); };
  // One that does not take it is asked again, or ended: whoever wants it down has a deadline.
  auto submitted = watched_.workers.submit(work, [this, gone = gone_](const Status&) {
    if (!*gone) pressing_ = false;
  });
  pressing_ = submitted.has_value();
}

std::optional<vmm::Shutdown> FirecrackerMonitor::last_words(std::optional<uv::ExitStatus> status) {
  if (log_) log_->read();
  // It exits with 0 where its guest reset or switched off the machine, and for nothing else.
  if (status && status->signal == 0 && status->code == 0) return vmm::Shutdown{true, "exit"};
  if (status) return std::nullopt;
  const auto mark = log_tail_.rfind(kExitMark);
  if (mark == std::string::npos) return std::nullopt;
  const std::string code = log_tail_.substr(mark, log_tail_.find_first_not_of("0123456789", mark + kExitMark.size()) - mark);
  if (code == std::string(kExitMark) + "0") return vmm::Shutdown{true, "exit"};
  return vmm::Shutdown{false, code};
}

}  // namespace banger::effects
