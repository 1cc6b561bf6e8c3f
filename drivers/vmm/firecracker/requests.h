// What a Firecracker is told over its API socket, as values: a spec in, the requests of a start
// out, in the order in which they must be sent. Pure; api_client.h sends them. The rules are those
// of Firecracker's API description (tests/spec/firecracker-api.yaml): the tests hold every request
// to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/paths.h"
#include "events/result.h"

namespace banger::vmm::firecracker {

struct NetworkInterface {
  std::string tap;        // host_dev_name
  std::string mac;        // empty: Firecracker makes one up
  std::uint32_t mtu = 0;  // 0: the guest's own
};

struct Vsock {
  std::uint32_t guest_cid = 3;  // 0 to 2 are taken (vsock(7))
  std::string socket;           // Firecracker makes it, and fails if it is there
};

enum class LogLevel { kError, kWarning, kInfo, kDebug, kTrace };

// Paths are those that Firecracker will see: under a jailer, the ones inside (jail.h). They may
// hold any UTF-8; what is none cannot be said in JSON.
struct FirecrackerSpec {
  VmId vm;
  std::uint32_t incarnation = 1;
  std::uint32_t vcpus = 1;                    // 1 to 32
  std::uint64_t memory_bytes = 512ull << 20;  // whole MiB
  std::string kernel;                         // an uncompressed vmlinux
  std::string initrd;                         // empty: none
  std::string cmdline;                        // Firecracker adds root=/dev/vda itself
  std::string disk;                           // /dev/vda; raw, a file or a device
  bool disk_read_only = false;
  std::string seed;  // /dev/vdb, read-only, raw; empty: none
  std::optional<NetworkInterface> network;
  std::optional<Vsock> vsock;
  bool entropy = true;
  std::string log;  // an existing file or FIFO; empty: its stdout
  LogLevel log_level = LogLevel::kInfo;
  std::string metrics;  // an existing file or FIFO; empty: none
};

struct ApiRequest {
  std::string what;  // for a person: "boot source"
  std::string method;
  std::string path;
  std::string body;  // JSON; empty: none

  friend bool operator==(const ApiRequest&, const ApiRequest&) = default;
};

enum class Action { kInstanceStart, kSendCtrlAltDel, kFlushMetrics };
enum class VmState { kPaused, kResumed };

// Everything from the logger, so that it hears of the rest, to InstanceStart, which comes last. An
// error where the spec says what no Firecracker can do or JSON cannot hold.
[[nodiscard]] Result<std::vector<ApiRequest>> start_requests(const FirecrackerSpec& spec);

// After InstanceStart only; Ctrl-Alt-Del is how a guest is asked to go down.
[[nodiscard]] ApiRequest action_request(Action action);
// After InstanceStart only.
[[nodiscard]] ApiRequest state_request(VmState state);
[[nodiscard]] ApiRequest instance_request();
[[nodiscard]] ApiRequest version_request();

}  // namespace banger::vmm::firecracker
