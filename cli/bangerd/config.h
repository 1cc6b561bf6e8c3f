// What an operator may set, from a TOML file and the command line. An error names file, line and key; a key that
// is not known is an error, because a misspelt one would silently be nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "drivers/effects/host_config.h"
#include "drivers/disk/disks.h"
#include "engine/command.h"
#include "events/result.h"

namespace banger::bangerd {

// How the host is looked at (drivers/observe): by the kernel's own interfaces, or by what other programs say.
enum class ObserverChoice { kNative, kTools };
[[nodiscard]] std::string_view name_of(ObserverChoice choice);  // as in the configuration
// For people: which one, and which of its programs are not to be found.
[[nodiscard]] std::string describe(ObserverChoice choice);

struct Config {
  std::string data_dir;
  std::string socket;
  std::string file;  // where this was read from; empty where there was none
  std::string log_level = "info";
  std::string operators, readers;  // groups, by name or number; empty: nobody but the owner
  std::string metrics_file;    // empty: none
  std::string metrics_listen;  // "127.0.0.1:9477"; empty: none
  effects::VmmChoice vmm = effects::VmmChoice::kAuto;
  std::string vmm_program = "qemu-system-x86_64";
  std::string firecracker_program = "firecracker";
  std::string jailer;  // empty: Firecracker runs without it
  std::uint64_t first_jail_uid = 0;
  std::uint64_t jail_uids = 0;
  effects::AccelChoice accel = effects::AccelChoice::kAuto;
  disk::DiskChoice disk = disk::DiskChoice::kAuto;
  bool sweep_leftovers = false;
  std::string bridge = "br-banger";
  Subnet subnet;  // 172.16.0.1/24
  bool masquerade = true;
  std::vector<std::string> dns;  // empty: the host's
  std::uint64_t resolver_port = 5354;
  ObserverChoice observer = ObserverChoice::kNative;
  std::uint64_t tick_ms = 5'000;
  std::uint64_t exec_grace_ms = 10'000;
  std::uint64_t console_bytes = 4 << 20;
  std::uint64_t low_water_mib = 256;
  std::uint64_t ballast_mib = 64;
  std::uint64_t shadow_fold_s = 86'400;  // between two; 0: never
  std::uint64_t idle_ms = 60'000;
  HostLimits limits;
};

// Takes the file's settings over those in `config`. A missing file is an error only if it `must_exist`.
[[nodiscard]] Status read_config(const std::string& path, bool must_exist, Config& config);
// The same from text; `path` is for messages.
[[nodiscard]] Status parse_config(std::string_view text, const std::string& path, Config& config);

// What may be set, in the order of the manual: bangerd.toml(5) is made of it.
struct ConfigKey {
  std::string_view name;
  std::string_view standard;  // the default, as one would write it
  std::string_view about;
};
[[nodiscard]] std::vector<ConfigKey> config_keys();

}  // namespace banger::bangerd
