// Both observers on a kernel that has device-mapper: libdevmapper beside dmsetup, the loops' marks beside losetup. What
// the one sees of ours the other sees, and neither takes a stranger's device for ours.
#include "drivers/observe/process.h"
#include "tests/drivers/observe/observers.h"
#include "tests/kernel/support.h"

using namespace banger;
using namespace banger::test;
using observe::test::look_twice;

namespace {

constexpr StoreId kOther{1, 2};

observe::LookSpec spec_of(const Disks& disks) {
  return {.layout = {disks.dir() / "data"}, .boot = must(observe::boot_id()), .disks_of = kStore};
}

// What both say, and that neither misses a part.
std::map<VmId, DiskSighting> agreed(const Disks& disks) {
  const auto [native, tools] = look_twice(spec_of(disks));
  INFO((tools.unknown.empty() ? "" : tools.unknown.front()));
  CHECK(native.unknown.empty());
  CHECK(tools.unknown.empty());
  CHECK(native.seen.disks_known);
  CHECK(native.seen == tools.seen);
  return native.seen.disks;
}

// A device that somebody else made: nothing in it, and words of his choice.
struct Foreign {
  std::string name;
  explicit Foreign(const std::string& called, const std::string& uuid = {}) : name(called) {
    std::vector<std::string> argv{"dmsetup", "create", name, "--table", "0 8 error"};
    if (!uuid.empty()) argv.insert(argv.end(), {"--uuid", uuid});
    (void)say(argv);
  }
  Foreign(const Foreign&) = delete;
  Foreign& operator=(const Foreign&) = delete;
  ~Foreign() { (void)say({"dmsetup", "remove", name}); }
};

using Sightings = std::map<VmId, DiskSighting>;

}  // namespace

TEST_CASE("both observers know that there is no device and no loop") {
  const Disks disks;
  CHECK(agreed(disks).empty());
}

TEST_CASE("both observers see our snapshots, and no foreigner's device") {
  const Disks disks;
  const auto web = disk::snapshot_names(kStore, VmId{1});
  const auto none = disk::snapshot_names(kStore, VmId{7});
  const Foreign plain("swap");
  const Foreign volume("vg-root", "LVM-0123456789abcdef");
  const Foreign named_like_ours(none.device);
  const Foreign of_another_store("other", disk::snapshot_names(kOther, VmId{7}).uuid);
  const Foreign longer("longer", none.uuid + "x");
  const Foreign inner("inner", "x" + none.uuid);
  const Foreign spaces("a b", "two words");
  const Foreign newline("a\nb", "x\n" + none.uuid);
  CHECK(agreed(disks).empty());

  (void)ensured(disks.spec(1));
  (void)ensured(disks.spec(2));
  const DiskSighting whole{.device = true, .loops = true};
  CHECK(agreed(disks) == Sightings{{VmId{1}, whole}, {VmId{2}, whole}});
  const auto others = spec_of(disks);
  CHECK(observe::observe_native({.layout = others.layout, .boot = others.boot, .disks_of = kOther}).seen.disks ==
        Sightings{{VmId{7}, {.device = true, .loops = false}}});

  // Its file has gone: the loop is there all the same.
  std::filesystem::remove(disks.spec(2).cow);
  CHECK(agreed(disks) == Sightings{{VmId{1}, whole}, {VmId{2}, whole}});
  must(removed(disks.spec(2)));
  CHECK(agreed(disks) == Sightings{{VmId{1}, whole}});

  // A device without its loops, by somebody's hand, and loops without their device.
  must(removed(disks.spec(1)));
  {
    const Foreign half_made("renamed", web.uuid);
    const auto held = must(loop::attach({.path = disks.spec(2).rest, .mark = disk::snapshot_names(kStore, VmId{2}).rest_mark}));
    CHECK(agreed(disks) == Sightings{{VmId{1}, {.device = true, .loops = false}}, {VmId{2}, {.device = false, .loops = true}}});
  }
  CHECK(agreed(disks).empty());
}
