#include "drivers/host/durable.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"

namespace fs = std::filesystem;
using namespace banger::host;

namespace {

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("a file is replaced whole, with its mode") {
  banger::test::TempDir dir;
  REQUIRE(write_file_durably(dir / "key", "old", 0644));
  REQUIRE(write_file_durably(dir / "key", "new", 0600));
  CHECK(content(dir / "key") == "new");
  struct stat st{};
  REQUIRE(::stat((dir / "key").c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0600);
  CHECK(std::distance(fs::directory_iterator(dir.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("what a crash left beside a file does not stop the next write") {
  banger::test::TempDir dir;
  std::ofstream(dir / "key.new") << "half";
  REQUIRE(write_file_durably(dir / "key", "whole", 0600));
  CHECK(content(dir / "key") == "whole");
  CHECK_FALSE(fs::exists(dir / "key.new"));
}

TEST_CASE("a write that fails names the file and leaves nothing") {
  banger::test::TempDir dir;
  auto done = write_file_durably(dir / "absent/key", "x", 0600);
  REQUIRE_FALSE(done);
  CHECK(done.error().sys_errno == ENOENT);
  CHECK(done.error().message.find("absent/key") != std::string::npos);
  fs::create_directory(dir / "taken");
  REQUIRE_FALSE(write_file_durably(dir / "taken", "x", 0600));
  CHECK_FALSE(fs::exists(dir / "taken.new"));
}

TEST_CASE("free space is asked for before it is used") {
  banger::test::TempDir dir;
  CHECK(require_free_space(dir.path(), 1));
  auto full = require_free_space(dir.path(), 1ull << 60);
  REQUIRE_FALSE(full);
  CHECK(full.error().sys_errno == ENOSPC);
  CHECK(full.error().message.find("not enough room in " + dir.path()) == 0);
}

TEST_CASE("the directory that a path is in") {
  CHECK(parent_of("/a/b") == "/a");
  CHECK(parent_of("/a") == "/");
  CHECK(parent_of("a") == ".");
}
