#include "drivers/disk/disks.h"

#include <cerrno>
#include <filesystem>
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
  DiskSpec spec{.vm = VmId{1}, .overlay = dir / "system.qcow2", .cow = dir / "system.cow", .rest = dir / "system.rest",
                .raw = dir / "system.raw"};
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
           Row{DiskChoice::kRaw, true, "raw", "raw (configured)"},
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

TEST_CASE("a VMM that reads only raw disks gets a snapshot or a copy, and never a qcow2 file") {
  Files files;
  files.spec.raw_only = true;
  CHECK(chosen(Disks(DiskChoice::kAuto, kStore, kCan), files.spec) == "dm_snapshot");
  CHECK(chosen(Disks(DiskChoice::kAuto, kStore, cannot()), files.spec) == "raw");
  CHECK(chosen(Disks(DiskChoice::kRaw, kStore, kCan), files.spec) == "raw");
  CHECK(chosen(Disks(DiskChoice::kQcow2, kStore, kCan), files.spec).contains("reads only raw disks"));
  SECTION("its disk is qcow2 already") {
    std::ofstream(files.spec.overlay) << "x";
    CHECK(chosen(Disks(DiskChoice::kAuto, kStore, kCan), files.spec).contains("is a qcow2 file"));
  }
  SECTION("its disk is a copy already, which any VMM reads") {
    std::ofstream(files.spec.raw) << "x";
    CHECK(chosen(Disks(DiskChoice::kDmSnapshot, kStore, kCan), files.spec) == "raw");
    files.spec.raw_only = false;
    CHECK(chosen(Disks(DiskChoice::kQcow2, kStore, kCan), files.spec) == "raw");
  }
}

TEST_CASE("a raw disk is the image's content, as long as asked for, and stays what the guest made of it") {
  Files files;
  files.spec.image = files.dir / "rootfs";
  std::ofstream(files.spec.image) << std::string(5000, 'i');
  files.spec.size_bytes = 1 << 20;
  const Disks disks(DiskChoice::kRaw, kStore, cannot());
  const Disk* disk = disks.of(files.spec).value();
  VmHandles handles;
  auto ensure = [&] { return disk->ensure(files.spec, handles, [](const VmHandles&) { return Status{}; }); };
  CHECK(ensure().value() == VmmDisk{files.spec.raw, "raw"});
  CHECK(std::filesystem::file_size(files.spec.raw) == 1 << 20);
  std::fstream(files.spec.raw, std::ios::in | std::ios::out) << "of the guest";
  files.spec.size_bytes = (2 << 20) - 100;
  REQUIRE(ensure());
  CHECK(std::filesystem::file_size(files.spec.raw) == 2 << 20);  // whole sectors
  std::string start(16, '\0');
  std::ifstream(files.spec.raw).read(start.data(), 16);
  CHECK(start == "of the guestiiii");
  CHECK(handles == VmHandles{});
}
