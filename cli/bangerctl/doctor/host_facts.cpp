#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/bangerctl/doctor/capture.h"
#include "cli/bangerctl/doctor/gather.h"
#include "cli/bangerctl/spawn.h"
#include "cli/common/directory.h"
#include "engine/paths.h"

namespace banger::ctl::doctor {
namespace {

constexpr std::size_t kMostCommandLine = 128 * 1024;  // of a process; QEMU's has about 3 KiB

// "key = value" lines, as bangerd --check prints them.
std::map<std::string, std::string> parse_settings(const std::string& text) {
  std::map<std::string, std::string> settings;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto mark = line.find(" = ");
    if (mark != std::string::npos) settings[line.substr(0, mark)] = line.substr(mark + 3);
  }
  return settings;
}

std::string one_line(std::string text) {
  if (text.starts_with("bangerd: ")) text.erase(0, 9);
  text.resize(std::min(text.find('\n'), text.size()));
  return text;
}

// A program by name in PATH, or by path; empty where there is none.
std::string find_executable(const std::string& name) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? name : "";
  const char* path = std::getenv("PATH");
  std::istringstream places(path ? path : "");
  for (std::string place; std::getline(places, place, ':');) {
    const std::string candidate = place + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

// `forbidden`: bits of the mode that must not be set.
DirectoryFact look_at_directory(const std::string& path, unsigned forbidden) {
  DirectoryFact fact{.path = path};
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno != ENOENT) fact.error = std::strerror(errno);
    return fact;
  }
  fact.exists = S_ISDIR(info.st_mode);
  if (!fact.exists) fact.error = "is no directory";
  fact.private_mode = (info.st_mode & forbidden) == 0;
  fact.ours = info.st_uid == ::geteuid();
  return fact;
}

DiskFact look_at_disk(std::string path, std::uint64_t low_water_bytes) {
  DiskFact fact{.low_water_bytes = low_water_bytes};
  struct statvfs room {};
  // A data directory that is still to be made will lie on the file system of the nearest one above.
  while (::statvfs(path.c_str(), &room) != 0) {
    if (errno != ENOENT || path.size() <= 1) {
      fact.error = path + ": " + std::strerror(errno);
      return fact;
    }
    path = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
  }
  fact.free_bytes = static_cast<std::uint64_t>(room.f_bavail) * room.f_frsize;
  fact.total_bytes = static_cast<std::uint64_t>(room.f_blocks) * room.f_frsize;
  return fact;
}

void look_at_kvm(Facts& facts) {
  const int fd = ::open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    facts.kvm = errno == ENOENT ? KvmDevice::kMissing : KvmDevice::kForbidden;
    return;
  }
  ::close(fd);
  facts.kvm = KvmDevice::kOpens;
  if (facts.daemon && facts.daemon->accelerator != "not tried yet" &&
      facts.daemon->accelerator != "being tried") {
    facts.kvm_verdict = facts.daemon->accelerator;
    facts.kvm_usable = facts.kvm_verdict.starts_with("kvm");
    return;
  }
  // What the last trial boot of this host's boot gave (drivers/vmm/kvm_probe.h).
  std::ifstream file(facts.data_dir + "/kvm-probe.json");
  const auto kept = nlohmann::json::parse(file, nullptr, false);
  std::ifstream boot_file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  std::getline(boot_file, boot);
  if (!kept.is_object() || !kept.value("key", "").starts_with(boot)) return;
  facts.kvm_usable = kept.value("usable", false);
  facts.kvm_verdict = kept.value("reason", "");
}

bool has_device_mapper() {
  std::ifstream misc("/proc/misc");
  for (std::string line; std::getline(misc, line);) {
    if (line.ends_with(" device-mapper")) return true;
  }
  return false;
}

// Who holds the flock on the data directory, by /proc/locks: asking by flock() would take it.
std::int32_t lock_holder(const std::string& lock_file) {
  struct stat info {};
  if (::stat(lock_file.c_str(), &info) != 0) return 0;
  std::ifstream locks("/proc/locks");
  const std::string inode = ":" + std::to_string(info.st_ino) + " ";  // after MAJOR:MINOR
  for (std::string line; std::getline(locks, line);) {
    // "1: FLOCK  ADVISORY  WRITE 812 08:01:131 0 EOF" (proc(5)); "1: -> ..." waits only
    int pid = 0;
    if (line.find(inode) == std::string::npos || line.find("->") != std::string::npos) continue;
    if (std::sscanf(line.c_str(), "%*s FLOCK %*s %*s %d", &pid) == 1) return pid;
  }
  return 0;
}

// The VM whose API socket stands among the words of a command line, each ended by NUL.
VmId vm_named_in(const std::string& words, const Layout& layout) {
  const std::string start = layout.vms_dir() + "/";
  for (std::size_t at = words.find(start); at != std::string::npos; at = words.find(start, at + 1)) {
    // The path may stand in a list of QEMU's options: it ends with the word, or with a comma.
    const auto end = words.find_first_of(std::string_view("\0,", 2), at);
    if (const VmId vm = vm_of_api_socket(layout, words.substr(at, end - at))) return vm;
  }
  // In a jail of ours it names no path of the host: its program and its name lead to its jail.
  const auto id = words.find(std::string_view("\0--id\0", 6));
  if (id == std::string::npos || words.find(kJailApiSocket) == std::string::npos) return {};
  const std::string program(words.c_str()), name(words.c_str() + id + 6);
  const auto named = parse_vmm_name(name);
  const std::string root = jail_root(layout, program.substr(program.rfind('/') + 1), name);
  return named && ::access(root.c_str(), F_OK) == 0 ? named->vm : VmId{};
}

}  // namespace

void gather_settings(const DaemonStart& start, Facts& facts) {
  facts.socket = start.socket;
  facts.data_dir = start.data_dir;
  facts.vmm_program = "qemu-system-x86_64";
  facts.firecracker_program = "firecracker";
  facts.disk.low_water_bytes = 256u << 20;
  const auto program = find_program("bangerd");
  if (!program) {
    facts.config_error = program.error().message;
    return;
  }
  std::vector<std::string> args{"--check"};
  if (!start.config.empty()) args.insert(args.end(), {"--config", start.config});
  if (start.pass_data_dir) args.insert(args.end(), {"--data-dir", start.data_dir});
  const auto checked = capture(*program, args);
  if (!checked || checked->code != 0) {
    facts.config_error = checked ? one_line(checked->err) : checked.error().message;
    return;
  }
  auto settings = parse_settings(checked->out);
  facts.config_file = settings["config"];
  facts.data_dir = settings["data_dir"];
  facts.disk_choice = settings["disk"];
  facts.observer = settings["observer"];
  facts.vmm_program = settings["vmm.program"];
  facts.vmm_choice = settings["vmm.kind"];
  facts.firecracker_program = settings["vmm.firecracker"];
  facts.jailer = settings["vmm.jailer"];
  facts.disk.low_water_bytes =
      std::strtoull(settings["log.low_water_mib"].c_str(), nullptr, 10) << 20;
}

void gather_host(Facts& facts) {
  const Layout layout{facts.data_dir};
  facts.directories.push_back(look_at_directory(layout.data_dir, 077));
  // Whoever may write beside the socket may put another one in its place.
  facts.directories.push_back(
      look_at_directory(facts.socket.substr(0, facts.socket.rfind('/')), 022));
  facts.lock_holder = lock_holder(layout.lock_file());
  look_at_kvm(facts);
  facts.device_mapper = has_device_mapper();
  facts.root = ::geteuid() == 0;
  facts.vmm_path = find_executable(facts.vmm_program);
  facts.firecracker_path = find_executable(facts.firecracker_program);
  facts.jailer_there = !facts.jailer.empty() && !find_executable(facts.jailer).empty();
  facts.qemu_img_path = find_executable("qemu-img");
  facts.guest_program = find_program("banger-guest").value_or("");
  facts.disk = look_at_disk(facts.data_dir, facts.disk.low_water_bytes);
  facts.systemd = ::access("/run/systemd/system", F_OK) == 0;  // sd_booted(3)
  facts.vmms_running = find_vmms(layout.vms_dir()).size();
}

void gather_closed_log(Facts& facts) {
  const Layout layout{facts.data_dir};
  if (::access((layout.log_dir() + "/db").c_str(), F_OK) != 0) return;
  facts.log.emplace();
  const auto program = find_program("banger-log");
  const auto told = program ? capture(*program, {"--log", layout.log_dir(), "--anchor",
                                                 layout.anchor_dir(), "-o", "json", "stat"})
                            : Result<Captured>(std::unexpected(program.error()));
  if (!told || told->code != 0) {
    facts.log->error = told ? one_line(told->err) : told.error().message;
    return;
  }
  const auto stat = nlohmann::json::parse(told->out, nullptr, false);
  if (!stat.is_object() || !stat.contains("head")) {
    facts.log->error = "banger-log gave no answer";
    return;
  }
  facts.log->head = stat.value("head", std::uint64_t{0});
  if (stat["anchor"].is_object()) facts.log->anchor = stat["anchor"].value("sequence", std::uint64_t{0});
  if (!stat["epochs"].is_array() || stat["epochs"].empty()) return;
  const auto& epoch = stat["epochs"].back();
  facts.log->epoch = epoch.value("number", std::uint64_t{0});
  const auto anchored = epoch.value("anchored", std::uint64_t{0});
  const auto kept = epoch.value("begins_after", std::uint64_t{0});
  facts.log->lost = anchored > kept ? anchored - kept : 0;
}

std::vector<VmmProcess> find_vmms(const std::string& vms_dir) {
  std::vector<VmmProcess> found;
  const auto processes = cli::names_in("/proc");
  if (!processes) return found;
  const Layout layout{vms_dir.substr(0, vms_dir.rfind('/'))};
  for (const std::string& name : *processes) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file("/proc/" + name + "/cmdline");
    std::string words(kMostCommandLine, '\0');
    file.read(words.data(), static_cast<std::streamsize>(words.size()));
    words.resize(static_cast<std::size_t>(file.gcount()));
    if (const VmId vm = vm_named_in(words, layout)) found.push_back({std::atoi(name.c_str()), vm.hex()});
  }
  return found;
}

}  // namespace banger::ctl::doctor
