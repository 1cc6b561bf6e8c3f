#include "drivers/guest/keys.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/catch.h"
#include "tests/drivers/guest/child.h"
#include "tests/drivers/guest/ssh_server.h"

using namespace banger::guest;

namespace {

std::string output_of(const std::vector<std::string>& argv) {
  auto output = run_child(argv);
  CHECK(output.code == 0);
  return output.out;
}

}  // namespace

TEST_CASE("OpenSSH and dropbear read the same public key out of their own form") {
  TempDir dir;
  auto pair = make_key_pair("web@banger").value();
  REQUIRE(write_private_file(dir.path() + "/openssh", pair.private_openssh));
  REQUIRE(write_private_file(dir.path() + "/dropbear", pair.private_dropbear));
  CHECK(pair.public_line.ends_with(" web@banger"));
  const std::string key = pair.public_line.substr(0, pair.public_line.find(" web"));
  CHECK(output_of({"ssh-keygen", "-y", "-P", "", "-f", dir.path() + "/openssh"}).starts_with(key));
  CHECK(output_of({"dropbearkey", "-y", "-f", dir.path() + "/dropbear"}).find(key + " ") !=
        std::string::npos);
}

TEST_CASE("two pairs differ") {
  CHECK(make_key_pair("a").value().public_line != make_key_pair("a").value().public_line);
}

TEST_CASE("a private file is 0600, replaced whole, and leaves no temporary one") {
  TempDir dir;
  const std::string path = dir.path() + "/key";
  ::umask(0);
  REQUIRE(write_private_file(path, "first, and longer"));
  REQUIRE(write_private_file(path, "second"));
  ::umask(022);
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  std::stringstream content;
  content << std::ifstream(path).rdbuf();
  CHECK(content.str() == "second");
  std::filesystem::directory_iterator files(dir.path());
  CHECK(std::distance(begin(files), end(files)) == 1);
  CHECK_FALSE(write_private_file(dir.path() + "/missing/key", "x"));
  ::mkdir((dir.path() + "/taken").c_str(), 0700);
  CHECK_FALSE(write_private_file(dir.path() + "/taken", "x"));  // rename onto a directory fails
  std::filesystem::directory_iterator after(dir.path());
  CHECK(std::distance(begin(after), end(after)) == 2);
}
