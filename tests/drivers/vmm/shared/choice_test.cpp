// Which VMM a start gets, and what is said where it can have none.
#include <filesystem>
#include <fstream>

#include "drivers/effects/vmm_drivers.h"
#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"

using namespace banger;
using namespace banger::effects;

namespace {

struct Chooser {
  test::TempDir dir;
  HostConfig config;
  AccelChoice accel = AccelChoice::kKvm;  // as configured: no trial boot
  image::ImageInfo image;
  VmRuntime vm;
  Status raw_disk;

  Chooser() {
    config.firecracker_program = "/bin/sh";
    config.vmm_program = "/bin/sh";
    config.layout.data_dir = dir.path();
    image.kernel = dir / "kernel";
    std::ofstream(image.kernel) << "\177ELF";
    vm.id = VmId{1};
    vm.settings.net = NetMode::kNone;
    vm.settings.vcpus = 1;
  }
  std::string chosen() {
    Accelerator accelerator(accel, dir.path());
    const VmmDrivers drivers(config, accelerator);
    auto driver = drivers.choose(vm, image, [&](bool raw_only) { return raw_only ? raw_disk : Status{}; });
    return driver ? std::string((*driver)->name()) : driver.error().message;
  }
  std::string told(bool after_a_start = true) {
    Accelerator accelerator(accel, dir.path());
    if (after_a_start) (void)accelerator.decide(image.kernel);
    return VmmDrivers(config, accelerator).describe();
  }
};

}  // namespace

TEST_CASE("auto is Firecracker where its program and KVM are there and it can do what is asked, else QEMU") {
  Chooser choice;
  CHECK(choice.chosen() == "firecracker");
  CHECK(choice.told() == "firecracker (it and KVM are there), qemu for what it cannot do");
  CHECK(choice.told(false).starts_with("firecracker where KVM is usable"));
  SECTION("no KVM") {
    choice.accel = AccelChoice::kTcg;
    CHECK(choice.chosen() == "qemu");
    CHECK(choice.told() == "qemu (no KVM for Firecracker)");
  }
  SECTION("no program") {
    choice.config.firecracker_program = "/nowhere/firecracker";
    CHECK(choice.chosen() == "qemu");
    CHECK(choice.told().contains("/nowhere/firecracker"));
  }
  SECTION("none of that name") {
    choice.config.firecracker_program = "no-such-firecracker";
    CHECK(choice.chosen() == "qemu");
    CHECK(choice.told() == "qemu (there is no program no-such-firecracker in PATH)");
  }
  SECTION("user networking") {
    choice.vm.settings.net = NetMode::kUser;
    CHECK(choice.chosen() == "qemu");
  }
  SECTION("more CPUs than it has") {
    choice.vm.settings.vcpus = 33;
    CHECK(choice.chosen() == "qemu");
  }
  SECTION("a compressed kernel") {
    std::ofstream(choice.image.kernel) << "MZ";
    CHECK(choice.chosen() == "qemu");
  }
  SECTION("a disk that it cannot read") {
    choice.raw_disk = fail("this VM's disk is a qcow2 file");
    CHECK(choice.chosen() == "qemu");
  }
}

TEST_CASE("who asks for Firecracker is refused what it cannot do, with what to do") {
  Chooser choice;
  choice.config.vmm = VmmChoice::kFirecracker;
  choice.accel = AccelChoice::kTcg;  // no word of KVM: it says itself that it has none
  CHECK(choice.chosen() == "firecracker");
  CHECK(choice.told() == "firecracker (configured)");
  choice.config.jailer = "/usr/bin/jailer";
  CHECK(choice.told() == "firecracker (configured, in its jailer)");
  SECTION("user networking") {
    choice.vm.settings.net = NetMode::kUser;
    CHECK(choice.chosen().contains("--net"));
    CHECK(choice.chosen().contains("vmm.kind"));
  }
  SECTION("more CPUs than it has") {
    choice.vm.settings.vcpus = 33;
    CHECK(choice.chosen().contains("at most 32 CPUs"));
  }
  SECTION("a compressed kernel") {
    std::ofstream(choice.image.kernel) << "MZ";
    CHECK(choice.chosen().contains("image build"));
  }
  SECTION("a disk that it cannot read") {
    choice.raw_disk = fail("this VM's disk is a qcow2 file");
    CHECK(choice.chosen() == "this VM's disk is a qcow2 file");
  }
}

TEST_CASE("who asks for QEMU gets it") {
  Chooser choice;
  choice.config.vmm = VmmChoice::kQemu;
  CHECK(choice.chosen() == "qemu");
  CHECK(choice.told() == "qemu (configured)");
}
