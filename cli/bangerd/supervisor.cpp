#include "cli/bangerd/supervisor.h"

#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace banger::bangerd {
namespace {

constexpr int kKeepEnvironment = 0;  // it is asked more than once

void tell(const std::string& lines) {
  const int told = ::sd_notify(kKeepEnvironment, lines.c_str());  // 0: nobody wants to know
  if (told < 0) spdlog::warn("systemd could not be told: {}", std::strerror(-told));
}

}  // namespace

Supervisor::Supervisor(uv::Loop& loop) : alive_(loop, [] { tell("WATCHDOG=1"); }) {}

void Supervisor::serving(const std::string& status) {
  tell("READY=1\nSTATUS=" + status);
  std::uint64_t limit_us = 0;
  // Twice in each interval, as sd_watchdog_enabled(3) recommends.
  if (::sd_watchdog_enabled(kKeepEnvironment, &limit_us) > 0) alive_.start_every(std::max<std::uint64_t>(limit_us / 2000, 1));
}

void Supervisor::stopping() {
  tell("STOPPING=1\nSTATUS=stopping; VMs go on");
}

}  // namespace banger::bangerd
