#include "cli/bangerctl/doctor/findings.h"

#include <algorithm>

namespace banger::ctl::doctor {
namespace {

using Findings = std::vector<Finding>;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kClockSlack = 5 * kSecond;  // what NTP may correct
constexpr std::size_t kMostNamed = 3;

Finding pass(std::string check, std::string message) {
  return {Level::kPass, std::move(check), std::move(message), {}};
}
Finding warn(std::string check, std::string message, std::string mend) {
  return {Level::kWarn, std::move(check), std::move(message), std::move(mend)};
}
Finding fail(std::string check, std::string message, std::string mend) {
  return {Level::kFail, std::move(check), std::move(message), std::move(mend)};
}

std::string mib(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

// "a, b, c and 4 more"
std::string some_of(const std::vector<std::string>& all) {
  std::string text;
  for (std::size_t i = 0; i < std::min(all.size(), kMostNamed); ++i) {
    text += (i == 0 ? "" : ", ") + all[i];
  }
  if (all.size() > kMostNamed) text += " and " + std::to_string(all.size() - kMostNamed) + " more";
  return text;
}

Finding config(const Facts& facts) {
  if (!facts.config_error.empty()) {
    return fail("config", facts.config_error, "mend the file; bangerd --check tells when it is right");
  }
  return pass("config", facts.config_file.empty() ? "none: the defaults hold" : facts.config_file);
}

Finding daemon(const Facts& facts) {
  if (facts.daemon) {
    return pass("daemon", "pid " + std::to_string(facts.daemon->process) + " answers at " + facts.socket);
  }
  if (facts.lock_holder != 0) {
    return fail("daemon",
                "pid " + std::to_string(facts.lock_holder) + " has " + facts.data_dir +
                    ", but does not answer at " + facts.socket + ": " + facts.daemon_error,
                "use its --socket, or end that process");
  }
  return warn("daemon", "none runs: " + facts.daemon_error, "bangerctl daemon start");
}

Finding version(const Facts& facts) {
  if (facts.daemon->version == facts.client_version) {
    return pass("version", "bangerctl and bangerd " + facts.client_version);
  }
  return warn("version",
              "bangerctl is " + facts.client_version + ", the daemon " + facts.daemon->version,
              "bangerctl daemon stop; the next command starts the new one");
}

void directories(const Facts& facts, Findings& out) {
  for (const DirectoryFact& each : facts.directories) {
    if (!each.exists) {
      const bool later = each.error.empty();
      out.push_back(later ? pass("directory", each.path + " is not there yet")
                          : fail("directory", each.path + ": " + each.error, "ls -ld " + each.path));
    } else if (!each.ours) {
      out.push_back(warn("directory", each.path + " belongs to another user",
                         "run bangerctl as that user, or sudo chown -R $USER " + each.path));
    } else if (!each.private_mode) {
      out.push_back(fail("directory", each.path + " is open to other users", "chmod go-w " + each.path + "; the data directory: chmod 0700"));
    } else {
      out.push_back(pass("directory", each.path + " is ours alone"));
    }
  }
}

Finding kvm(const Facts& facts) {
  const std::string slow = "guests run without it, slowly";
  switch (facts.kvm) {
    case KvmDevice::kMissing:
      return warn("kvm", "there is no /dev/kvm: " + slow,
                  "sudo modprobe kvm_intel || sudo modprobe kvm_amd, or switch it on in the firmware");
    case KvmDevice::kForbidden:
      return warn("kvm", "/dev/kvm may not be opened: " + slow, "sudo usermod -aG kvm $USER, and log in again");
    case KvmDevice::kOpens:
      if (facts.kvm_verdict.empty()) {
        return pass("kvm", "/dev/kvm opens; the first start of a VM will try it");
      }
      if (facts.kvm_usable || facts.kvm_verdict.ends_with("(configured)")) {
        return pass("kvm", facts.kvm_verdict);
      }
      return warn("kvm", facts.kvm_verdict + ": " + slow,
                  "vmm.accel = \"kvm\" in the configuration uses it all the same");
  }
  return pass("kvm", "");
}

// What new VMs' disks are made of. qcow2 is as good as it gets without root; only what was asked for and cannot be
// had is wrong.
Finding vm_disks(const Facts& facts) {
  const bool wants_root = facts.daemon ? facts.daemon->disk.contains("takes root") : !facts.root;
  const std::string mend = wants_root ? "run the daemon as root, or disk = \"auto\" in the configuration"
                                      : "sudo modprobe dm-snapshot, then bangerctl daemon stop; VMs go on";
  if (facts.daemon) {
    if (facts.daemon->disk.starts_with("none")) return fail("disks", facts.daemon->disk, mend);
    if (facts.daemon->disk.starts_with("qcow2") && !facts.daemon->disk.ends_with("(configured)")) {
      return pass("disks", facts.daemon->disk + "; for dm_snapshot: " + mend);
    }
    return pass("disks", facts.daemon->disk);
  }
  const bool can = facts.root && facts.device_mapper;
  if (facts.disk_choice == "dm_snapshot" && !can) {
    return fail("disks", std::string("disk = \"dm_snapshot\", but ") +
                             (facts.root ? "this kernel has no device-mapper loaded" : "device-mapper takes root"), mend);
  }
  if (facts.disk_choice == "raw") return pass("disks", "raw, as far as can be told without a daemon");
  if (facts.disk_choice == "qcow2" || !can) return pass("disks", "qcow2, as far as can be told without a daemon");
  return pass("disks", "dm_snapshot, as far as can be told without a daemon");
}

// Nobody needs bridged VMs who didn't ask for one, so that there can be none is no fault.
Finding bridged_vms(const Facts& facts) {
  const std::string mend = "run the daemon as root (sudo bangerd), with the module tun: sudo modprobe tun";
  if (!facts.daemon) return pass("network", facts.root ? "bridged VMs, as far as can be told without a daemon" : "no bridged VMs: " + mend);
  const std::string& network = facts.daemon->network;
  return pass("network", network.starts_with("none") ? "bridged VMs: " + network + "; " + mend : "bridged VMs: " + network);
}

// A look that lacks one of its programs leaves a part of the host unknown, for ever.
Finding observer(const Facts& facts) {
  const std::string& how = facts.daemon ? facts.daemon->observer : facts.observer;
  if (!how.contains("not to be found")) return pass("observer", how.empty() ? "native" : how);
  return warn("observer", how + ": what they would tell stays unknown",
              "sudo apt install procps dmsetup mount iproute2, or observer = \"native\" in the configuration");
}

// Which VMM new starts get. That it is QEMU is right wherever Firecracker was not asked for; what was asked for and
// cannot be had is wrong.
Finding vmm(const Facts& facts) {
  const bool asked = facts.vmm_choice == "firecracker";
  if (asked && facts.firecracker_path.empty()) {
    return fail("vmm", "vmm.kind = \"firecracker\", but " + facts.firecracker_program + " is not to be found",
                "install it, or vmm.firecracker in the configuration; vmm.kind = \"auto\" does without");
  }
  if (asked && facts.kvm != KvmDevice::kOpens) {
    return fail("vmm", "vmm.kind = \"firecracker\", which needs /dev/kvm",
                "make /dev/kvm usable, or vmm.kind = \"auto\" in the configuration");
  }
  if (facts.vmm_choice != "qemu" && !facts.jailer.empty() && (!facts.jailer_there || !facts.root)) {
    return fail("vmm", "vmm.jailer: " + (facts.jailer_there ? "a jail takes root" : facts.jailer + " is not to be found"),
                facts.jailer_there ? "run the daemon as root, or leave vmm.jailer out" : "install it, or leave vmm.jailer out");
  }
  if (facts.daemon) return pass("vmm", facts.daemon->vmm);
  const bool maybe = asked || (facts.vmm_choice == "auto" && !facts.firecracker_path.empty());
  return pass("vmm", std::string(maybe ? "firecracker" : "qemu") + ", as far as can be told without a daemon");
}

void programs(const Facts& facts, Findings& out) {
  const auto one = [&](const std::string& name, const std::string& path, const std::string& mend) {
    out.push_back(path.empty() ? fail("programs", name + " is not to be found", mend)
                               : pass("programs", path));
  };
  one(facts.vmm_program, facts.vmm_path,
      "sudo apt install qemu-system-x86, or vmm.program in the configuration");
  one("qemu-img", facts.qemu_img_path, "sudo apt install qemu-utils");
  one("banger-guest", facts.guest_program, "install it beside bangerctl");
}

Finding disk(const Facts& facts) {
  const DiskFact& disk = facts.disk;
  if (!disk.error.empty()) return fail("disk", disk.error, "df -h " + facts.data_dir);
  const std::string room = mib(disk.free_bytes) + " free of " + mib(disk.total_bytes);
  const std::string mend = "bangerctl df, bangerctl prune, bangerctl vm rm NAME";
  if (disk.free_bytes < disk.low_water_bytes || (facts.daemon && facts.daemon->low_water)) {
    return fail("disk", room + ", below the low water of " + mib(disk.low_water_bytes) +
                            ": only stops and deletes are taken", mend);
  }
  if (disk.free_bytes < 4 * disk.low_water_bytes) {
    return warn("disk", room + ", near the low water of " + mib(disk.low_water_bytes), mend);
  }
  return pass("disk", room);
}

Finding systemd(const Facts& facts) {
  return pass("systemd", facts.systemd
                             ? "runs; a unit for bangerd needs KillMode=process and SendSIGKILL=no"
                             : "does not run here: VMs are sessions of their own");
}

Finding log(const Facts& facts) {
  if (!facts.log) return pass("log", "none yet");
  const LogFact& log = *facts.log;
  const std::string mend = "bangerctl log verify, or without a daemon banger-log verify; docs/EVENT_LOG.md";
  if (!log.error.empty()) return fail("log", log.error, mend);
  const std::string at = "head " + std::to_string(log.head) + ", epoch " + std::to_string(log.epoch);
  if (log.anchor && *log.anchor > log.head) {
    return fail("log", at + ": the anchor promises event " + std::to_string(*log.anchor), mend);
  }
  if (log.lost != 0) {
    return warn("log", at + ": " + std::to_string(log.lost) + " acknowledged events were given up in a repair",
                "bangerctl events ls --kind log_epoch_began");
  }
  return pass("log", at + (log.anchor ? ", anchor " + std::to_string(*log.anchor) : ""));
}

Finding clock(const Facts& facts) {
  const std::int64_t ahead = facts.daemon->last_event_ns - facts.now_ns;
  if (ahead <= kClockSlack) return pass("clock", "not behind the last event");
  return warn("clock",
              "the last event is " + std::to_string(ahead / kSecond) +
                  " s in the future: the clock was set back",
              "timedatectl status; the order of events is by sequence and stays right");
}

void reconciler(const Facts& facts, Findings& out) {
  const DaemonFact& daemon = *facts.daemon;
  if (!daemon.reconcile_error.empty()) {
    out.push_back(warn("reconciler", daemon.reconcile_error, "bangerctl reconcile status"));
    return;
  }
  const std::int64_t silent = facts.now_ns - daemon.last_observation_ns;
  const auto tick_ns = static_cast<std::int64_t>(daemon.tick_ms) * 1'000'000;
  if (daemon.last_observation_ns != 0 && silent > 10 * tick_ns + 60 * kSecond) {
    out.push_back(fail("reconciler", "has not looked at the host for " + std::to_string(silent / kSecond) + " s",
                       "bangerctl daemon stop; VMs go on, and the next command starts it again"));
    return;
  }
  out.push_back(pass("reconciler", "looks at the host every " + std::to_string(daemon.tick_ms) + " ms"));
}

void subjects(const Facts& facts, Findings& out) {
  std::size_t fine = 0;
  for (const SubjectFact& each : *facts.plan) {
    const std::string differs = each.subject + ": wanted " + each.desired + ", seen " + each.observed;
    if (!each.under_way.empty()) {
      out.push_back(pass("host", differs + "; " + each.under_way + " is under way"));
    } else if (!each.action.empty()) {
      out.push_back(warn("host", differs + "; next: " + each.action,
                         "bangerctl reconcile plan; the reconciler does it by itself"));
    } else if (each.observed == "unknown") {
      out.push_back(warn("host", each.subject + " could not be told", "bangerctl reconcile plan"));
    } else {
      ++fine;
    }
  }
  if (fine == facts.plan->size()) {
    out.push_back(pass("host", std::to_string(fine) + " VMs and images are as the log wants them"));
  }
}

void strays(const Facts& facts, Findings& out) {
  if (!facts.daemon) {
    if (facts.vmms_running != 0) {
      out.push_back(warn("strays", std::to_string(facts.vmms_running) + " VMMs run without a daemon",
                         "bangerctl daemon start: it adopts those that it knows"));
    }
    return;
  }
  for (const std::string& each : facts.vmms_of_nobody) {
    out.push_back(warn("strays", "a VMM of no VM of this log runs: " + each,
                       "look at it (ps), and end it yourself: banger never touches what it does not know"));
  }
  if (facts.directories_of_nobody && !facts.directories_of_nobody->empty()) {
    out.push_back(warn("strays", "directories of no VM: " + some_of(*facts.directories_of_nobody),
                       "bangerctl prune"));
  }
  if (facts.vmms_of_nobody.empty() && facts.directories_of_nobody && facts.directories_of_nobody->empty()) {
    out.push_back(pass("strays", "none"));
  }
}

void parked(const Facts& facts, Findings& out) {
  for (const std::string& each : facts.parked) {
    out.push_back(fail("parked", each, "bangerctl projection dump parked; its stream takes no more events"));
  }
  if (facts.parked.empty()) out.push_back(pass("parked", "no stream"));
}

}  // namespace

std::string_view name_of(Level level) {
  switch (level) {
    case Level::kPass:
      return "pass";
    case Level::kWarn:
      return "warn";
    case Level::kFail:
      return "fail";
  }
  return {};
}

std::vector<Finding> diagnose(const Facts& facts) {
  Findings out{config(facts), daemon(facts)};
  if (facts.daemon) out.push_back(version(facts));
  directories(facts, out);
  out.push_back(disk(facts));
  out.push_back(kvm(facts));
  out.push_back(vmm(facts));
  out.push_back(vm_disks(facts));
  out.push_back(bridged_vms(facts));
  out.push_back(observer(facts));
  programs(facts, out);
  out.push_back(systemd(facts));
  out.push_back(log(facts));
  if (facts.daemon) {
    out.push_back(clock(facts));
    reconciler(facts, out);
    parked(facts, out);
  }
  if (facts.plan) subjects(facts, out);
  strays(facts, out);
  if (!facts.failed_images.empty()) {
    out.push_back(warn("images", "not made: " + some_of(facts.failed_images), "bangerctl prune"));
  }
  return out;
}

}  // namespace banger::ctl::doctor
