#include "drivers/vmm/console.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"

namespace fs = std::filesystem;
using namespace banger::vmm;

TEST_CASE("a capped log keeps the last of what came, and no more than its bound") {
  banger::test::TempDir dir;
  const auto path = dir / "console.log";
  std::string written;
  {
    auto log = CappedLog::open(path, 1000);
    REQUIRE(log);
    for (int i = 0; i < 1000; ++i) {
      const std::string line = "line " + std::to_string(i) + "\n";
      written += line;
      REQUIRE(log->append(line));
    }
  }
  CHECK(fs::file_size(path) <= 1000);
  const auto begin = written.size() / 1000 * 1000;
  CHECK(fs::file_size(path + "." + std::to_string(begin)) == 1000);
  CHECK(std::distance(fs::directory_iterator(dir / ""), fs::directory_iterator()) == 2);
  auto tail = read_log_tail(path, 1100);
  REQUIRE(tail);
  CHECK(*tail == written.substr(written.size() - 1100));
  CHECK(*read_log_tail(path, 5) == written.substr(written.size() - 5));
  SECTION("a byte keeps its offset from the first one ever written") {
    const auto oldest = read_log(path, 0, 10);
    REQUIRE(oldest);
    CHECK(oldest->offset == begin - 1000);
    CHECK(oldest->end == written.size());
    CHECK(oldest->bytes == written.substr(begin - 1000, 10));
    CHECK(read_log(path, begin - 3, 6)->bytes == written.substr(begin - 3, 6));
    CHECK(read_log(path, UINT64_MAX, 6)->offset == written.size());
    std::uint64_t at = begin - 500;
    std::string followed = written.substr(0, at);
    auto log = CappedLog::open(path, 1000);
    for (int i = 0; i < 200; ++i) {  // a reader that follows misses and repeats nothing
      REQUIRE(log->append("more\n"));
      written += "more\n";
      const auto page = read_log(path, at, 700);
      CHECK(page->offset == at);
      followed += page->bytes;
      at += page->bytes.size();
    }
    CHECK(followed == written);
  }
}

TEST_CASE("a capped log goes on where it was, and takes more at once than it holds") {
  banger::test::TempDir dir;
  const auto path = dir / "console.log";
  {
    REQUIRE(CappedLog::open(path, 100)->append("before "));
  }
  auto log = CappedLog::open(path, 100);
  REQUIRE(log);
  REQUIRE(log->append("after"));
  CHECK(*read_log_tail(path, 100) == "before after");
  REQUIRE(log->append(std::string(950, 'x') + "end"));
  CHECK(read_log(path, 0, 1000)->bytes.size() <= 200);
  CHECK(read_log_tail(path, 10)->ends_with("xend"));
  CHECK(read_log_tail(dir / "absent", 10) == "");
}

TEST_CASE(
    "what a VMM writes while nobody reads is dropped, and the next reader gets what follows") {
  banger::test::TempDir dir;
  const auto fifo = dir / "console";
  auto reader = open_console(fifo);
  REQUIRE(reader);
  auto writer = open_console_writer(fifo);
  REQUIRE(writer);
  struct stat st{};
  REQUIRE(::stat(fifo.c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0600);

  std::array<char, 64> buffer{};
  REQUIRE(::write(*writer, "one", 3) == 3);
  CHECK(::read(*reader, buffer.data(), buffer.size()) == 3);
  ::close(*reader);
  (void)::signal(SIGPIPE, SIG_IGN);
  CHECK(::write(*writer, "lost", 4) == -1);
  reader = open_console(fifo);
  REQUIRE(reader);
  REQUIRE(::write(*writer, "two", 3) == 3);
  CHECK(::read(*reader, buffer.data(), buffer.size()) == 3);
  CHECK(std::string_view(buffer.data(), 3) == "two");
  ::close(*writer);
  CHECK(::read(*reader, buffer.data(), buffer.size()) == 0);
  ::close(*reader);
}

TEST_CASE("a file or a link where the FIFO should be is refused") {
  banger::test::TempDir dir;
  std::ofstream(dir / "file") << "x";
  CHECK_FALSE(open_console(dir / "file"));
  fs::create_symlink(dir / "file", dir / "link");
  CHECK_FALSE(open_console(dir / "link"));
}
