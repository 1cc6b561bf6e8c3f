// The VmmMonitor of Firecracker, over HTTP: waits on the loop until the VMM listens, has a worker tell it everything and
// start the guest, and keeps its log and metrics. Its calls block, so each is one worker's, one at a time.
#pragma once

#include <memory>

#include "drivers/effects/vmm/pipe_log.h"
#include "drivers/effects/vmm/vmm_monitor.h"
#include "drivers/uv/timer.h"

namespace banger::effects {

class FirecrackerMonitor : public VmmMonitor {
 public:
  explicit FirecrackerMonitor(Watched watched);
  ~FirecrackerMonitor() override;

  // Ctrl-Alt-Del, which Firecracker has on x86 only.
  void power_down() override;
  [[nodiscard]] std::optional<vmm::Shutdown> last_words(std::optional<uv::ExitStatus> status) override;

 private:
  [[nodiscard]] std::unique_ptr<PipeLog> keep(const std::string& pipe, const std::string& file,
                                              std::function<void(std::string_view)> heard);
  void look();
  void try_later();
  void bring_up();
  void brought_up(const Status& done);
  void press();

  Watched watched_;
  const std::string socket_;
  uv::Timer retry_;
  std::uint64_t retry_ms_;
  bool up_ = false;
  bool pressing_ = false;
  bool press_wanted_ = false;
  std::string log_tail_;
  std::unique_ptr<PipeLog> log_;
  std::unique_ptr<PipeLog> metrics_;
  // True once this is destroyed: for the worker, and for what it brings back.
  std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);
};

// Where it listens, as the host sees it.
[[nodiscard]] std::string api_socket_of(const VmPaths& paths, const std::string& jail);

}  // namespace banger::effects
