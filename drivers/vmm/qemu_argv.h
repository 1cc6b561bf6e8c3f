// What QEMU's microvm is started with: pure functions from a spec to an argv and a kernel command
// line. Called by the spawning effect; also what a reader of `ps` wants to look at. The QMP socket
// in the argv is what identifies a VM's process (with boot id, pid and start time), so it is
// spelled as qmp_argument() says and nowhere else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/paths.h"
#include "events/types.h"

namespace banger::vmm {

enum class Accel { kKvm, kTcg };

struct QemuSpec {
  VmId vm;
  std::uint32_t incarnation = 1;
  Accel accel = Accel::kTcg;
  std::uint32_t vcpus = 1;
  std::uint64_t memory_bytes = 512ull << 20;  // whole MiB
  std::string kernel;                         // vmlinux with a PVH note, or bzImage
  std::string initrd;                         // empty: none
  std::string cmdline;                        // guest_cmdline()
  std::string disk;                           // /dev/vda
  std::string disk_format = "qcow2";
  std::string seed;  // /dev/vdb, read-only, raw
  bool network = true;  // user networking
  std::string tap;      // the tap of a bridged guest, instead; with neither there is no network device at all
  std::string mac;
  std::vector<PortForward> forwards;
  std::string api_socket;  // QMP; at most kMaxSocketPath bytes
  std::string pidfile;
  std::string console;  // a FIFO that console.h made: QEMU drops output while nobody reads it
};

struct GuestBoot {
  Accel accel = Accel::kTcg;
  std::uint64_t tsc_khz =
      0;  // measure_tsc_khz(); without it a guest under TCG may hang while it calibrates
  std::string address = "10.0.2.15/24";  // what user networking expects
  std::string gateway = "10.0.2.2";
  std::string dns = "10.0.2.3";
  std::string hostname;  // a guest with a seed disk has it from there, too
  std::int64_t unix_seconds =
      0;              // the guest's clock is put forward to this if it is behind; 0: left alone
  std::string extra;  // the image's own words
};

inline constexpr std::size_t kMaxSocketPath = 107;  // sun_path without its end (unix(7))

// argv[0] is "qemu-system-x86_64". Paths may hold any character.
[[nodiscard]] std::vector<std::string> qemu_argv(const QemuSpec& spec);

// The argv element that names the QMP socket; it follows "-qmp".
[[nodiscard]] std::string qmp_argument(std::string_view api_socket);

[[nodiscard]] std::string guest_cmdline(const GuestBoot& boot);

}  // namespace banger::vmm
