// The VmmMonitor of QEMU, over QMP, without ever blocking. QEMU serves one QMP client at a time, so nobody else may
// connect meanwhile.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "drivers/effects/vmm/vmm_monitor.h"
#include "drivers/uv/fd.h"
#include "drivers/uv/poll.h"
#include "drivers/uv/timer.h"
#include "drivers/vmm/qmp_client.h"

namespace banger::effects {

class QmpMonitor : public VmmMonitor {
 public:
  // Connects as soon as the socket is there; `ready` is called once, when the VMM has answered.
  QmpMonitor(uv::Loop& loop, std::string socket, std::function<void()> ready);

  // Presses the power button.
  void power_down() override;
  [[nodiscard]] std::optional<vmm::Shutdown> last_words(std::optional<uv::ExitStatus> status) override;

 private:
  void connect();
  void readable();
  void take(const vmm::QmpMessage& message);
  void send(std::string_view command);
  void lost();

  uv::Loop& loop_;
  const std::string socket_;
  std::function<void()> ready_;
  uv::Timer retry_;
  std::uint64_t retry_ms_;
  Fd fd_;
  std::optional<uv::Poll> poll_;
  vmm::QmpParser parser_;
  bool negotiated_ = false;
  bool power_down_ = false;
  std::uint64_t next_id_ = 1;
  std::optional<vmm::Shutdown> shutdown_;
};

}  // namespace banger::effects
