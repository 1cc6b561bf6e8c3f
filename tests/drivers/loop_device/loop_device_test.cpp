// On loop devices of the kernel that runs this: root is needed, and without it these tests fail.
#include "drivers/loop_device/loop_device.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"

namespace fs = std::filesystem;
using namespace banger;
using loop::LoopDevice;

namespace {

constexpr std::uintmax_t kBytes = 1 << 20;

// A mark of this process: other tests may have loops at the same time.
std::string mark(const std::string& what) { return "BANGER-test-" + std::to_string(::getpid()) + "-" + what; }

std::vector<LoopDevice> ours() {
  auto all = loop::list_loops();
  INFO((all ? "" : all.error().message) << " (these tests need root and /dev/loop-control)");
  CHECK(all);
  if (!all) return {};
  std::erase_if(*all, [](const LoopDevice& each) { return !each.mark.starts_with(mark("")); });
  return *all;
}

template <class T>
T must(Result<T> result) {
  INFO((result ? "" : result.error().message) << " (these tests need root and /dev/loop-control)");
  REQUIRE(result);
  return std::move(*result);
}

// Files to attach, and proof that no loop of ours is left when all are let go.
struct Files {
  test::TempDir dir;
  ~Files() { CHECK(ours().empty()); }

  std::string make(const std::string& name, char fill = 'x') const {
    std::ofstream(dir / name) << std::string(4096, fill);
    fs::resize_file(dir / name, kBytes);
    return dir / name;
  }
};


}  // namespace

TEST_CASE("an attached file is listed by what it is, and gone when nobody holds it") {
  Files files;
  const std::string path = files.make("disk");
  std::string told;
  {
    auto held = must(loop::attach({.path = path, .mark = mark("a")}, [&](const std::string& node) {
      told = node;
      return Status{};
    }));
    CHECK(told == held.loop.node());
    auto seen = ours();
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].number == held.loop.number);
    CHECK(seen[0].device == held.loop.device);
    CHECK(seen[0].file == must(loop::file_id(path)));
    CHECK(seen[0].path == path);
    CHECK_FALSE(seen[0].deleted);
    CHECK_FALSE(seen[0].read_only);
    CHECK(seen[0].autoclear);
    CHECK(seen[0].whole);
  }
  CHECK(ours().empty());
}

TEST_CASE("what is written to a loop is in its file; a read-only one takes nothing") {
  Files files;
  const std::string path = files.make("disk");
  {
    auto held = must(loop::attach({.path = path, .mark = mark("w")}));
    CHECK(::pwrite(held.fd.get(), "banger", 6, 0) == 6);
    CHECK(::fsync(held.fd.get()) == 0);
  }
  std::string text(6, '\0');
  std::ifstream(path).read(text.data(), 6);
  CHECK(text == "banger");
  auto held = must(loop::attach({.path = path, .read_only = true, .mark = mark("r")}));
  CHECK(held.loop.read_only);
  char byte = 0;
  CHECK(::pread(held.fd.get(), &byte, 1, 0) == 1);
  CHECK(byte == 'b');
  CHECK((::pwrite(held.fd.get(), "x", 1, 0) < 0 || ::fsync(held.fd.get()) != 0));
}

TEST_CASE("one read-only loop is shared, by looking; it goes with its last user") {
  Files files;
  const loop::AttachSpec image{.path = files.make("image", 'i'), .read_only = true, .mark = mark("base")};
  auto first = std::make_unique<loop::HeldLoop>(must(loop::share(image)));
  auto second = must(loop::share(image));
  CHECK(first->loop.number == second.loop.number);
  CHECK(ours().size() == 1);
  first.reset();
  CHECK(ours().size() == 1);
  char byte = 0;
  CHECK(::pread(second.fd.get(), &byte, 1, 0) == 1);
  CHECK(byte == 'i');
}

TEST_CASE("a loop is not shared when it is not exactly ours") {
  Files files;
  const std::string path = files.make("image");
  SECTION("another's mark") {
    auto theirs = must(loop::attach({.path = path, .read_only = true, .mark = mark("theirs")}));
    CHECK_FALSE(must(loop::find_attached({.path = path, .read_only = true, .mark = mark("base")})));
  }
  SECTION("a writable one") {
    auto writable = must(loop::attach({.path = path, .mark = mark("base")}));
    CHECK_FALSE(must(loop::find_attached({.path = path, .read_only = true, .mark = mark("base")})));
  }
  SECTION("another file of the same name") {
    const loop::AttachSpec spec{.path = path, .read_only = true, .mark = mark("base")};
    auto old = must(loop::attach(spec));
    fs::remove(path);
    files.make("image", 'n');
    CHECK_FALSE(must(loop::find_attached(spec)));
    auto fresh = must(loop::share(spec));
    CHECK(fresh.loop.number != old.loop.number);
  }
}

TEST_CASE("names with blanks, newlines and a false (deleted) are told apart from deleted files") {
  Files files;
  const std::string odd = files.make("a b\nc");
  const std::string lying = files.make("x (deleted)");
  const std::string doomed = files.make("doomed");
  auto one = must(loop::attach({.path = odd, .mark = mark("1")}));
  auto two = must(loop::attach({.path = lying, .mark = mark("2")}));
  auto three = must(loop::attach({.path = doomed, .mark = mark("3")}));
  fs::remove(doomed);
  auto seen = ours();
  auto marked = [&](const std::string& what) {
    auto found = std::ranges::find(seen, mark(what), &LoopDevice::mark);
    REQUIRE(found != seen.end());
    return *found;
  };
  CHECK(marked("1").path == odd);
  CHECK_FALSE(marked("1").deleted);
  CHECK(marked("2").path == lying);
  CHECK_FALSE(marked("2").deleted);
  CHECK(marked("3").path == doomed);
  CHECK(marked("3").deleted);
}

TEST_CASE("detaching waits for whoever has it open, and touches no other loop") {
  Files files;
  auto held = std::make_unique<loop::HeldLoop>(must(loop::attach({.path = files.make("disk"), .mark = mark("d")})));
  const LoopDevice device = held->loop;
  LoopDevice another = device;
  another.mark = "somebody else's";
  REQUIRE(loop::detach(another));
  REQUIRE(loop::detach(device));
  CHECK(ours().size() == 1);  // open here
  held.reset();
  CHECK(ours().empty());
  REQUIRE(loop::detach(device));  // gone already
}

TEST_CASE("a loop without autoclear, as a hand may have left it, is detached") {
  Files files;
  auto held = std::make_unique<loop::HeldLoop>(must(loop::attach({.path = files.make("disk"), .mark = mark("s")})));
  loop_info64 info{};
  REQUIRE(::ioctl(held->fd.get(), LOOP_GET_STATUS64, &info) == 0);
  info.lo_flags &= ~static_cast<__u32>(LO_FLAGS_AUTOCLEAR);
  REQUIRE(::ioctl(held->fd.get(), LOOP_SET_STATUS64, &info) == 0);
  held.reset();
  auto left = ours();
  REQUIRE(left.size() == 1);
  CHECK_FALSE(left[0].autoclear);
  REQUIRE(loop::detach(left[0]));
  CHECK(ours().empty());
}

TEST_CASE("a process that dies leaves no loop behind") {
  Files files;
  const std::string path = files.make("disk");
  const pid_t child = ::fork();
  if (child == 0) {
    auto held = loop::attach({.path = path, .mark = mark("dying")});
    ::_exit(held ? 7 : 1);  // nothing is destroyed
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 7);
  CHECK(ours().empty());
}

TEST_CASE("many at once each get a loop of their own") {
  Files files;
  constexpr std::size_t kThreads = 8;
  std::vector<Result<loop::HeldLoop>> got;
  for (std::size_t i = 0; i < kThreads; ++i) {
    files.make(std::to_string(i), static_cast<char>('0' + i));
    got.emplace_back(fail("not tried"));
  }
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { got[i] = loop::attach({.path = files.dir / std::to_string(i), .mark = mark("m")}); });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < kThreads; ++i) {
    INFO((got[i] ? "" : got[i].error().message));
    REQUIRE(got[i]);
    char byte = 0;
    CHECK(::pread(got[i]->fd.get(), &byte, 1, 0) == 1);
    CHECK(byte == static_cast<char>('0' + i));
  }
  CHECK(ours().size() == kThreads);
}

TEST_CASE("what cannot be attached is an error, and leaves nothing") {
  Files files;
  const std::string path = files.make("disk");
  CHECK(loop::attach({.path = files.dir / "none", .mark = mark("n")}).error().sys_errno == ENOENT);
  CHECK_FALSE(loop::attach({.path = files.dir.path(), .read_only = true, .mark = mark("n")}));
  CHECK_FALSE(loop::attach({.path = path}));
  CHECK_FALSE(loop::attach({.path = path, .mark = std::string(64, 'm')}));
  fs::create_symlink(path, files.dir / "link");
  CHECK(loop::attach({.path = files.dir / "link", .mark = mark("n")}).error().sys_errno == ELOOP);
  auto refused = loop::attach({.path = path, .mark = mark("n")}, [](const std::string&) { return fail("not now"); });
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "not now");
}
