#include "drivers/image/seed.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "drivers/host/child.h"
#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"

using namespace banger::image;

namespace {

SeedSpec spec() {
  SeedSpec spec;
  spec.hostname = "web";
  spec.authorized_key = "ssh-ed25519 AAAA user";
  spec.host_key_openssh = std::string(600, 'k') + "\n";
  spec.host_key_dropbear = std::string("\0\x01\xff", 3) + std::string(509, 'd');
  spec.host_key_public = "ssh-ed25519 BBBB web";
  return spec;
}

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("tar and busybox both unpack the seed into what was put in, with its modes") {
  banger::test::TempDir dir;
  REQUIRE(write_seed(dir / "seed", spec()));
  for (const std::vector<std::string>& tar :
       {std::vector<std::string>{"tar"}, {"busybox", "tar"}}) {
    std::filesystem::remove_all(dir / "out");
    std::filesystem::create_directory(dir / "out");
    banger::host::ChildSpec child;
    child.argv = tar;
    child.argv.insert(child.argv.end(), {"-xf", dir / "seed", "-C", dir / "out"});
    auto done = banger::host::run_child_checked(child);
    INFO((done ? "" : done.error().message));
    REQUIRE(done);
    CHECK(content(dir / "out/hostname") == "web\n");
    CHECK(content(dir / "out/authorized_keys") == "ssh-ed25519 AAAA user\n");
    CHECK(content(dir / "out/ssh_host_ed25519_key") == spec().host_key_openssh);
    CHECK(content(dir / "out/ssh_host_ed25519_key.pub") == "ssh-ed25519 BBBB web\n");
    CHECK(content(dir / "out/dropbear_ed25519_host_key") == spec().host_key_dropbear);
    struct stat st{};
    REQUIRE(::stat((dir / "out/ssh_host_ed25519_key").c_str(), &st) == 0);
    CHECK((st.st_mode & 0777) == 0600);
  }
}

TEST_CASE("the seed holds a private key: nobody else reads it, and it is whole sectors") {
  banger::test::TempDir dir;
  REQUIRE(write_seed(dir / "seed", spec()));
  struct stat st{};
  REQUIRE(::stat((dir / "seed").c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0600);
  CHECK(st.st_size % 512 == 0);
  CHECK(make_seed(spec()) == make_seed(spec()));
}
