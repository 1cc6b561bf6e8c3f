// What the tools say, in the very words of procps 4.0.2, lvm2's dmsetup 1.02.185, util-linux 2.38.1, iproute2 6.1.
#include "drivers/observe/tools/reports.h"

#include <regex.h>

#include "engine/paths.h"
#include "tests/catch.h"

namespace banger::observe {
namespace {

using Numbers = std::vector<std::uint32_t>;
using Words = std::vector<std::string>;

TEST_CASE("the pattern for pgrep finds every VM's API socket, whatever the data directory is called") {
  regex_t pattern;  // as pgrep takes it
  REQUIRE(::regcomp(&pattern, socket_pattern().c_str(), REG_EXTENDED | REG_NOSUB) == 0);
  const auto finds = [&](const std::string& argv) { return ::regexec(&pattern, argv.c_str(), 0, nullptr, 0) == 0; };
  for (const char* data : {"/var/lib/banger", "/a b", "/a,,b", "/x\ny", ""}) {
    const std::string socket = vm_paths(Layout{data}, VmId{0x1f}).api_socket;
    CHECK(finds("qemu -qmp unix:" + socket + ",server=on"));
    CHECK(finds(socket));
  }
  CHECK_FALSE(finds("/var/lib/banger/vms/000000000000001/api.sock"));
  CHECK_FALSE(finds("/var/lib/banger/vms/000000000000001f/api_sock"));
  ::regfree(&pattern);
}

TEST_CASE("pgrep: a pid a line, and nothing else") {
  CHECK(parse_pids("812\n4194304\n").value() == std::vector<std::int32_t>{812, 4194304});
  CHECK(parse_pids("").value().empty());
  for (const char* odd : {"x\n", "12 qemu\n", "\n", "0\n", "-4\n", "99999999999\n", "pgrep: no matching criteria\n"}) {
    INFO(odd);
    CHECK_FALSE(parse_pids(odd));
  }
}

TEST_CASE("dmsetup: a UUID a line, none where a device has none, and its words where there is no device") {
  CHECK(parse_uuids("No devices found\n").value().empty());
  CHECK(parse_uuids("").value().empty());
  CHECK(parse_uuids("BANGER-1-2\n\nLVM-abc\\x20d\n").value() == Words{"BANGER-1-2", "LVM-abc\\x20d"});
  CHECK(parse_uuids("BANGER-1-2   \n            \n").value() == Words{"BANGER-1-2"});
  CHECK_FALSE(parse_uuids("Command failed.\n"));
  CHECK_FALSE(parse_uuids("BANGER-1-2 BANGER-1-3\n"));
}

TEST_CASE("losetup: the loops' numbers") {
  CHECK(parse_loops("{\n   \"loopdevices\": [\n      {\n         \"name\": \"/dev/loop0\"\n      },{\n"
                    "         \"name\": \"/dev/loop12\"\n      }\n   ]\n}\n").value() == Numbers{0, 12});
  CHECK(parse_loops("{\n   \"loopdevices\": [\n\n   ]\n}\n").value().empty());
  CHECK(parse_loops("").value().empty());
  CHECK(parse_loops("\n").value().empty());
  // With more columns than were asked for, and a path that is no UTF-8.
  CHECK(parse_loops("{\"loopdevices\": [{\"name\":\"/dev/loop3\", \"back-file\":\"/a\xff\\nb\"}]}").value() == Numbers{3});
  for (const char* odd : {"{}", "[]", "null", "{\"loopdevices\": 3}", "{\"loopdevices\": [3]}", "{\"loopdevices\": [{}]}",
                          "{\"loopdevices\": [{\"name\": \"/dev/sda\"}]}", "{\"loopdevices\": [{\"name\": \"/dev/loop\"}]}",
                          "{\"loopdevices\": [{\"name\": \"/dev/loop1p1\"}]}", "{\"loopdevices\": [{\"name\"",
                          "losetup: cannot open\n"}) {
    INFO(odd);
    CHECK_FALSE(parse_loops(odd));
  }
}

TEST_CASE("/proc/partitions: the loops among all disks") {
  CHECK(loops_in_partitions("major minor  #blocks  name\n\n   7        0       1024 loop0\n   7       11       1024 loop11\n"
                            " 259        0  500107608 nvme0n1\n   7       12   1024 loop12p1\n") == Numbers{0, 11});
  CHECK(loops_in_partitions("").empty());
}

constexpr std::string_view kTap =
    R"({"ifindex":2,"ifname":"bgb040fa556c659","flags":["BROADCAST","MULTICAST"],"mtu":1500,"qdisc":"noop",)"
    R"("linkinfo":{"info_kind":"tun","info_data":{"type":"tap","pi":false,"vnet_hdr":true,"persist":true}},"ifalias":")";

std::vector<network::Link> taps_with_alias(const std::string& alias) {
  return parse_links("[" + std::string(kTap) + alias + "\"}]\n").value();
}

TEST_CASE("ip: names, aliases, and what is a tap") {
  CHECK(parse_links("[]\n").value().empty());
  CHECK(parse_links("[{},{}]").value().empty());
  const auto taps = taps_with_alias("banger:1:2");
  REQUIRE(taps.size() == 1);
  CHECK(taps[0].name == "bgb040fa556c659");
  CHECK(taps[0].alias == "banger:1:2");
  CHECK(taps[0].tap);
  const auto others = parse_links(R"([{"ifname":"t1","linkinfo":{"info_kind":"tun","info_data":{"type":"tun"}}},)"
                                  R"({"ifname":"v","linkinfo":{"info_kind":"veth","info_data":{"type":"tap"}}},)"
                                  R"({"ifname":"lo"},{"ifname":"x","linkinfo":[],"ifalias":7}])").value();
  REQUIRE(others.size() == 4);
  for (const auto& each : others) {
    CHECK_FALSE(each.tap);
    CHECK(each.alias.empty());
  }
  for (const char* odd : {"", "{}", "null", "[1]", "[{\"ifname\":1}]", "[{\"mtu\":1}]", "[{\"ifname\":\"a\"", "Error\n"}) {
    INFO(odd);
    CHECK_FALSE(parse_links(odd));
  }
}

TEST_CASE("an alias may hold bytes that JSON may not, which iproute2 passes on, and is never taken for ours") {
  for (const char* odd : {"banger:1:2\n", "banger:1:2\x01", "banger:1:2\xff", "a b\tc", "\xc3\xa9"}) {
    const auto taps = taps_with_alias(odd);
    REQUIRE(taps.size() == 1);
    CHECK(taps[0].alias != "banger:1:2");
    CHECK_FALSE(taps[0].alias.empty());
  }
  CHECK(taps_with_alias("a'b\\\"c\\\\d\\te").at(0).alias == "a'b\"c\\d\te");  // these it escapes
  // From an ip that escapes nothing there may be no list, or a link that is not there: which is why each is looked for.
  CHECK_FALSE(parse_links("[" + std::string(kTap) + "a\"b\"}]"));
  CHECK(taps_with_alias("\"},{\"ifname\":\"x\",\"ifalias\":\"y").size() == 2);
}

}  // namespace
}  // namespace banger::observe
