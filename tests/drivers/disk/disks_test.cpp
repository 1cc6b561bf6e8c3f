#include "drivers/disk/disks.h"

#include <cerrno>
#include <fstream>

#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"

using namespace banger;
using namespace banger::disk;

namespace {

constexpr StoreId kStore{1, 2};

const Status kCan;
Status cannot() { return fail("this kernel has no device-mapper", ENODEV); }

struct Files {
  test::TempDir dir;
  DiskSpec spec{.vm = VmId{1}, .overlay = dir / "system.qcow2", .cow = dir / "system.cow", .rest = dir / "system.rest"};
};

std::string chosen(const Disks& disks, const DiskSpec& spec) {
  auto disk = disks.of(spec);
  return disk ? std::string((*disk)->name()) : disk.error().message;
}

}  // namespace

TEST_CASE("a new VM's disk is what the configuration and the host say") {
  Files files;
  struct Row {
    DiskChoice choice;
    bool can;
    std::string chosen;
    std::string told;
  };
  for (const Row& row : {
           Row{DiskChoice::kAuto, true, "dm_snapshot", "dm_snapshot (device-mapper is there)"},
           Row{DiskChoice::kAuto, false, "qcow2", "qcow2 (this kernel has no device-mapper)"},
           Row{DiskChoice::kQcow2, true, "qcow2", "qcow2 (configured)"},
           Row{DiskChoice::kQcow2, false, "qcow2", "qcow2 (configured)"},
           Row{DiskChoice::kDmSnapshot, true, "dm_snapshot", "dm_snapshot (configured)"},
           Row{DiskChoice::kDmSnapshot, false, "disk = \"dm_snapshot\", but this kernel has no device-mapper",
               "none (dm_snapshot is configured, but this kernel has no device-mapper)"},
       }) {
    INFO(name_of(row.choice) << ", " << row.can);
    const Disks disks(row.choice, kStore, row.can ? kCan : cannot());
    CHECK(chosen(disks, files.spec) == row.chosen);
    CHECK(disks.describe() == row.told);
    CHECK(disks.hold_kernel_devices() == row.can);
  }
}

TEST_CASE("a VM that has a disk keeps its kind, whatever is configured now") {
  Files files;
  SECTION("qcow2") {
    std::ofstream(files.spec.overlay) << "x";
    CHECK(chosen(Disks(DiskChoice::kDmSnapshot, kStore, kCan), files.spec) == "qcow2");
    CHECK(chosen(Disks(DiskChoice::kAuto, kStore, cannot()), files.spec) == "qcow2");
  }
  SECTION("a snapshot, which must not become an empty qcow2 where the kernel lost its driver") {
    std::ofstream(files.spec.cow) << "x";
    CHECK(chosen(Disks(DiskChoice::kQcow2, kStore, kCan), files.spec) == "dm_snapshot");
    CHECK(chosen(Disks(DiskChoice::kAuto, kStore, cannot()), files.spec) ==
          "this VM's disk is a snapshot of device-mapper, but this kernel has no device-mapper");
  }
}

TEST_CASE("where the kernel can hold nothing there is nothing to let go") {
  CHECK(Disks(DiskChoice::kAuto, kStore, cannot()).release(VmId{1}, std::chrono::seconds(0)));
}
