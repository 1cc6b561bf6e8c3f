#include "drivers/disk/sparse_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"

namespace fs = std::filesystem;
using namespace banger::disk;

TEST_CASE("a sparse file is as long as asked for, takes next to nothing, and is nobody else's") {
  banger::test::TempDir dir;
  const std::string path = dir / "sparse";
  CHECK(file_bytes(path)->has_value() == false);
  CHECK(ensure_sparse(path, 1ull << 30).value());
  CHECK(file_bytes(path)->value() == 1ull << 30);
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK(info.st_blocks * 512 < 1 << 20);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("one that is there keeps what is in it; it grows and does not shrink") {
  banger::test::TempDir dir;
  const std::string path = dir / "sparse";
  std::ofstream(path) << "kept";
  CHECK_FALSE(ensure_sparse(path, 8192).value());
  CHECK(file_bytes(path)->value() == 8192);
  CHECK_FALSE(ensure_sparse(path, 4096).value());
  CHECK(file_bytes(path)->value() == 8192);
  std::string start(4, '\0');
  std::ifstream(path).read(start.data(), 4);
  CHECK(start == "kept");
}

TEST_CASE("what cannot be a sparse file is an error, and nothing is left") {
  banger::test::TempDir dir;
  const std::string path = dir / "sparse";
  SECTION("a link") {
    fs::create_symlink("/dev/null", path);
    CHECK(ensure_sparse(path, 1).error().sys_errno == ELOOP);
  }
  SECTION("a directory that is not there") {
    CHECK(ensure_sparse(dir / "none/sparse", 1).error().sys_errno == ENOENT);
    CHECK(fs::is_empty(dir.path()));
  }
  SECTION("longer than any file") {
    CHECK_FALSE(ensure_sparse(path, ~0ull));
    CHECK_FALSE(fs::exists(path));
  }
}

namespace {

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::uint64_t taken(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return static_cast<std::uint64_t>(info.st_blocks) * 512;
}

// Data, a hole, data, and a hole at the end.
void write_with_holes(const std::string& path) {
  std::ofstream(path) << "start";
  fs::resize_file(path, 3 << 20);
  std::ofstream(path, std::ios::app) << "middle";
  fs::resize_file(path, 8 << 20);
}

}  // namespace

TEST_CASE("a copy has the same bytes and the same holes, is nobody else's, and is made once") {
  banger::test::TempDir dir;
  write_with_holes(dir / "from");
  REQUIRE(ensure_copy({.from = dir / "from", .to = dir / "to"}));
  CHECK(content_of(dir / "to") == content_of(dir / "from"));
  CHECK(taken(dir / "to") < 1 << 20);
  struct stat info {};
  REQUIRE(::stat((dir / "to").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  std::ofstream(dir / "to") << "mine";
  REQUIRE(ensure_copy({.from = dir / "from", .to = dir / "to"}));
  CHECK(content_of(dir / "to") == "mine");
}

TEST_CASE("what a crash left half-made is no copy, and is made anew") {
  banger::test::TempDir dir;
  write_with_holes(dir / "from");
  std::ofstream(dir / "to.new") << "half of it";
  CHECK_FALSE(file_bytes(dir / "to")->has_value());
  REQUIRE(ensure_copy({.from = dir / "from", .to = dir / "to"}));
  CHECK(content_of(dir / "to") == content_of(dir / "from"));
  CHECK_FALSE(fs::exists(dir / "to.new"));
}

TEST_CASE("a copy that cannot be made leaves nothing") {
  banger::test::TempDir dir;
  write_with_holes(dir / "from");
  SECTION("no room") {
    const auto copied = ensure_copy({.from = dir / "from", .to = dir / "to", .keep_free_bytes = 1ull << 60});
    REQUIRE_FALSE(copied);
    CHECK(copied.error().sys_errno == ENOSPC);
  }
  SECTION("nothing to copy") { CHECK(ensure_copy({.from = dir / "none", .to = dir / "to"}).error().sys_errno == ENOENT); }
  SECTION("no file") { CHECK_FALSE(ensure_copy({.from = dir.path(), .to = dir / "to"})); }
  CHECK_FALSE(fs::exists(dir / "to"));
  CHECK_FALSE(fs::exists(dir / "to.new"));
}
