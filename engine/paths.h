// Where everything of a VM and an image lies. Derived from ids alone, so that it can be found, and swept,
// without asking anybody (predecessor's leak: names that could not be derived after a crash).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "events/ids.h"

namespace banger {

struct Layout {
  std::string data_dir;  // absolute, without a trailing slash

  [[nodiscard]] std::string vms_dir() const { return data_dir + "/vms"; }
  [[nodiscard]] std::string images_dir() const { return data_dir + "/images"; }
  [[nodiscard]] std::string log_dir() const { return data_dir + "/log"; }
  [[nodiscard]] std::string anchor_dir() const { return data_dir + "/anchor"; }
  [[nodiscard]] std::string lock_file() const { return data_dir + "/lock"; }
  // Chroots of jailed VMMs: on one file system with what is hard-linked into them.
  [[nodiscard]] std::string jails_dir() const { return data_dir + "/jails"; }
};

struct VmPaths {
  std::string dir;
  std::string api_socket;  // in the VMM's argv: what makes a process provably this VM's
  std::string overlay;     // the system disk as a qcow2 file: copy-on-write over the image
  std::string cow;   // the system disk as a snapshot of device-mapper: what was written over the image,
  std::string rest;  // and what the disk has beyond it
  std::string raw;   // the system disk as a plain file: a copy of the image
  std::string seed;        // what the guest is told at boot: its name, its host key, who may come in
  std::string console_pipe;  // what the VMM writes the console to, and its own complaints
  std::string console_log;   // what the daemon keeps of that, capped
  std::string vmm_log_pipe;  // what a VMM with a log of its own writes it to,
  std::string vmm_log;       // and what the daemon keeps of that, capped
  std::string metrics_pipe;  // the same for its metrics
  std::string metrics;
  std::string pidfile;
  std::string handles;  // handles.json: hints, never an authority
  std::string client_key;
  std::string host_key_public;  // one line: the only key that the guest may answer with
};

[[nodiscard]] VmPaths vm_paths(const Layout& layout, VmId vm);
// The chroot of a VMM in its jail; `program` is what its binary is called, `name` what vmm_name() gives.
[[nodiscard]] std::string jail_root(const Layout& layout, std::string_view program, std::string_view name);
// A jailed VMM's API socket as it is called in there, and so in its argv.
inline constexpr std::string_view kJailApiSocket = "run/api.sock";
[[nodiscard]] std::string image_dir(const Layout& layout, ImageId image);
// The VM whose API socket `path` would be, if it is one under this layout.
[[nodiscard]] VmId vm_of_api_socket(const Layout& layout, std::string_view path);

// "banger-<id>-<incarnation>": what a VMM is told that it is called, so that its argv tells which start it is of.
struct VmmName {
  VmId vm;
  std::uint32_t incarnation = 0;

  friend bool operator==(const VmmName&, const VmmName&) = default;
};
[[nodiscard]] std::string vmm_name(const VmmName& name);
// Exactly what vmm_name() gives for some VM and an incarnation of at least 1, or nothing.
[[nodiscard]] std::optional<VmmName> parse_vmm_name(std::string_view text);

// "<name>.vm", the name that the resolver will answer to.
[[nodiscard]] std::string dns_name(std::string_view vm_name);

}  // namespace banger
