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
