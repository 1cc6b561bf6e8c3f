// What doctor found out, before anybody judges it: values only. host_facts.cpp and daemon_facts.cpp
// fill it, findings.cpp reads it. What could not be found out is empty, and says so where that
// matters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace banger::ctl::doctor {

struct DirectoryFact {
  std::string path;
  bool exists = false;
  bool private_mode = false;  // nobody but its owner may look in
  bool ours = false;          // belongs to us
  std::string error;
};

struct DiskFact {
  std::uint64_t free_bytes = 0;
  std::uint64_t total_bytes = 0;
  std::uint64_t low_water_bytes = 0;
  std::string error;
};

enum class KvmDevice { kMissing, kForbidden, kOpens };

struct LogFact {
  std::uint64_t head = 0;
  std::uint64_t epoch = 0;
  std::uint64_t lost = 0;               // events that were promised when the epoch began, and given up
  std::optional<std::uint64_t> anchor;  // sequence; nothing: not looked at
  std::string error;                    // it could not be looked at, or is not sound
};

struct DaemonFact {
  std::string version;
  std::int32_t process = 0;
  std::string accelerator;
  std::string disk;  // what new VMs' disks are, with why
  std::string network;  // of bridged VMs, or why there can be none
  std::string observer;  // how it looks at the host, with what it misses for that
  std::string vmm;   // what new starts get, with why
  bool low_water = false;
  std::string reconcile_error;
  std::int64_t last_observation_ns = 0;
  std::uint64_t tick_ms = 0;
  std::int64_t last_event_ns = 0;  // 0: the log is empty
};

// A line of the reconciler's plan.
struct SubjectFact {
  std::string subject, desired, observed, action, under_way;
};

struct Facts {
  std::string client_version;
  std::int64_t now_ns = 0;

  std::string config_file;   // empty: none
  std::string config_error;  // empty: it is in order

  std::string socket;
  std::optional<DaemonFact> daemon;  // nothing: none answers
  std::string daemon_error;          // why
  std::string data_dir;
  std::vector<DirectoryFact> directories;
  std::int32_t lock_holder = 0;  // who has the data directory locked; 0: nobody

  KvmDevice kvm = KvmDevice::kMissing;
  std::string kvm_verdict;  // of the last trial boot, in words; empty: none was made
  bool kvm_usable = false;  // by that verdict
  std::string disk_choice;      // of the configuration
  std::string observer;         // likewise, as bangerd describes it
  bool device_mapper = false;   // this kernel has it loaded
  bool root = false;
  std::string vmm_choice;  // of the configuration, as is all that follows
  std::string firecracker_program;
  std::string firecracker_path;  // empty: not found
  std::string jailer;            // empty: none is configured
  bool jailer_there = false;
  std::string vmm_program;
  std::string vmm_path;       // empty: not found
  std::string qemu_img_path;  // likewise
  std::string guest_program;  // banger-guest
  DiskFact disk;
  bool systemd = false;

  std::optional<LogFact> log;  // nothing: there is no log yet
  std::optional<std::vector<SubjectFact>> plan;
  std::vector<std::string> parked;  // streams, by label, with why
  std::vector<std::string> failed_images;
  // VM directories and VMMs below the data directory whose VM the log does not know; for want of a
  // daemon that knows, all of them.
  std::optional<std::vector<std::string>> directories_of_nobody;
  std::vector<std::string> vmms_of_nobody;  // "pid 812, VM 00000000000000a1"
  std::uint64_t vmms_running = 0;
};

}  // namespace banger::ctl::doctor
