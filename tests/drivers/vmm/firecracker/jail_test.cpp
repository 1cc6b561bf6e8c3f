#include "drivers/vmm/firecracker/jail.h"

#include "drivers/vmm/qemu_argv.h"
#include "tests/catch.h"

using namespace banger;
using namespace banger::vmm::firecracker;
using How = JailEntry::How;

namespace {

JailConfig config() {
  JailConfig config;
  config.program = "/usr/bin/firecracker";
  config.base = "/j";
  config.first_uid = 60'000;
  config.uid_count = 100;
  config.gid = 999;
  return config;
}

FirecrackerSpec spec() {
  FirecrackerSpec spec{.vm = VmId{0xabc}, .incarnation = 3};
  spec.vcpus = 2;
  spec.memory_bytes = 256ull << 20;
  spec.kernel = "/i/vmlinux \"1\"";
  spec.initrd = "/i/initrd";
  spec.disk = "/dev/mapper/banger-abc";
  spec.seed = "/v/seed";
  spec.log = "/v/log";
  spec.metrics = "/v/metrics";
  spec.vsock = Vsock{3, "/v/vsock"};
  return spec;
}

std::string refused(const JailConfig& config, std::uint32_t uid = 60'001) {
  const auto jail = jail_of(config, spec(), true, uid);
  REQUIRE_FALSE(jail);
  return jail.error().message;
}

}  // namespace

TEST_CASE("a jailer's argv names the VM's user, its chroot and its cgroup") {
  const auto jail = jail_of(config(), spec(), true, 60'001);
  REQUIRE(jail);
  CHECK(jail->argv == std::vector<std::string>{"jailer",
                                               "--id",
                                               "banger-0000000000000abc-3",
                                               "--exec-file",
                                               "/usr/bin/firecracker",
                                               "--uid",
                                               "60001",
                                               "--gid",
                                               "999",
                                               "--chroot-base-dir",
                                               "/j",
                                               "--cgroup-version",
                                               "2",
                                               "--parent-cgroup",
                                               "banger",
                                               "--cgroup",
                                               "memory.max=335544320",
                                               "--cgroup",
                                               "cpu.max=200000 100000",
                                               "--cgroup",
                                               "pids.max=64",
                                               "--",
                                               "--api-sock",
                                               "run/api.sock"});
  CHECK(jail->uid == 60'001);
  CHECK(jail->gid == 999);
  CHECK(jail->cgroup == "banger/banger-0000000000000abc-3");
  CHECK(jail->root == "/j/firecracker/banger-0000000000000abc-3/root");
  CHECK(jail->api_socket == "/j/firecracker/banger-0000000000000abc-3/root/run/api.sock");
}

TEST_CASE("the binary's own name is a directory of the chroot's path") {
  auto versioned = config();
  versioned.program = "/opt/firecracker-v1.17";
  CHECK(jail_of(versioned, spec(), true, 60'001)->root ==
        "/j/firecracker-v1.17/banger-0000000000000abc-3/root");
}

TEST_CASE("everything that Firecracker opens lies in the jail, and is called by its name there") {
  const auto jail = jail_of(config(), spec(), true, 60'001);
  REQUIRE(jail);
  CHECK(jail->entries ==
        std::vector<JailEntry>{{"/i/vmlinux \"1\"", "kernel", How::kHardLink, false},
                               {"/i/initrd", "initrd", How::kHardLink, false},
                               {"/dev/mapper/banger-abc", "disk", How::kDeviceNode, true},
                               {"/v/seed", "seed", How::kHardLink, false},
                               {"/v/log", "run/log", How::kHardLink, true},
                               {"/v/metrics", "run/metrics", How::kHardLink, true}});
  CHECK(jail->spec.kernel == "kernel");
  CHECK(jail->spec.initrd == "initrd");
  CHECK(jail->spec.disk == "disk");
  CHECK(jail->spec.seed == "seed");
  CHECK(jail->spec.log == "run/log");
  CHECK(jail->spec.metrics == "run/metrics");
  CHECK(jail->spec.vsock->socket == "run/vsock.sock");
  const auto requests = start_requests(jail->spec);
  REQUIRE(requests);
  for (const ApiRequest& request : *requests) {
    for (const char* host : {"/i/", "/v/", "/dev/"}) CHECK_FALSE(request.body.contains(host));
  }
}

TEST_CASE("what a VM does not have is not in its jail") {
  FirecrackerSpec bare{.vm = VmId{1}};
  bare.kernel = "/i/k";
  bare.disk = "/v/disk.raw";
  bare.disk_read_only = true;
  const auto jail = jail_of(config(), bare, false, 60'001);
  REQUIRE(jail);
  CHECK(jail->entries == std::vector<JailEntry>{{"/i/k", "kernel", How::kHardLink, false},
                                                {"/v/disk.raw", "disk", How::kHardLink, false}});
  CHECK(jail->spec.initrd.empty());
  CHECK(jail->spec.log.empty());
  CHECK_FALSE(jail->spec.vsock);
}

TEST_CASE("a jail that would be none is refused, in words") {
  auto other = config();
  other.program = "firecracker";
  CHECK(refused(other).contains("not absolute"));
  other = config();
  other.program = "/usr/bin/qemu";
  CHECK(refused(other).contains("/usr/bin/qemu"));
  other = config();
  other.base = "jails";
  CHECK(refused(other).contains("not absolute"));
  other = config();
  other.base = "/" + std::string(vmm::kMaxSocketPath, 'b');
  CHECK(refused(other).contains("too long"));
  other = config();
  for (const char* path : {"", "/vms", "../system.slice", "a/../..", "./a", "a/", "a//b"}) {
    other.parent_cgroup = path;
    CHECK(refused(other).contains("no cgroup"));
  }
  other = config();
  other.gid = 0;
  CHECK(refused(other).contains("root"));
  CHECK(refused(config(), 0).contains("root"));
}

TEST_CASE("VMs may be put several cgroups down") {
  auto nested = config();
  nested.parent_cgroup = "banger/vms..x";
  CHECK(jail_of(nested, spec(), true, 60'001)->cgroup == "banger/vms..x/banger-0000000000000abc-3");
}

TEST_CASE("a VM's user is its own, and the same again while it is free") {
  const auto c = config();
  CHECK(jail_uid(c, VmId{7}, {}) == 60'007u);
  CHECK(jail_uid(c, VmId{107}, {}) == 60'007u);
  CHECK(jail_uid(c, VmId{107}, {60'007, 60'008}) == 60'009u);
  CHECK(jail_uid(c, VmId{99}, {60'099}) == 60'000u);
  std::set<std::uint32_t> all;
  for (std::uint32_t i = 0; i < c.uid_count; ++i) all.insert(c.first_uid + i);
  CHECK(jail_uid(c, VmId{7}, all).error().message.contains("all 100"));
  all.erase(60'050);
  CHECK(jail_uid(c, VmId{7}, all) == 60'050u);
}

TEST_CASE("a range of users that holds root, nobody or the impossible is refused") {
  for (auto [first, count] : {std::pair{0u, 10u}, {60'000u, 0u}, {UINT32_MAX - 5, 10u}}) {
    auto c = config();
    c.first_uid = first;
    c.uid_count = count;
    CHECK_FALSE(jail_uid(c, VmId{7}, {}));
  }
}
