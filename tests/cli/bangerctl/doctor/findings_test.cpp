// Each rule of doctor's, from a healthy host on which one thing is wrong.
#include "cli/bangerctl/doctor/findings.h"

#include <algorithm>
#include <functional>

#include "tests/catch.h"

using namespace banger::ctl::doctor;

namespace {

constexpr std::int64_t kNow = 1'700'000'000'000'000'000;

Facts healthy() {
  Facts facts{.client_version = "0.1.0", .now_ns = kNow};
  facts.config_file = "/etc/banger/banger.toml";
  facts.socket = "/run/banger/bangerd.sock";
  facts.data_dir = "/var/lib/banger";
  facts.daemon = DaemonFact{.version = "0.1.0",
                            .process = 812,
                            .accelerator = "kvm (a kernel came up)",
                            .disk = "dm_snapshot (device-mapper is there)",
                            .vmm = "qemu (configured)",
                            .last_observation_ns = kNow - 1'000'000'000,
                            .tick_ms = 5000,
                            .last_event_ns = kNow - 60'000'000'000};
  facts.lock_holder = 812;
  facts.directories = {{.path = "/var/lib/banger", .exists = true, .private_mode = true, .ours = true}};
  facts.kvm = KvmDevice::kOpens;
  facts.kvm_verdict = "kvm (a kernel came up)";
  facts.kvm_usable = true;
  facts.vmm_program = "qemu-system-x86_64";
  facts.vmm_path = "/usr/bin/qemu-system-x86_64";
  facts.qemu_img_path = "/usr/bin/qemu-img";
  facts.guest_program = "/usr/bin/banger-guest";
  facts.disk = {.free_bytes = 100ull << 30, .total_bytes = 200ull << 30, .low_water_bytes = 256ull << 20};
  facts.systemd = true;
  facts.log = LogFact{.head = 42, .epoch = 1};
  facts.plan = std::vector<SubjectFact>{{"vm web", "incarnation 1 up", "VMM of incarnation 1", "", ""}};
  facts.directories_of_nobody.emplace();
  facts.vmms_running = 1;
  return facts;
}

// Those that do not pass.
std::vector<Finding> wrong(const Facts& facts) {
  std::vector<Finding> all = diagnose(facts);
  std::erase_if(all, [](const Finding& each) { return each.level == Level::kPass; });
  return all;
}

Facts with(const std::function<void(Facts&)>& change) {
  Facts facts = healthy();
  change(facts);
  return facts;
}

// The one thing that is wrong.
Finding only(const Facts& facts) {
  const std::vector<Finding> all = wrong(facts);
  REQUIRE(all.size() == 1);
  CHECK_FALSE(all.front().mend.empty());
  return all.front();
}

Finding only(const std::function<void(Facts&)>& change) { return only(with(change)); }

}  // namespace

TEST_CASE("a healthy host passes each check, with a word about it and nothing to mend") {
  const std::vector<Finding> all = diagnose(healthy());
  CHECK(wrong(healthy()).empty());
  CHECK(all.size() >= 12);
  for (const Finding& each : all) {
    INFO(each.check);
    CHECK_FALSE(each.message.empty());
    CHECK(each.mend.empty());
  }
}

TEST_CASE("a configuration that bangerd does not take is a failure, in its words") {
  const Finding found = only([](Facts& facts) { facts.config_error = "banger.toml:3: tick is not a setting"; });
  CHECK(found.level == Level::kFail);
  CHECK(found.check == "config");
  CHECK(found.message == "banger.toml:3: tick is not a setting");
}

TEST_CASE("no daemon: what can be told without one is told") {
  Facts facts = with([](Facts& each) {
    each.daemon.reset();
    each.plan.reset();
    each.directories_of_nobody.reset();
    each.lock_holder = 0;
    each.vmms_running = 0;
    each.daemon_error = "no daemon answers";
    each.log = LogFact{.head = 42, .epoch = 1, .anchor = 42};
  });
  CHECK(only(facts).mend == "bangerctl daemon start");
  CHECK(only(facts).level == Level::kWarn);
  facts.vmms_running = 2;
  const auto two = wrong(facts);
  REQUIRE(two.size() == 2);
  CHECK(two[1].check == "strays");
  CHECK(two[1].message == "2 VMMs run without a daemon");
  // One that holds the directory and does not answer is worse than none.
  facts.vmms_running = 0;
  facts.lock_holder = 99;
  CHECK(only(facts).level == Level::kFail);
  CHECK(only(facts).message.find("pid 99 has /var/lib/banger") == 0);
}

TEST_CASE("a daemon of another version") {
  const Finding found = only([](Facts& facts) { facts.daemon->version = "0.0.9"; });
  CHECK(found.level == Level::kWarn);
  CHECK(found.message == "bangerctl is 0.1.0, the daemon 0.0.9");
}

TEST_CASE("a data directory that others can look into, that is another's, or cannot be seen") {
  CHECK(only([](Facts& facts) { facts.directories[0].private_mode = false; }).level == Level::kFail);
  CHECK(only([](Facts& facts) { facts.directories[0].ours = false; }).level == Level::kWarn);
  CHECK(only([](Facts& facts) {
          facts.directories[0] = {.path = "/var/lib/banger", .error = "Permission denied"};
        }).level == Level::kFail);
  // One that is not there yet will be made.
  CHECK(wrong(with([](Facts& facts) { facts.directories[0] = {.path = "/var/lib/banger"}; })).empty());
}

TEST_CASE("the disk: near the low water is a warning, below it a failure") {
  CHECK(only([](Facts& facts) { facts.disk.free_bytes = 900ull << 20; }).level == Level::kWarn);
  CHECK(only([](Facts& facts) { facts.disk.free_bytes = 200ull << 20; }).level == Level::kFail);
  CHECK(only([](Facts& facts) { facts.daemon->low_water = true; }).level == Level::kFail);
  CHECK(only([](Facts& facts) { facts.disk.error = "no such file system"; }).level == Level::kFail);
}

TEST_CASE("without a usable KVM guests are slow, and that is a warning") {
  CHECK(only([](Facts& facts) { facts.kvm = KvmDevice::kMissing; }).message.find("there is no /dev/kvm") == 0);
  CHECK(only([](Facts& facts) { facts.kvm = KvmDevice::kForbidden; }).mend.find("usermod -aG kvm") !=
        std::string::npos);
  const Finding stuck = only([](Facts& facts) {
    facts.kvm_usable = false;
    facts.kvm_verdict = "tcg (no kernel came up in 5 s)";
  });
  CHECK(stuck.level == Level::kWarn);
  CHECK(stuck.check == "kvm");
  CHECK(wrong(with([](Facts& facts) { facts.kvm_verdict.clear(); })).empty());
  // Who does not want it misses nothing.
  CHECK(wrong(with([](Facts& facts) {
          facts.kvm_usable = false;
          facts.kvm_verdict = "tcg (configured)";
        })).empty());
}

TEST_CASE("programs that are missing are failures with the package to install") {
  CHECK(only([](Facts& facts) { facts.vmm_path.clear(); }).mend.find("qemu-system-x86") != std::string::npos);
  CHECK(only([](Facts& facts) { facts.qemu_img_path.clear(); }).mend.find("qemu-utils") != std::string::npos);
  CHECK(only([](Facts& facts) { facts.guest_program.clear(); }).level == Level::kFail);
}

TEST_CASE("a log that cannot be read, ends before its anchor, or has lost events") {
  CHECK(only([](Facts& facts) { facts.log->error = "block 7: checksum"; }).level == Level::kFail);
  const Finding cut = only([](Facts& facts) { facts.log->anchor = 50; });
  CHECK(cut.level == Level::kFail);
  CHECK(cut.message == "head 42, epoch 1: the anchor promises event 50");
  CHECK(only([](Facts& facts) { facts.log->lost = 3; }).level == Level::kWarn);
  CHECK(wrong(with([](Facts& facts) { facts.log.reset(); })).empty());
}

TEST_CASE("a clock that was set back") {
  const Finding found = only([](Facts& facts) { facts.daemon->last_event_ns = kNow + 90'000'000'000; });
  CHECK(found.check == "clock");
  CHECK(found.message.find("90 s in the future") != std::string::npos);
  CHECK(wrong(with([](Facts& facts) { facts.daemon->last_event_ns = kNow + 1'000'000'000; })).empty());
}

TEST_CASE("a reconciler that fails or has gone silent") {
  CHECK(only([](Facts& facts) { facts.daemon->reconcile_error = "the last look failed"; }).level == Level::kWarn);
  CHECK(only([](Facts& facts) { facts.daemon->last_observation_ns = kNow - 600'000'000'000; }).level ==
        Level::kFail);
}

TEST_CASE("what the host shows otherwise than the log wants") {
  const Finding found = only([](Facts& facts) {
    facts.plan->push_back({"vm db", "incarnation 2 up", "no VMM", "record that it died", ""});
  });
  CHECK(found.message == "vm db: wanted incarnation 2 up, seen no VMM; next: record that it died");
  CHECK(only([](Facts& facts) { facts.plan->push_back({"vm db", "down", "unknown", "", ""}); }).message ==
        "vm db could not be told");
  // What is under way is not wrong.
  CHECK(wrong(with([](Facts& facts) {
          facts.plan->push_back({"vm db", "down", "VMM of incarnation 1", "", "stop_vmm"});
        })).empty());
}

TEST_CASE("strays and leftovers") {
  const Finding stray = only([](Facts& facts) { facts.vmms_of_nobody = {"pid 7, VM 00000000000000a1"}; });
  CHECK(stray.level == Level::kWarn);
  CHECK(stray.message.find("pid 7") != std::string::npos);
  const Finding left =
      only([](Facts& facts) { facts.directories_of_nobody = std::vector<std::string>{"a", "b", "c", "d", "e"}; });
  CHECK(left.message == "directories of no VM: a, b, c and 2 more");
  CHECK(left.mend == "bangerctl prune");
  CHECK(only([](Facts& facts) { facts.failed_images = {"debian"}; }).mend == "bangerctl prune");
}

TEST_CASE("a parked stream is a failure") {
  const Finding found = only([](Facts& facts) { facts.parked = {"vm/00000000000000a1: no such incarnation"}; });
  CHECK(found.level == Level::kFail);
  CHECK(found.check == "parked");
}

TEST_CASE("what disks are made of is told; only what was asked for and cannot be had is wrong") {
  const auto told = [](const Facts& facts) {
    for (const Finding& each : diagnose(facts)) {
      if (each.check == "disks") return each;
    }
    return Finding{};
  };
  const auto daemon_says = [](const std::string& words) {
    return with([&](Facts& facts) { facts.daemon->disk = words; });
  };
  CHECK(told(healthy()).message == "dm_snapshot (device-mapper is there)");
  CHECK(told(daemon_says("qcow2 (configured)")).message == "qcow2 (configured)");
  const Finding without = told(daemon_says("qcow2 (this kernel has no device-mapper)"));
  CHECK(without.level == Level::kPass);
  CHECK(without.message.contains("modprobe dm-snapshot"));
  CHECK(told(daemon_says("qcow2 (device-mapper takes root)")).message.contains("run the daemon as root"));
  const Finding wrong_one = told(daemon_says("none (dm_snapshot is configured, but this kernel has no device-mapper)"));
  CHECK(wrong_one.level == Level::kFail);
  CHECK(wrong_one.mend.contains("modprobe dm-snapshot"));

  const auto closed = [&](const std::string& choice, bool root, bool device_mapper) {
    return told(with([&](Facts& facts) {
      facts.daemon.reset();
      facts.disk_choice = choice;
      facts.root = root;
      facts.device_mapper = device_mapper;
    }));
  };
  CHECK(closed("auto", true, true).message.starts_with("dm_snapshot"));
  CHECK(closed("auto", true, false).message.starts_with("qcow2"));
  CHECK(closed("auto", false, true).message.starts_with("qcow2"));
  CHECK(closed("qcow2", true, true).message.starts_with("qcow2"));
  CHECK(closed("dm_snapshot", true, true).level == Level::kPass);
  CHECK(closed("dm_snapshot", true, false).mend.contains("modprobe"));
  CHECK(closed("dm_snapshot", false, true).mend.contains("as root"));
}

TEST_CASE("an observer that lacks a program is a warning with the packages to install") {
  CHECK(wrong(with([](Facts& f) { f.daemon->observer = "tools"; })).empty());
  const Finding lacking = only(with([](Facts& f) { f.daemon->observer = "tools (not to be found: dmsetup, ip)"; }));
  CHECK(lacking.level == Level::kWarn);
  CHECK(lacking.check == "observer");
  CHECK(lacking.message == "tools (not to be found: dmsetup, ip): what they would tell stays unknown");
  CHECK(lacking.mend.find("dmsetup") != std::string::npos);
  // Without a daemon what bangerd says of its configuration holds.
  std::vector<Finding> all = wrong(with([](Facts& f) {
    f.daemon.reset();
    f.observer = "tools (not to be found: ip)";
  }));
  CHECK(std::ranges::count(all, "observer", &Finding::check) == 1);
}

TEST_CASE("which VMM new starts get is told; only what was asked for and cannot be had is wrong") {
  const auto told = [](const std::function<void(Facts&)>& change) {
    for (const Finding& each : diagnose(with(change))) {
      if (each.check == "vmm") return each;
    }
    return Finding{};
  };
  CHECK(told([](Facts&) {}).message == "qemu (configured)");
  const auto asked = [](Facts& facts) {
    facts.vmm_choice = "firecracker";
    facts.firecracker_program = "firecracker";
    facts.firecracker_path = "/usr/bin/firecracker";
    facts.daemon->vmm = "firecracker (configured)";
  };
  CHECK(told(asked).level == Level::kPass);
  const Finding missing = told([&](Facts& facts) {
    asked(facts);
    facts.firecracker_path.clear();
  });
  CHECK(missing.level == Level::kFail);
  CHECK(missing.mend.contains("vmm.firecracker"));
  CHECK(told([&](Facts& facts) {
          asked(facts);
          facts.kvm = KvmDevice::kMissing;
        }).message.contains("/dev/kvm"));
  const auto jailed = [&](bool there, bool root) {
    return told([&](Facts& facts) {
      asked(facts);
      facts.jailer = "/usr/bin/jailer";
      facts.jailer_there = there;
      facts.root = root;
    });
  };
  CHECK(jailed(true, true).level == Level::kPass);
  CHECK(jailed(false, true).message.contains("/usr/bin/jailer is not to be found"));
  CHECK(jailed(true, false).mend.contains("as root"));

  const auto closed = [&](const std::string& choice, const std::string& path) {
    return told([&](Facts& facts) {
      facts.daemon.reset();
      facts.vmm_choice = choice;
      facts.firecracker_path = path;
    });
  };
  CHECK(closed("auto", "").message.starts_with("qemu,"));
  CHECK(closed("auto", "/usr/bin/firecracker").message.starts_with("firecracker,"));
  CHECK(closed("qemu", "/usr/bin/firecracker").message.starts_with("qemu,"));
}
