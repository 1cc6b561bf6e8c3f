#include "drivers/disk/qcow2.h"

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "drivers/host/child.h"
#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"

namespace fs = std::filesystem;
using namespace banger::disk;

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

struct Disks {
  banger::test::TempDir dir;
  OverlaySpec spec;
  Disks() {
    spec.base = dir / "base.raw";
    spec.overlay = dir / "vm.qcow2";
    spec.size_bytes = 64 * kMiB;
    std::ofstream(spec.base) << "base";
    fs::resize_file(spec.base, 32 * kMiB);
  }
};

void run(std::vector<std::string> argv) {
  banger::host::ChildSpec child;
  child.argv = std::move(argv);
  auto done = banger::host::run_child_checked(child);
  INFO((done ? "" : done.error().message));
  REQUIRE(done);
}

}  // namespace

TEST_CASE("an overlay is over its base, as large as asked for, and small on the host") {
  Disks disks;
  auto made = ensure_overlay(disks.spec);
  REQUIRE(made);
  CHECK(made->format == "qcow2");
  CHECK(made->virtual_bytes == 64 * kMiB);
  CHECK(made->base == disks.spec.base);
  CHECK(made->disk_bytes < kMiB);
  CHECK_FALSE(fs::exists(disks.spec.overlay + ".new"));
}

TEST_CASE("an overlay is never smaller than its base, and a whole number of sectors") {
  Disks disks;
  disks.spec.size_bytes = 1;
  CHECK(ensure_overlay(disks.spec)->virtual_bytes == 32 * kMiB);
  disks.spec.size_bytes = 40 * kMiB + 1;
  CHECK(ensure_overlay(disks.spec)->virtual_bytes == 40 * kMiB + 512);
}

TEST_CASE("making an overlay again keeps what is in it; it grows and does not shrink") {
  Disks disks;
  REQUIRE(ensure_overlay(disks.spec));
  run({"qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 0 4096", disks.spec.overlay});
  disks.spec.size_bytes = 128 * kMiB;
  CHECK(ensure_overlay(disks.spec)->virtual_bytes == 128 * kMiB);
  disks.spec.size_bytes = 64 * kMiB;
  CHECK(ensure_overlay(disks.spec)->virtual_bytes == 128 * kMiB);
  run({"qemu-io", "-r", "-f", "qcow2", "-c", "read -P 0x5a 0 4096", disks.spec.overlay});
  std::ifstream base(disks.spec.base);
  std::string start(4, '\0');
  base.read(start.data(), 4);
  CHECK(start == "base");
}

TEST_CASE("half an overlay that a crash left is made anew") {
  Disks disks;
  std::ofstream(disks.spec.overlay + ".new") << "half";
  REQUIRE(ensure_overlay(disks.spec));
  CHECK_FALSE(fs::exists(disks.spec.overlay + ".new"));
}

TEST_CASE("what can't be an overlay is refused, and nothing is left") {
  Disks disks;
  SECTION("no base") {
    fs::remove(disks.spec.base);
    auto made = ensure_overlay(disks.spec);
    REQUIRE_FALSE(made);
    CHECK(made.error().message.find("base.raw") != std::string::npos);
  }
  SECTION("a full disk") {
    disks.spec.keep_free_bytes = 1ull << 60;
    auto made = ensure_overlay(disks.spec);
    REQUIRE_FALSE(made);
    CHECK(made.error().sys_errno == ENOSPC);
  }
  SECTION("a path with a comma") {
    disks.spec.overlay = disks.dir / "a,b.qcow2";
    REQUIRE_FALSE(ensure_overlay(disks.spec));
  }
  SECTION("a relative path") {
    disks.spec.overlay = "vm.qcow2";
    REQUIRE_FALSE(ensure_overlay(disks.spec));
  }
  CHECK(std::distance(fs::directory_iterator(disks.dir.path()), fs::directory_iterator()) <= 1);
}

TEST_CASE("an overlay over another base is not taken for ours") {
  Disks disks;
  REQUIRE(ensure_overlay(disks.spec));
  disks.spec.base = disks.dir / "other.raw";
  std::ofstream(disks.spec.base) << "other";
  fs::resize_file(disks.spec.base, 32 * kMiB);
  auto made = ensure_overlay(disks.spec);
  REQUIRE_FALSE(made);
  CHECK(made.error().message.find("not " + disks.spec.base) != std::string::npos);
}

TEST_CASE("a base's format is what the spec says, whatever its bytes look like") {
  Disks disks;
  // A guest's raw disk that begins like a qcow2 over a file of the host's must stay a raw disk.
  run({"qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw",
       disks.dir / "evil", "1M"});
  disks.spec.base = disks.dir / "evil";
  auto made = ensure_overlay(disks.spec);
  REQUIRE(made);
  run({"qemu-io", "-r", "-f", "qcow2", "-c", "read -P 0x51 0 1",
       disks.spec.overlay});  // 'Q' of "QFI"
}
