// Snapshots when something is in the way: a failure at every step, a device that is open, and what is not ours.
#include <set>
#include <thread>

#include "tests/kernel/support.h"

using namespace banger;
using namespace banger::test;
namespace fs = std::filesystem;

namespace {

std::set<std::string> files_in(const std::string& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.insert(entry.path().filename());
  return names;
}

// How often ensure() asks before it acquires something.
constexpr int kAcquisitions = 4;

}  // namespace

TEST_CASE("each thing is noted before it is acquired, and a failure at any of them leaves nothing") {
  Disks disks;
  const auto spec = disks.spec(1);
  const auto before = files_in(disks.dir().path());
  for (int fail_at = 1; fail_at <= kAcquisitions; ++fail_at) {
    INFO("acquisition " << fail_at);
    int asked = 0;
    VmHandles handles;
    auto refused = disk::ensure_snapshot(spec, handles, [&](const VmHandles& noted) -> Status {
      ++asked;
      const std::string holds = kernel_holds();
      if (asked == 1) CHECK((noted.base_loop != "" && noted.cow_loop == "" && holds == ""));
      if (asked == 2) CHECK((noted.cow_loop != "" && !holds.contains(noted.cow_loop + ":")));
      if (asked == 4) CHECK((noted.dm_name != "" && !holds.contains(noted.dm_name)));
      if (asked == fail_at) return fail("no further");
      return {};
    });
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message == "no further");
    CHECK(asked == fail_at);
    CHECK(kernel_holds() == "");
    CHECK(files_in(disks.dir().path()) == before);
  }
  int asked = 0;
  VmHandles handles;
  must(disk::ensure_snapshot(spec, handles, [&](const VmHandles&) -> Status {
    ++asked;
    return {};
  }));
  CHECK(asked == kAcquisitions);
  must(removed(spec));
}

TEST_CASE("what the kernel itself refuses leaves nothing either, and what the VM had stays") {
  Disks disks;
  auto spec = disks.spec(1);
  const auto handles = ensured(spec);
  CHECK(write_at(handles.dm_device, 0, "mine"));
  must(removed(spec));
  VmHandles none;
  SECTION("the store is none") {
    std::ofstream(spec.cow, std::ios::in | std::ios::out) << "garbage";
    CHECK_FALSE(disk::ensure_snapshot(spec, none, note_nothing));
    CHECK(fs::exists(spec.cow));
  }
  SECTION("the image is gone") {
    fs::rename(spec.base, spec.base + ".away");
    CHECK_FALSE(disk::ensure_snapshot(spec, none, note_nothing));
    fs::rename(spec.base + ".away", spec.base);
    CHECK(read_at(ensured(spec).dm_device, 0, 4) == "mine");
    must(removed(spec));
  }
  SECTION("the image has no whole sectors") {
    fs::resize_file(spec.base, kImageBytes - 1);
    CHECK_FALSE(disk::ensure_snapshot(spec, none, note_nothing));
  }
  CHECK(kernel_holds() == "");
}

TEST_CASE("a device that is open is not removed: tried until the deadline, then deferred, then done") {
  Disks disks;
  const auto spec = disks.spec(1);
  const auto handles = ensured(spec);
  Fd open(::open(handles.dm_device.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(open);
  const auto busy = removed(spec, std::chrono::milliseconds(50));
  REQUIRE_FALSE(busy);
  CHECK(busy.error().sys_errno == EBUSY);
  CHECK(kernel_holds().contains(handles.dm_name));
  CHECK(read_at(handles.dm_device, 0, 8).size() == 8);  // still whole

  SECTION("let go before the next attempt") { open.reset(); }
  SECTION("let go while it is tried") {
    std::thread later([&] { open.reset(); });
    must(removed(spec));
    later.join();
  }
  must(removed(spec));
  must(removed(spec));  // and once more: there is nothing to do
  CHECK(kernel_holds() == "");
}

TEST_CASE("a stale device that is open is not replaced behind its user's back") {
  Disks disks;
  auto spec = disks.spec(1);
  const auto handles = ensured(spec);
  Fd open(::open(handles.dm_device.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(open);
  spec.size_bytes = kDiskBytes + kMiB;
  VmHandles none;
  const auto busy = disk::ensure_snapshot(spec, none, note_nothing);
  REQUIRE_FALSE(busy);
  CHECK(busy.error().sys_errno == EBUSY);
  open.reset();
  must(removed(spec));
}

TEST_CASE("others' devices and loops are never touched") {
  Disks disks;
  const auto spec = disks.spec(1);
  const std::string theirs = disks.dir() / "theirs";
  fs::copy_file(disks.image_path(), theirs);
  // A loop of theirs over our own image, and a device that has our name but not our UUID.
  const std::string file_loop = say({"losetup", "-f", "--show", theirs});
  const std::string image_loop = say({"losetup", "-f", "-r", "--show", disks.image_path()});
  const std::string node = file_loop.substr(0, file_loop.find('\n'));
  say({"dmsetup", "create", "theirs", "--table", "0 8 linear " + node + " 0"});
  const std::string before = kernel_holds();

  const auto two = ensured(disks.spec(2));
  CHECK(two.base_loop + "\n" != image_loop);
  must(removed(disks.spec(2)));
  CHECK(kernel_holds() == before);

  say({"dmsetup", "create", disk::snapshot_names(kStore, VmId{1}).device, "--table", "0 8 linear " + node + " 8"});
  const std::string taken = kernel_holds();
  VmHandles none;
  CHECK_FALSE(disk::ensure_snapshot(spec, none, note_nothing));
  CHECK_FALSE(removed(spec));
  CHECK(must(disk::list_snapshots(kStore)).empty());
  CHECK(kernel_holds() == taken);

  say({"dmsetup", "remove", disk::snapshot_names(kStore, VmId{1}).device});
  say({"dmsetup", "remove", "theirs"});
  say({"losetup", "-d", node});
  say({"losetup", "-d", image_loop.substr(0, image_loop.find('\n'))});
}

TEST_CASE("an image's loop that somebody pinned goes when nobody uses it") {
  Disks disks;
  const auto spec = disks.spec(1);
  const auto handles = ensured(spec);
  auto base = must(loop::find_attached({.path = spec.base,
                                        .read_only = true,
                                        .mark = disk::snapshot_names(kStore, VmId{1}).base_mark}));
  REQUIRE(base);
  CHECK(base->loop.node() == handles.base_loop);
  SECTION("the last user waits for no one who merely looks") {
    must(removed(spec));
    CHECK(kernel_holds().contains(handles.base_loop));
  }
  SECTION("and with another VM over it it stays") {
    ensured(disks.spec(2));
    base->fd.reset();
    must(removed(spec));
    CHECK(kernel_holds().contains(handles.base_loop));
    must(removed(disks.spec(2)));
  }
}
