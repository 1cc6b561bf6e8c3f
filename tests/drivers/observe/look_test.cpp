// How parts become an observation, whoever found them.
#include "drivers/observe/look.h"

#include "drivers/disk/dm_snapshot.h"
#include "tests/catch.h"

namespace banger::observe {
namespace {

using Words = std::vector<std::string>;

constexpr StoreId kStore{0xaaaa, 0xbbbb};
constexpr StoreId kOther{1, 2};
constexpr VmId kWeb{0xa1}, kDb{0xb2};
const LookSpec kSpec{.boot = {1, 2}, .disks_of = kStore, .links_of = kStore};

network::Link tap(const std::string& name, const std::string& alias = {}) {
  return {.name = name, .kind = "tun", .alias = alias, .tap = true};
}

TEST_CASE("a look at nothing knows that there is nothing") {
  const Look look = compose(kSpec, {});
  CHECK(look.seen == Observation{.processes_known = true, .directories_known = true, .disks_known = true, .links_known = true});
  CHECK(look.unknown.empty());
}

TEST_CASE("nobody looks at what this daemon can have none of, and it is not known") {
  Parts parts;
  parts.device_uuids = Words{disk::snapshot_names(kStore, kWeb).uuid};
  parts.links = std::vector{tap(network::tap_name(kStore, kWeb), network::alias_of({kStore, kWeb}))};
  const Look look = compose({.boot = {1, 2}}, parts);
  CHECK(look.seen == Observation{.processes_known = true, .directories_known = true});
  CHECK(look.unknown.empty());
}

TEST_CASE("each part that could not be told is unknown, with its reason, and the others stay") {
  const auto with = [](auto Parts::*part) {
    Parts parts;
    parts.directories = Directories{.vms = {kWeb}};
    parts.processes = Processes{.vmms = {{kWeb, {VmmSighting{{{1, 2}, 7, 8}, 1}}}}};
    parts.device_uuids = Words{disk::snapshot_names(kStore, kWeb).uuid};
    parts.loop_marks = Words{disk::snapshot_names(kStore, kWeb).cow_mark};
    parts.links = std::vector{tap(network::tap_name(kStore, kWeb), network::alias_of({kStore, kWeb}))};
    parts.*part = fail("lost");
    return compose(kSpec, parts);
  };
  const Observation all{.processes_known = true,
                        .directories_known = true,
                        .vmms = {{kWeb, {VmmSighting{{{1, 2}, 7, 8}, 1}}}},
                        .disks_known = true,
                        .disks = {{kWeb, {.device = true, .loops = true}}},
                        .links_known = true,
                        .taps = {kWeb},
                        .vm_directories = {kWeb}};
  Observation expected = all;
  std::string reason;
  Look look;
  SECTION("processes") {
    look = with(&Parts::processes);
    reason = "processes: lost";
    expected.processes_known = false;
    expected.vmms.clear();
  }
  SECTION("devices") {
    look = with(&Parts::device_uuids);
    reason = "devices: lost";
    expected.disks_known = false;
    expected.disks[kWeb].device = false;
  }
  SECTION("loops") {
    look = with(&Parts::loop_marks);
    reason = "loops: lost";
    expected.disks_known = false;
    expected.disks[kWeb].loops = false;
  }
  SECTION("links") {
    look = with(&Parts::links);
    reason = "links: lost";
    expected.links_known = false;
    expected.taps.clear();
  }
  SECTION("directories: then a tap without a mark is nobody's, so that links are not known either") {
    look = with(&Parts::directories);
    reason = "directories: lost";
    expected.directories_known = expected.links_known = false;
    expected.vm_directories.clear();
  }
  CHECK(look.seen == expected);
  CHECK(look.unknown == std::vector{reason});
}

TEST_CASE("taps are ours by their mark, or by a VM's name while nobody has marked them") {
  Parts parts;
  parts.directories = Directories{.vms = {kDb}};
  const auto taps = [&](const network::Link& link) {
    parts.links = std::vector{link};
    return compose(kSpec, parts).seen.taps;
  };
  const std::set<VmId> none;
  CHECK(taps(tap("renamed", network::alias_of({kStore, kWeb}))) == std::set{kWeb});
  CHECK(taps(tap(network::tap_name(kStore, kDb))) == std::set{kDb});
  CHECK(taps(tap(network::tap_name(kStore, kWeb))) == none);  // no directory: it could be any banger's
  CHECK(taps(tap(network::tap_name(kOther, kDb))) == none);
  CHECK(taps(tap(network::tap_name(kStore, kDb), "theirs")) == none);
  CHECK(taps(tap(network::tap_name(kStore, kDb), network::alias_of({kOther, kDb}))) == none);
  CHECK(taps(tap("br-banger", network::alias_of({kStore, {}}))) == none);
  network::Link bridge = tap(network::tap_name(kStore, kDb), network::alias_of({kStore, kDb}));
  bridge.tap = false;
  CHECK(taps(bridge) == none);
}

TEST_CASE("devices and loops are ours by store and VM in their UUID or mark, to the letter") {
  Parts parts;
  const auto names = disk::snapshot_names(kStore, kWeb);
  const auto other = disk::snapshot_names(kOther, kDb);
  parts.device_uuids = Words{"", "LVM-x", other.uuid, names.uuid + "x", names.uuid + "\\x20", "x" + names.uuid};
  parts.loop_marks = Words{"", "/var/disk", other.cow_mark, names.base_mark, names.uuid, names.cow_mark + "x"};
  CHECK(compose(kSpec, parts).seen.disks.empty());
  parts.loop_marks = Words{names.rest_mark};
  CHECK(compose(kSpec, parts).seen.disks == std::map<VmId, DiskSighting>{{kWeb, {.device = false, .loops = true}}});
}

}  // namespace
}  // namespace banger::observe
