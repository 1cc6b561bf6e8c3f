// What of snapshots needs no kernel with device-mapper; tests/kernel has the rest.
#include "drivers/disk/dm_snapshot.h"

#include <sys/sysmacros.h>

#include <cerrno>
#include <set>

#include "drivers/host/joined.h"
#include "drivers/loop_device/loop_device.h"
#include "tests/catch.h"

using namespace banger;
using namespace banger::disk;

namespace {
constexpr std::uint64_t kMiB = 1 << 20;
}

TEST_CASE("the kernel's words for a snapshot's store") {
  CHECK(parse_snapshot_status("16/8192 16") == SnapshotStatus{StoreHealth::kGood, 16, 8192, 16});
  CHECK(parse_snapshot_status("Invalid").health == StoreHealth::kInvalid);
  CHECK(parse_snapshot_status("Merge failed").health == StoreHealth::kInvalid);
  CHECK(parse_snapshot_status("Overflow").health == StoreHealth::kFull);
  for (const char* other : {"", "Unknown", "16", "16/", "16/8192", "16/8192 ", "16/8192 16 ", "x/8192 16", "-1/2 3",
                            "16 8192 16", "99999999999999999999/1 1"}) {
    INFO(other);
    CHECK(parse_snapshot_status(other).health == StoreHealth::kUnknown);
  }
}

TEST_CASE("a table covers the disk without a gap") {
  const dev_t base = makedev(7, 3);
  const dev_t cow = makedev(7, 300);
  const dev_t rest = makedev(7, 5);
  CHECK(snapshot_table(100, 100, base, cow, 0) ==
        std::vector<dm::Target>{{0, 100, "snapshot", "7:3 7:300 PO 8"}});
  CHECK(snapshot_table(100, 250, base, cow, rest) ==
        std::vector<dm::Target>{{0, 100, "snapshot", "7:3 7:300 PO 8"}, {100, 150, "linear", "7:5 0"}});
}

TEST_CASE("a store has room for every chunk of its image, and the metadata of each") {
  constexpr std::uint64_t kChunk = kChunkSectors * dm::kSectorBytes;
  for (std::uint64_t base : {std::uint64_t{512}, kChunk, 255 * kChunk, 256 * kChunk, 257 * kChunk, 8 * kMiB,
                             1024 * kMiB, 1024 * kMiB + 512}) {
    INFO(base);
    // The kernel's own count (dm-snap-persistent.c): chunk 0 is the header, and of each 257 that follow the
    // first is metadata. The last chunk it takes, and the next one that it asks for.
    const std::uint64_t chunks = (base + kChunk - 1) / kChunk;
    std::uint64_t next = 2;
    for (std::uint64_t taken = 0; taken < chunks; ++taken) {
      ++next;
      if (next % 257 == 1) ++next;
    }
    CHECK(cow_bytes_for(base) >= next * kChunk);
    CHECK(cow_bytes_for(base) <= base + base / 128 + 5 * kChunk);
  }
}

TEST_CASE("names are of one VM of one store, fit the kernel's fields, and lead back to the VM") {
  const StoreId store{0x1, ~0ull};
  const auto names = snapshot_names(store, VmId{0xa1});
  CHECK(names.uuid == "BANGER-0000000000000001ffffffffffffffff-00000000000000a1");
  CHECK(names.device == "banger-0000000000000001ffffffffffffffff-00000000000000a1");
  std::set<std::string> all{names.base_mark, names.cow_mark, names.rest_mark};
  const auto other = snapshot_names(store, VmId{0xa2});
  all.insert({other.cow_mark, other.rest_mark});
  CHECK(all.size() == 5);
  for (const std::string& mark : all) CHECK(mark.size() <= loop::kMaxMark);
  CHECK(other.base_mark == names.base_mark);
  CHECK(snapshot_names(StoreId{1, 2}, VmId{0xa1}).base_mark != names.base_mark);

  CHECK(vm_of_uuid(store, names.uuid) == VmId{0xa1});
  CHECK_FALSE(vm_of_uuid(StoreId{1, 2}, names.uuid));
  for (const std::string& none : {std::string(), names.uuid + "0", names.uuid.substr(0, names.uuid.size() - 1),
                                  "LVM-" + names.uuid, std::string("BANGER-")}) {
    CHECK_FALSE(vm_of_uuid(store, none));
  }
}

TEST_CASE("joined errors tell all of them, in order, with the first number") {
  host::JoinedErrors errors;
  CHECK(errors.status());
  errors.add({});
  CHECK(errors.status());
  errors.add(fail("one"));
  errors.add({});
  errors.add(fail("two", EBUSY));
  errors.add(fail("three", EIO));
  CHECK(errors.status().error() == Error{"one; two; three", EBUSY});
}
