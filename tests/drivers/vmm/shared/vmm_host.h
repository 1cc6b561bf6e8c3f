// VmmHost: a data directory with an image in it, and the daemon's effects over it, for one VM in one kind of VMM. The
// effects may be dropped and made anew, as if the daemon had died. When it goes it ends what runs, and proves that
// nothing is left.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drivers/effects/host_effects.h"
#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"

namespace banger::test {

inline constexpr VmId kVm{0xa1};

std::string name_of(VmmKind kind);  // for INFO()

// What a stand-in does wrong, in the words of its own kind; whatever VMM is started while this lives does it.
class Misbehaving {
 public:
  Misbehaving(VmmKind kind, const std::string& words);
  Misbehaving(const Misbehaving&) = delete;
  Misbehaving& operator=(const Misbehaving&) = delete;
  ~Misbehaving();

 private:
  const char* variable_;
};

class VmmHost {
 public:
  explicit VmmHost(VmmKind kind);
  VmmHost(const VmmHost&) = delete;
  VmmHost& operator=(const VmmHost&) = delete;
  ~VmmHost();

  // Does it to its end.
  EffectEnd done(const Effect& effect);
  // The same for a start that must succeed; gives the VMM's pid.
  pid_t started();
  ReportGone gone(const Effect& effect);
  // Until a notice comes that nobody asked for.
  ReportGone noticed();
  // The daemon dies, and another one comes.
  void restart_daemon();

  [[nodiscard]] std::vector<VmmSighting> seen();
  [[nodiscard]] VmPaths paths() const { return vm_paths(config.layout, kVm); }
  [[nodiscard]] std::string content(const std::string& path) const;
  [[nodiscard]] effects::HostEffects& effects() { return *effects_; }
  [[nodiscard]] effects::StepTools tools() { return {config, vmms, *images_, *handles_, disks, links_}; }

 private:
  TempDir dir_;
  effects::GuestLinks links_{std::nullopt};

 public:
  effects::HostConfig config;
  effects::Accelerator accelerator{effects::AccelChoice::kTcg, dir_.path()};
  effects::VmmDrivers vmms{config, accelerator};
  disk::Disks disks{disk::DiskChoice::kAuto, StoreId{1, 2}, fail("without device-mapper")};
  VmRuntime vm;

 private:
  void begin_daemon();
  void end_daemon();

  std::optional<image::ImageStore> images_;
  std::optional<observe::HandleCache> handles_;
  uv::Loop loop_;
  std::unique_ptr<uv::WorkerPool> quick_, slow_;
  std::vector<ReportGone> notices_;
  bool awaited_ = false;
  std::unique_ptr<effects::HostEffects> effects_;
};

}  // namespace banger::test
