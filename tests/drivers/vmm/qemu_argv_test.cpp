#include "drivers/vmm/qemu_argv.h"

#include <algorithm>

#include "tests/catch.h"

using namespace banger;
using namespace banger::vmm;

namespace {

QemuSpec spec() {
  QemuSpec spec;
  spec.vm = VmId{0xabc};
  spec.accel = Accel::kTcg;
  spec.vcpus = 2;
  spec.memory_bytes = 1ull << 30;
  spec.kernel = "/i/kernel";
  spec.initrd = "/i/initrd";
  spec.cmdline = "console=ttyS0 quiet";
  spec.disk = "/v/disk.qcow2";
  spec.seed = "/v/seed";
  spec.mac = "52:54:00:00:00:01";
  spec.forwards = {{"127.0.0.1", 2222, 22}, {"127.0.0.1", 8080, 80}};
  spec.api_socket = "/v/qmp.sock";
  spec.pidfile = "/v/pid";
  spec.console = "/v/console";
  return spec;
}

std::string after(const std::vector<std::string>& argv, const std::string& option, int nth = 0) {
  auto it = argv.begin();
  for (int i = 0; i <= nth; ++i) {
    it = std::find(i == 0 ? it : it + 1, argv.end(), option);
    REQUIRE(it != argv.end());
  }
  return *(it + 1);
}

bool has(const std::vector<std::string>& argv, const std::string& word) {
  return std::find(argv.begin(), argv.end(), word) != argv.end();
}

}  // namespace

TEST_CASE("a microvm's argv says what the spec says") {
  auto argv = qemu_argv(spec());
  CHECK(argv[0] == "qemu-system-x86_64");
  CHECK(after(argv, "-name") == "banger-0000000000000abc-1");
  CHECK(after(argv, "-smp") == "2");
  CHECK(after(argv, "-m") == "1024M");
  CHECK(after(argv, "-kernel") == "/i/kernel");
  CHECK(after(argv, "-initrd") == "/i/initrd");
  CHECK(after(argv, "-append") == "console=ttyS0 quiet");
  CHECK(after(argv, "-netdev") ==
        "user,id=net0,ipv6=off,hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=tcp:127.0.0.1:8080-:80");
  CHECK(after(argv, "-drive", 0) ==
        "if=none,id=root,format=qcow2,discard=unmap,file=/v/disk.qcow2");
  CHECK(after(argv, "-drive", 1) == "if=none,id=seed,format=raw,readonly=on,file=/v/seed");
  CHECK(after(argv, "-device", 2) == "virtio-net-device,netdev=net0,mac=52:54:00:00:00:01");
  CHECK(after(argv, "-qmp") == qmp_argument("/v/qmp.sock"));
  CHECK(after(argv, "-pidfile") == "/v/pid");
  CHECK(has(argv, "-no-reboot"));
  CHECK(has(argv, "-nodefaults"));
  CHECK(has(argv, "-no-user-config"));
}

TEST_CASE("each accelerator has its own processor") {
  auto tcg = qemu_argv(spec());
  CHECK(after(tcg, "-accel") == "tcg,tb-size=64");
  CHECK(after(tcg, "-cpu") == "max");
  auto with_kvm = spec();
  with_kvm.accel = Accel::kKvm;
  auto kvm = qemu_argv(with_kvm);
  CHECK(after(kvm, "-accel") == "kvm");
  CHECK(after(kvm, "-cpu") == "host");
}

TEST_CASE("what is absent from the spec is absent from the argv") {
  auto bare = spec();
  bare.initrd.clear();
  bare.seed.clear();
  bare.forwards.clear();
  bare.mac.clear();
  auto argv = qemu_argv(bare);
  CHECK_FALSE(has(argv, "-initrd"));
  CHECK(std::count(argv.begin(), argv.end(), "-drive") == 1);
  CHECK(after(argv, "-netdev") == "user,id=net0,ipv6=off");
  CHECK(after(argv, "-device", 1) == "virtio-net-device,netdev=net0");
}

TEST_CASE("a comma in a path can't add an option of QEMU's") {
  auto odd = spec();
  odd.disk = "/v/a,readonly=off";
  odd.api_socket = "/v/a,wait=on";
  odd.console = "/v/c,mux=on";
  auto argv = qemu_argv(odd);
  CHECK(after(argv, "-drive").ends_with("file=/v/a,,readonly=off"));
  CHECK(after(argv, "-qmp") == "unix:/v/a,,wait=on,server=on,wait=off");
  CHECK(after(argv, "-chardev") == "file,id=console,append=on,path=/v/c,,mux=on");
}

TEST_CASE("the guest's command line under TCG has the counter's rate, under KVM not") {
  GuestBoot boot;
  boot.accel = Accel::kTcg;
  boot.tsc_khz = 2300000;
  boot.hostname = "web";
  boot.unix_seconds = 1700000000;
  boot.extra = "quiet2";
  CHECK(guest_cmdline(boot) ==
        "console=ttyS0 quiet reboot=t panic=-1 nokaslr tsc_early_khz=2300000 vm.ip=10.0.2.15/24 "
        "vm.gw=10.0.2.2 vm.dns=10.0.2.3 vm.host=web vm.time=1700000000 quiet2");
  boot.accel = Accel::kKvm;
  boot.extra.clear();
  boot.unix_seconds = 0;
  CHECK(guest_cmdline(boot) ==
        "console=ttyS0 quiet reboot=t panic=-1 vm.ip=10.0.2.15/24 vm.gw=10.0.2.2 vm.dns=10.0.2.3 "
        "vm.host=web");
}
