// The Debian image, from the mirror of this host's apt, booted once: a name, a pinned key, a
// package manager, a stop.
#include <iostream>

#include "tests/catch.h"
#include "tests/drivers/vmm/guest_vm.h"

using namespace banger;

TEST_CASE("a VM of the Debian image boots, is itself, and stops when asked") {
  test::TempDir dir;
  auto store = image::ImageStore::open(dir / "images");
  REQUIRE(store);
  image::BuildSpec spec;
  spec.recipe = "debian";
  auto image = store->build(ImageId{0xdeb1a}, spec,
                            [](std::string_view line) { std::cout << line << std::endl; });
  INFO((image ? "" : image.error().message));
  REQUIRE(image);
  CHECK(image->recipe == "debian");

  test::GuestVm vm(*image, "deb", 4ull << 30);
  vm.start();
  std::cout << "boot to ssh " << vm.boot_time().count() << " ms, " << vm.resident_kib()
            << " KiB resident, " << image->disk_bytes / (1 << 20) << " MiB on disk\n";
  CHECK(vm.ssh("cat /etc/hostname").out == "deb\n");
  CHECK(vm.presented_host_key() == vm.pinned_host_key());
  CHECK(vm.ssh("dpkg-query -W -f '${Status}' git").out == "install ok installed");
  CHECK(vm.ssh("apt-get --version >/dev/null && echo fine").out == "fine\n");
  CHECK(vm.ssh("ls /etc/ssh/ssh_host_* 2>/dev/null | wc -l").out == "0\n");
  CHECK(vm.ssh("echo precious > /root/data").exit_code == 0);
  CHECK(vm.stop() == vmm::Shutdown{true, "guest-shutdown"});
  vm.start();
  CHECK(vm.ssh("cat /root/data").out == "precious\n");
}
