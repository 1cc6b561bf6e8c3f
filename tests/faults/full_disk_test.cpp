// A data directory on a small file system that somebody else fills: what would need room is refused, what frees some works, and
// once there is room again so does everything, without anybody's help.
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/catch.h"
#include "tests/e2e/sandbox.h"
#include "tests/support/apart.h"
#include "tests/support/child.h"

namespace banger::faults {
namespace {

namespace fs = std::filesystem;
using e2e::eventually;

// An image is imported only where there is a quarter of a GiB to spare.
constexpr std::uintmax_t kDiskBytes = 384 << 20;

int run(const std::string& program, std::vector<std::string> words) {
  words.insert(words.begin(), program);
  return test::Child(program, std::move(words)).exit_code();
}

// ext4 on a loop that goes with the mount, and the mount with this test's namespace.
class SmallDisk {
 public:
  SmallDisk() {
    test::must_be_apart();
    REQUIRE(::mkdtemp(dir_.data()) != nullptr);
    const std::string image = dir_ + "/image";
    std::ofstream(image).close();
    fs::resize_file(image, kDiskBytes);
    fs::create_directory(dir_ + "/m");
    REQUIRE(run("/sbin/mke2fs", {"-q", "-t", "ext4", "-m", "0", image}) == 0);
    REQUIRE(run("/bin/mount", {"-o", "loop", image, dir_ + "/m"}) == 0);
  }
  ~SmallDisk() {
    ::umount2((dir_ + "/m").c_str(), MNT_DETACH);
    fs::remove_all(dir_);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  // Takes whatever is free.
  void fill() const {
    const int fd = ::open((dir_ + "/m/filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    off_t end = ::lseek(fd, 0, SEEK_END);
    for (off_t piece = 64 << 20; piece >= 4096;) {
      if (::fallocate(fd, 0, end, piece) == 0) {
        end += piece;
      } else {
        REQUIRE(errno == ENOSPC);
        piece /= 2;
      }
    }
    ::close(fd);
  }
  void empty() const { fs::remove(dir_ + "/m/filler"); }
  [[nodiscard]] std::string place() const { return dir_ + "/m/b"; }

 private:
  std::string dir_ = "/tmp/banger-small-XXXXXX";
};

struct World {
  SmallDisk disk;
  e2e::Sandbox banger{"tick_ms = 100\ndisk = \"qcow2\"\n[vmm]\nprogram = \"" BANGER_PLAIN_DIR "/tests/banger-stub-vmm\"\naccel = "
                      "\"tcg\"\n[log]\nlow_water_mib = 6\nballast_mib = 6\n",
                      {disk.place(), BANGER_PLAIN_DIR "/bin", {}}};
  World() {
    banger.make_stub_image();
    for (const char* vm : {"runs", "rests"}) works({"vm", "create", "--no-start", "--name", vm, "--image", "base"});
    works({"vm", "start", "runs"});
  }
  void works(const std::vector<std::string>& words) const {
    const e2e::Ran ran = banger.ctl(words);
    INFO(words[0] << " " << words[1] << ": " << ran.err);
    REQUIRE(ran.code == 0);
  }
  [[nodiscard]] e2e::Ran create() const { return banger.ctl({"vm", "create", "--no-start", "--name", "more", "--image", "base"}); }
  void all_is_well() const {
    REQUIRE(eventually([&] { return create().code == 0; }));  // low water is over at the next tick
    works({"vm", "start", "more"});
    works({"vm", "stop", "more"});
    CHECK(banger.json({"log", "verify"}).at("ok") == true);
    works({"projection", "verify"});
  }
};

}  // namespace

TEST_CASE("a full disk refuses what needs room, lets go what frees some, and is over by itself") {
  World world;
  const pid_t daemon = world.banger.daemon();
  REQUIRE(eventually([&] { return fs::exists(world.banger.data() + "/log/ballast"); }));
  // As much as is there, but for what the next append takes until the ballast is let go.
  world.disk.fill();
  REQUIRE(eventually([&] { return world.banger.json({"daemon", "status"}).at("low_water") == true; }));
  CHECK_FALSE(fs::exists(world.banger.data() + "/log/ballast"));
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"vm", "create", "--no-start", "--name", "more", "--image", "base"}, {"vm", "start", "rests"}}) {
    const e2e::Ran refused = world.banger.ctl(words);
    CHECK(refused.code == 1);
    CHECK(refused.err.find("the disk of the data directory is nearly full") != std::string::npos);
  }
  world.works({"vm", "ls"});
  world.works({"vm", "stop", "runs"});
  world.works({"vm", "rm", "runs"});
  world.works({"vm", "rm", "rests"});
  CHECK(fs::is_empty(world.banger.data() + "/vms"));
  world.disk.empty();
  world.all_is_well();
  CHECK(world.banger.daemon() == daemon);  // it has gone through all of that
  world.works({"vm", "rm", "more"});
  CHECK(world.banger.leave() == "");
}

TEST_CASE("a disk that takes even the ballast's room is survived, too") {
  World world;
  REQUIRE(eventually([&] { return fs::exists(world.banger.data() + "/log/ballast"); }));
  world.disk.fill();
  REQUIRE(eventually([&] { return !fs::exists(world.banger.data() + "/log/ballast"); }));
  world.disk.fill();
  // Whatever is asked now works or is told; a daemon that cannot record ends, and one that is started finds out the same.
  for (int i = 0; i < 20; ++i) {
    const e2e::Ran asked = world.banger.ctl(i % 2 == 0 ? std::vector<std::string>{"vm", "stop", "runs"}
                                                       : std::vector<std::string>{"vm", "start", "rests"});
    INFO(asked.err);
    CHECK((asked.code == 0) == asked.err.empty());
    world.disk.fill();
  }
  world.disk.empty();
  REQUIRE(eventually([&] { return world.banger.ctl({"vm", "ls"}).code == 0; }));
  world.all_is_well();
  world.works({"vm", "rm", "-f", "runs", "rests", "more"});
  CHECK(world.banger.leave() == "");
}

}  // namespace banger::faults
