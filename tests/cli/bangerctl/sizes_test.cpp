#include "cli/bangerctl/sizes.h"

#include <map>

#include "cli/bangerctl/times.h"
#include "cli/common/paths.h"
#include "tests/catch.h"

using namespace banger;
using namespace banger::ctl;

TEST_CASE("sizes are read as users write them") {
  CHECK(parse_size_mib("512M") == 512);
  CHECK(parse_size_mib("1G") == 1024);
  CHECK(parse_size_mib("4GiB") == 4096);  // was misread as 4 by the predecessor
  CHECK(parse_size_mib("4gib") == 4096);
  CHECK(parse_size_mib("1.5G") == 1536);
  CHECK(parse_size_mib("10TiB") == 10u << 20);
  CHECK(parse_size_mib("2048K") == 2);
  CHECK(parse_size_mib("1048576B") == 1);
  CHECK(parse_size_mib("256") == 256);
  CHECK(parse_size_mib("0") == 0);
}

TEST_CASE("what is no size is refused, and quoted") {
  for (const char* bad : {"",
                          "G",
                          "-1G",
                          "+1G",
                          "1 G",
                          " 1G",
                          "1G ",
                          "1GB",
                          "1GiBs",
                          "1..5G",
                          ".5G",
                          "1.G",
                          "0x10M",
                          "1e3M",
                          "1.5",
                          "1.5B",
                          "1K",
                          "NaN",
                          "1.0000000001G",
                          "1,5G",
                          "16777216T",
                          "99999999999999999999G",
                          "18446744073709551616"}) {
    INFO(bad);
    const auto size = parse_size_mib(bad);
    REQUIRE_FALSE(size);
    CHECK(size.error().message.find(bad) != std::string::npos);
  }
  // The message stays one line of bounded length.
  CHECK(parse_size_mib(std::string(100'000, '9')).error().message.size() < 250);
}

TEST_CASE("durations") {
  CHECK(parse_duration_ms("90") == 90'000);
  CHECK(parse_duration_ms("1.5s") == 1500);
  CHECK(parse_duration_ms("250ms") == 250);
  CHECK(parse_duration_ms("5m") == 300'000);
  CHECK(parse_duration_ms("2h") == 7'200'000);
  for (const char* bad : {"", "s", "-1", "1d", "1 s", "0.0001s", "99999999999999999999s"}) {
    INFO(bad);
    CHECK_FALSE(parse_duration_ms(bad));
  }
}

TEST_CASE("published ports") {
  const auto full = parse_port("0.0.0.0:8080:80/udp");
  REQUIRE(full);
  CHECK(*full == PortForward{"0.0.0.0", 8080, 80, Protocol::kUdp, false});
  CHECK(parse_port("8080:80") == PortForward{"127.0.0.1", 8080, 80, Protocol::kTcp, false});
  CHECK(parse_port("80") == PortForward{"127.0.0.1", 0, 80, Protocol::kTcp, false});
  CHECK(parse_port("127.0.0.2::80/tcp") == PortForward{"127.0.0.2", 0, 80, Protocol::kTcp, false});
  CHECK(parse_port("[::1]:8080:80") == PortForward{"::1", 8080, 80, Protocol::kTcp, false});
  CHECK(parse_port("[::1]:80") == PortForward{"::1", 0, 80, Protocol::kTcp, false});
  CHECK(format_port(*parse_port("[::1]:8080:80")) == "[::1]:8080->80/tcp");
  for (const char* bad : {"",
                          ":",
                          "::",
                          "0:80",
                          "80:0",
                          "65536:80",
                          "80:65536",
                          "-1:80",
                          "a:80",
                          "80:b",
                          "80:",
                          "1:2:3",
                          "256.0.0.1:1:2",
                          "localhost:1:2",
                          "1.2.3.4:5:6:7",
                          "80/sctp",
                          "80/",
                          "[::1:1:2",
                          "[::1]",
                          " 80",
                          "80:80 ",
                          "1.2.3.4,hostfwd=tcp::22-:22:1:2",
                          "[fe80::1%eth0]:1:2"}) {
    INFO(bad);
    CHECK_FALSE(parse_port(bad));
  }
}

TEST_CASE("sizes, times and ages as they are shown") {
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(1023) == "1023 B");
  CHECK(format_bytes(1536) == "1.5 KiB");
  CHECK(format_mib(1024) == "1 GiB");
  CHECK(format_bytes(UINT64_MAX) == "15.9 EiB");
  CHECK(format_mib(UINT64_MAX) == "18446744073709551615 MiB");
  CHECK(iso_time(0) == "1970-01-01T00:00:00.000Z");
  CHECK(iso_time(-1) == "1969-12-31T23:59:59.999Z");
  CHECK(iso_time(1'700'000'000'123'456'789) == "2023-11-14T22:13:20.123Z");
  CHECK_FALSE(iso_time(INT64_MIN).empty());
  CHECK(age(0, 59'000'000'000) == "59s");
  CHECK(age(0, 3'600'000'000'000) == "1h");
  CHECK(age(5'000'000'000, 0) == "0s");
  CHECK(format_ms(850) == "850 ms");
  CHECK(format_ms(3210) == "3.2 s");
  CHECK(format_ms(125'000) == "2m05s");
}

TEST_CASE("default paths follow the XDG directories of a user and the system's for root") {
  std::map<std::string, std::string> set{{"HOME", "/home/al"}};
  const auto env = [&](const char* name) { return set[name]; };
  CHECK(cli::default_paths(0, env).data_dir == "/var/lib/banger");
  CHECK(cli::default_paths(0, env).socket == "/run/banger/bangerd.sock");
  CHECK(cli::default_paths(1000, env).socket == "/home/al/.local/state/banger/run/bangerd.sock");
  CHECK(cli::default_paths(1000, env).data_dir == "/home/al/.local/share/banger");
  set["XDG_RUNTIME_DIR"] = "/run/user/1000";
  set["XDG_DATA_HOME"] = "relative";  // to be ignored
  set["XDG_CONFIG_HOME"] = "/cfg";
  CHECK(cli::default_paths(1000, env).socket == "/run/user/1000/banger/bangerd.sock");
  CHECK(cli::default_paths(1000, env).data_dir == "/home/al/.local/share/banger");
  CHECK(cli::default_paths(1000, env).config_file == "/cfg/banger/banger.toml");
}
