// Snapshots on a kernel that has device-mapper: what two VMs of one image write, and what stays of it.
#include <sys/mount.h>

#include "tests/kernel/support.h"

using namespace banger;
using namespace banger::test;
using disk::StoreHealth;

TEST_CASE("device-mapper is found usable, and its snapshots are loaded by asking") {
  must(disk::dm::usable("snapshot"));
  CHECK_FALSE(disk::dm::usable("no-such-target"));
}

TEST_CASE("two VMs of one image each have their own disk over one shared loop, and the image stays as it is") {
  Disks disks;
  const std::string before = disks.digest();
  const auto one = ensured(disks.spec(1));
  const auto two = ensured(disks.spec(2));
  CHECK(one.base_loop == two.base_loop);
  CHECK(one.cow_loop != two.cow_loop);
  CHECK(one.dm_device == "/dev/mapper/" + disk::snapshot_names(kStore, VmId{1}).device);
  CHECK(must(loop::list_loops()).size() == 5);  // the image's, and two stores with what is beyond the image

  const std::string old = read_at(one.dm_device, 5000, 3);
  CHECK(old == read_at(disks.image_path(), 5000, 3));
  CHECK(write_at(one.dm_device, 5000, "one"));
  CHECK(write_at(two.dm_device, 5000, "TWO"));
  CHECK(write_at(one.dm_device, kImageBytes - 2, "over the edge"));  // half of it in each of the parts
  CHECK(read_at(one.dm_device, 5000, 3) == "one");
  CHECK(read_at(two.dm_device, 5000, 3) == "TWO");
  CHECK(read_at(one.dm_device, kImageBytes - 2, 13) == "over the edge");
  CHECK(read_at(two.dm_device, kImageBytes, 4) == std::string(4, '\0'));
  CHECK(read_at(one.dm_device, kDiskBytes - 1, 8).size() == 1);  // and no byte more

  const auto status = must(disk::snapshot_status(kStore, VmId{1}));
  CHECK(status.health == StoreHealth::kGood);
  CHECK(status.used_sectors > status.metadata_sectors);
  const auto own = must(disk::list_snapshots(kStore));
  REQUIRE(own.size() == 2);
  CHECK(own[0].vm != own[1].vm);
  CHECK(own[0].device.uses.size() == 3);
  CHECK(must(disk::list_snapshots(StoreId{1, 1})).empty());
  const auto held = must(disk::held_disks(kStore));
  CHECK(held.size() == 2);
  CHECK(held.at(VmId{1}) == DiskSighting{.device = true, .loops = true});
  CHECK(must(disk::held_disks(StoreId{1, 1})).empty());

  must(removed(disks.spec(1)));
  CHECK(must(loop::list_loops()).size() == 3);  // the image's is still in use
  CHECK(read_at(two.dm_device, 5000, 3) == "TWO");
  must(removed(disks.spec(2)));
  CHECK(kernel_holds() == "");
  CHECK(disks.digest() == before);
}

TEST_CASE("what was written is there again after the device was removed and made anew") {
  Disks disks;
  auto handles = ensured(disks.spec(1));
  CHECK(write_at(handles.dm_device, 4096 * 7, "kept"));
  CHECK(write_at(handles.dm_device, kImageBytes + 4096, "beyond"));
  must(removed(disks.spec(1)));
  handles = ensured(disks.spec(1));
  CHECK(read_at(handles.dm_device, 4096 * 7, 4) == "kept");
  CHECK(read_at(handles.dm_device, kImageBytes + 4096, 6) == "beyond");
  must(removed(disks.spec(1)));
}

TEST_CASE("a whole image can be rewritten: its store does not fill") {
  Disks disks;
  const auto handles = ensured(disks.spec(1));
  const std::string block(64 * 1024, 'w');
  for (std::uint64_t at = 0; at < kImageBytes; at += block.size()) REQUIRE(write_at(handles.dm_device, at, block));
  CHECK(must(disk::snapshot_status(kStore, VmId{1})).health == StoreHealth::kGood);
  CHECK(read_at(handles.dm_device, kImageBytes - 4, 4) == "wwww");
  must(removed(disks.spec(1)));
}

TEST_CASE("asked again, what is right is kept, and what is not is made anew with what was written") {
  Disks disks;
  auto spec = disks.spec(1);
  const auto first = ensured(spec);
  CHECK(write_at(first.dm_device, 0, "data"));
  SECTION("the same again, though somebody has it open") {
    Fd open(::open(first.dm_device.c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(open);
    CHECK(ensured(spec) == first);
  }
  SECTION("a larger disk") {
    spec.size_bytes = kDiskBytes + kMiB;
    const auto second = ensured(spec);
    CHECK(read_at(second.dm_device, kDiskBytes + kMiB - 1, 2).size() == 1);
    CHECK(read_at(second.dm_device, 0, 4) == "data");
    spec.size_bytes = kMiB;  // never smaller
    CHECK(ensured(spec) == second);
    CHECK(read_at(second.dm_device, kDiskBytes + kMiB - 1, 2).size() == 1);
  }
  SECTION("a store that was put aside: the device still has the old one") {
    std::filesystem::rename(spec.cow, spec.cow + ".old");
    const auto second = ensured(spec);
    CHECK(read_at(second.dm_device, 0, 4) == read_at(disks.image_path(), 0, 4));
  }
  SECTION("a suspended one") {
    say({"dmsetup", "suspend", first.dm_name});
    const auto second = ensured(spec);
    CHECK(read_at(second.dm_device, 0, 4) == "data");
  }
  must(removed(spec));
}

TEST_CASE("a disk no larger than its image has no part beyond it") {
  Disks disks;
  auto spec = disks.spec(1);
  spec.size_bytes = 0;
  const auto handles = ensured(spec);
  CHECK_FALSE(std::filesystem::exists(spec.rest));
  CHECK(read_at(handles.dm_device, kImageBytes - 1, 2).size() == 1);
  must(removed(spec));
}

TEST_CASE("a full store refuses what does not fit, says so, and keeps what was written before") {
  Disks disks;
  auto spec = disks.spec(1);
  spec.cow_bytes = 64 * 1024;
  auto handles = ensured(spec);
  CHECK(write_at(handles.dm_device, 0, "early"));
  bool refused = false;
  const std::string block(4096, 'f');
  for (std::uint64_t at = 4096; at < kMiB && !refused; at += 4096) refused = !write_at(handles.dm_device, at, block);
  CHECK(refused);
  CHECK(must(disk::snapshot_status(kStore, VmId{1})).health == StoreHealth::kFull);
  CHECK(read_at(handles.dm_device, 0, 5) == "early");
  must(removed(spec));
  handles = ensured(spec);
  CHECK(read_at(handles.dm_device, 0, 5) == "early");
  must(removed(spec));
}

TEST_CASE("a store that could not be written is seen as invalid, and refused from then on") {
  Disks disks;
  auto spec = disks.spec(1);
  const std::string small = disks.dir() / "small";
  std::filesystem::create_directory(small);
  REQUIRE(::mount("small", small.c_str(), "tmpfs", 0, "size=256k") == 0);
  spec.cow = small + "/cow";
  const auto handles = ensured(spec);
  const std::string block(4096, 'i');
  for (std::uint64_t at = 0; at < kMiB; at += 4096) {
    if (!write_at(handles.dm_device, at, block)) break;
  }
  CHECK(must(disk::snapshot_status(kStore, VmId{1})).health == StoreHealth::kInvalid);
  must(removed(spec));
  VmHandles again;
  const auto refused = disk::ensure_snapshot(spec, again, note_nothing);
  CHECK_FALSE(refused);
  CHECK(kernel_holds() == "");
  REQUIRE(::umount(small.c_str()) == 0);
}
