// The small image, built by the library, and what a VM of it promises: its own name, the pinned
// host key, data that survives, a base that never changes.
#include <filesystem>
#include <iostream>

#include "drivers/image/digest.h"
#include "tests/catch.h"
#include "tests/drivers/vmm/guest_vm.h"

namespace fs = std::filesystem;
using namespace banger;
using banger::test::GuestVm;

namespace {

constexpr std::uint64_t kGiB = 1ull << 30;
constexpr ImageId kId{0xfeed};

// Built once for the whole program.
const image::ImageStore& store() {
  static const test::TempDir dir;
  static const auto opened = image::ImageStore::open(dir / "images");
  REQUIRE(opened);
  return *opened;
}

const image::ImageInfo& tiny() {
  static const image::ImageInfo image = [] {
    image::BuildSpec spec;
    spec.recipe = "tiny";
    std::vector<std::string> steps;
    auto built = store().build(kId, spec, [&](std::string_view line) { steps.emplace_back(line); });
    INFO((built ? "" : built.error().message));
    REQUIRE(built);
    CHECK(steps.size() == 5);
    CHECK(steps.back() == "step 5/5 file system");
    return *built;
  }();
  return image;
}

}  // namespace

TEST_CASE(
    "a VM of the small image is itself, keeps its data through a stop, and leaves its base alone") {
  const auto base = *image::digest_of_file(tiny().rootfs);
  GuestVm web(tiny(), "web", 3 * kGiB);
  web.start();
  std::cout << "boot to ssh " << web.boot_time().count() << " ms, " << web.resident_kib()
            << " KiB resident\n";

  SECTION("identity, disk and clock; then a graceful stop and a second life") {
    CHECK(web.ssh("cat /etc/hostname").out == "web\n");
    CHECK(web.ssh("hostname").out == "web\n");
    CHECK(web.presented_host_key() == web.pinned_host_key());
    CHECK(web.ssh("exit 42").exit_code == 42);
    CHECK(std::stoll(web.ssh("df -B1 --output=size / | tail -n 1").out) >
          static_cast<long long>(27 * kGiB / 10));
    CHECK(std::abs(std::stoll(web.ssh("date +%s").out) - static_cast<long long>(::time(nullptr))) <
          30);
    CHECK(web.ssh("git init -q /tmp/x && git -C /tmp/x status --porcelain && echo fine").out ==
          "fine\n");
    // Nobody gets in by a password, and the keys that only the seed has are out of others' sight.
    CHECK(web.ssh("grep -c '^root:\\*:' /etc/passwd").out == "1\n");
    CHECK(web.ssh("stat -c %a /run/banger").out == "700\n");

    CHECK(web.ssh("echo precious > /root/data").exit_code == 0);  // and no sync
    CHECK(web.stop() == vmm::Shutdown{true, "guest-shutdown"});
    CHECK_FALSE(fs::exists(web.file("qmp.sock")));
    CHECK_FALSE(fs::exists(web.file("qemu.pid")));
    CHECK(web.console().find("guest: going down") != std::string::npos);
    web.start();
    CHECK(web.ssh("cat /root/data").out == "precious\n");
    CHECK(web.ssh("dmesg | grep -ci 'recovery\\|error'").out == "0\n");
    CHECK(web.presented_host_key() == web.pinned_host_key());
  }
  SECTION("a second VM is another, at the same time") {
    CHECK(web.ssh("echo of-web > /root/data").exit_code == 0);
    GuestVm other(tiny(), "other", kGiB);
    other.start();
    CHECK(other.ssh("cat /etc/hostname").out == "other\n");
    CHECK(other.ssh("cat /root/data").exit_code == 1);
    CHECK(other.presented_host_key() != web.presented_host_key());
    auto qmp = vmm::QmpClient::connect(other.file("qmp.sock"), std::chrono::seconds(10));
    REQUIRE(qmp);
    CHECK(qmp->query_status(std::chrono::seconds(10)) == "running");
    REQUIRE(qmp->quit(std::chrono::seconds(10)));
    CHECK(qmp->await_shutdown(std::chrono::seconds(10)) == vmm::Shutdown{false, "host-qmp-quit"});
    CHECK(web.ssh("cat /root/data").out == "of-web\n");
  }
  SECTION(
      "a VMM that is killed loses nothing that was synced, and its leftovers don't stop the next") {
    CHECK(web.ssh("echo synced > /root/data && sync").exit_code == 0);
    web.kill();
    CHECK(fs::exists(web.file("qmp.sock")));
    web.start();
    CHECK(web.ssh("cat /root/data").out == "synced\n");
    // poweroff typed in the guest is a guest's own shutdown, too; what runs is asked to end first.
    CHECK(web.ssh("(trap 'echo asked > /root/asked; exit' TERM; while :; do sleep 0.1; done) "
                  "</dev/null >/dev/null 2>&1 & poweroff")
              .exit_code == 0);
    auto qmp = vmm::QmpClient::connect(web.file("qmp.sock"), std::chrono::seconds(10));
    if (qmp) (void)qmp->await_shutdown(std::chrono::seconds(30));
    web.kill();
    web.start();
    CHECK(web.ssh("cat /root/asked").out == "asked\n");
  }
  web.kill();
  CHECK_FALSE(web.is_running());
  CHECK(*image::digest_of_file(tiny().rootfs) == base);
  CHECK(store().verify(kId));
}
