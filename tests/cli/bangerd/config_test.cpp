#include "cli/bangerd/config.h"

#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "cli/bangerd/access.h"
#include "tests/catch.h"

using namespace banger;
using namespace banger::bangerd;
using disk::DiskChoice;

TEST_CASE("the kind of new VMs' disks is one of four words") {
  Config config;
  CHECK(config.disk == DiskChoice::kAuto);
  for (auto [word, choice] : {std::pair{"qcow2", DiskChoice::kQcow2}, std::pair{"dm_snapshot", DiskChoice::kDmSnapshot},
                              std::pair{"raw", DiskChoice::kRaw}, std::pair{"auto", DiskChoice::kAuto}}) {
    REQUIRE(parse_config("disk = \"" + std::string(word) + "\"", "banger.toml", config));
    CHECK(config.disk == choice);
  }
  for (const char* wrong : {"disk = \"tape\"", "disk = 1", "disk = \"\"", "[disk]\nkind = \"qcow2\""}) {
    INFO(wrong);
    auto refused = parse_config(wrong, "banger.toml", config);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.starts_with("banger.toml:1: disk must be \"auto\", \"qcow2\", \"dm_snapshot\" or \"raw\""));
  }
  CHECK(std::ranges::count(config_keys(), "disk", &ConfigKey::name) == 1);
}

TEST_CASE("the observer is one of two words, and what it lacks is told") {
  Config config;
  CHECK(config.observer == ObserverChoice::kNative);
  REQUIRE(parse_config("observer = \"tools\"", "banger.toml", config));
  CHECK(config.observer == ObserverChoice::kTools);
  REQUIRE(parse_config("observer = \"native\"", "banger.toml", config));
  CHECK(config.observer == ObserverChoice::kNative);
  const auto refused = parse_config("observer = \"eyes\"", "banger.toml", config);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.starts_with("banger.toml:1: observer must be \"native\" or \"tools\""));
  CHECK(describe(ObserverChoice::kNative) == "native");
  CHECK(describe(ObserverChoice::kTools) == "tools");  // scripts/install-deps brings them all
  const std::string before = std::getenv("PATH");
  ::setenv("PATH", "/nowhere", 1);
  const std::string lacking = describe(ObserverChoice::kTools);
  ::setenv("PATH", before.c_str(), 1);
  CHECK(lacking.starts_with("tools (not to be found: pgrep"));  // the others are where administrators' programs are
}

TEST_CASE("a key of very many dots is refused, and does not take the stack") {
  Config config;
  std::string dots;
  for (int i = 0; i < 100'000; ++i) dots += "a.";
  for (const std::string& text : {dots + "a = 1", "[" + dots + "a]", "x = {" + dots + "a = 1}"}) {
    const auto refused = parse_config("tick_ms = 5000\n" + text, "banger.toml", config);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message == "banger.toml:2: a line of more than 8 KiB");
  }
  const std::string most = dots.substr(0, 8000);  // still tables in tables, and no setting
  CHECK_FALSE(parse_config("[" + most + "a]\n" + most + "a = 1", "banger.toml", config));
  CHECK(parse_config("socket = \"/" + std::string(4000, 'x') + "\"\r\n", "banger.toml", config));
}

TEST_CASE("the VMM is one of three words, and a jail needs its users") {
  using effects::VmmChoice;
  Config config;
  CHECK(config.vmm == VmmChoice::kAuto);
  CHECK(config.firecracker_program == "firecracker");
  CHECK(config.jailer.empty());
  for (auto [word, choice] : {std::pair{"qemu", VmmChoice::kQemu}, std::pair{"firecracker", VmmChoice::kFirecracker},
                              std::pair{"auto", VmmChoice::kAuto}}) {
    REQUIRE(parse_config("[vmm]\nkind = \"" + std::string(word) + "\"", "banger.toml", config));
    CHECK(config.vmm == choice);
  }
  auto refused = parse_config("[vmm]\nkind = \"xen\"", "banger.toml", config);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "banger.toml:2: vmm.kind must be \"auto\", \"qemu\" or \"firecracker\"");

  for (const char* wrong : {"[vmm]\njailer = \"jailer\"", "[vmm]\njailer = \"/j\"",
                            "[vmm]\njailer = \"/j\"\njailer_first_uid = 200000",
                            "[vmm]\njailer = \"/j\"\njailer_uids = 10", "[vmm]\njailer_first_uid = 0"}) {
    INFO(wrong);
    Config fresh;
    CHECK_FALSE(parse_config(wrong, "banger.toml", fresh));
  }
  REQUIRE(parse_config("[vmm]\njailer = \"/j\"\njailer_first_uid = 200000\njailer_uids = 1000", "banger.toml", config));
  CHECK(config.jailer == "/j");
  CHECK(config.first_jail_uid == 200'000);
  CHECK(config.jail_uids == 1000);
}

TEST_CASE("groups that may use the daemon are found by name or number, and must be there") {
  Config config;
  const auto alone = access_of(config);
  REQUIRE(alone);
  CHECK_FALSE(alone->shared());
  CHECK(alone->owner == ::geteuid());
  REQUIRE(parse_config("[access]\noperators = \"daemon\"\nreaders = \"4711\"", "banger.toml", config));
  const auto shared = access_of(config);
  REQUIRE(shared);
  CHECK(shared->operators == ::getgrnam("daemon")->gr_gid);
  CHECK(shared->readers == gid_t{4711});
  config.readers = "no-such-group";
  const auto missing = access_of(config);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message == "access.readers: there is no group no-such-group");
}
