// The whole way with a really booted guest: a command types, a guest answers, and the daemon may die meanwhile.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>

#include "tests/catch.h"
#include "tests/e2e/sandbox.h"

namespace banger::e2e {
namespace {

const char* kConfig = "tick_ms = 1000\n";

std::string boot_id_in_guest(const Sandbox& banger, const std::string& vm) {
  Ran ran = banger.ctl({"vm", "exec", vm, "--", "cat", "/proc/sys/kernel/random/boot_id"});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  return ran.out;
}

std::vector<std::string> kinds_of(const Sandbox& banger, const std::string& vm) {
  Ran ran = banger.ctl({"events", "ls", "--vm", vm, "-o", "json"});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  std::vector<std::string> kinds;
  std::istringstream lines(ran.out);
  for (std::string line; std::getline(lines, line);) {
    kinds.push_back(nlohmann::json::parse(line).at("kind").get<std::string>());
  }
  return kinds;
}

bool holds(const std::vector<std::string>& kinds, const std::string& kind) {
  return std::ranges::count(kinds, kind) > 0;
}

}  // namespace

TEST_CASE("a guest survives its daemon, its VMM's death is told, and nothing is left") {
  Sandbox banger(kConfig);
  Ran built = banger.ctl({"image", "build", "tiny"});
  INFO(built.err);
  REQUIRE(built.code == 0);

  Ran first = banger.ctl({"vm", "run", "--name", "handles-test", "--memory", "512M", "--", "cat", "/etc/hostname"});
  INFO(first.err);
  REQUIRE(first.code == 0);
  CHECK(first.out == "handles-test\n");
  auto shown = banger.json({"vm", "show", "handles-test"});
  std::string dir = banger.data() + "/vms/" + shown.at("id").get<std::string>();
  CHECK(std::filesystem::exists(dir + "/handles.json"));
  auto vmms = banger.processes_of("qemu-system-x86_64");
  REQUIRE(vmms.size() == 1);
  std::string guest_boot = boot_id_in_guest(banger, "handles-test");

  SECTION("kill -9 of the daemon: the VM is adopted, same process, same guest, no second VMM") {
    pid_t before = banger.daemon();
    banger.kill_daemon();
    CHECK(boot_id_in_guest(banger, "handles-test") == guest_boot);
    CHECK(banger.daemon() != before);
    CHECK(banger.processes_of("qemu-system-x86_64") == vmms);
    CHECK(banger.json({"vm", "show", "handles-test"}).at("incarnation") == 1);
  }

  SECTION("bytes and exit codes pass through untouched") {
    CHECK(banger.ctl({"vm", "exec", "handles-test", "--", "sh", "-c", "exit 42"}).code == 42);
    std::string bytes;
    for (int i = 0; i < 100'000; ++i) bytes += static_cast<char>(i * 31 + i / 251);
    Ran echoed = banger.ctl({"vm", "exec", "-i", "handles-test", "--", "cat"}, bytes);
    CHECK(echoed.code == 0);
    CHECK(echoed.out == bytes);
    Ran apart = banger.ctl({"vm", "exec", "handles-test", "--", "sh", "-c", "echo out; echo err >&2"});
    CHECK(apart.out == "out\n");
    CHECK(apart.err == "err\n");
    CHECK(banger.ctl({"vm", "exec", "--timeout", "1", "handles-test", "--", "sleep", "60"}).code == 124);
    Ran awkward = banger.ctl({"vm", "exec", "handles-test", "--", "printf", "%s|", "a b", "", "-x", "$HOME", "it's\n\"q\""});
    CHECK(awkward.out == "a b||-x|$HOME|it's\n\"q\"|");
  }

  SECTION("kill -9 of the VMM: the log says died and why; it starts again with its data") {
    REQUIRE(banger.ctl({"vm", "exec", "handles-test", "--", "sh", "-c", "echo kept > /root/kept; sync"}).code == 0);
    ::kill(vmms.front(), SIGKILL);
    REQUIRE(eventually([&] { return banger.json({"vm", "show", "handles-test"}).at("state") == "error"; }));
    auto dead = banger.json({"vm", "show", "handles-test"});
    CHECK(dead.at("last_error").get<std::string>().find("signal 9") != std::string::npos);
    CHECK(holds(kinds_of(banger, "handles-test"), "vm_died"));
    Ran again = banger.ctl({"vm", "start", "handles-test"});
    INFO(again.err);
    REQUIRE(again.code == 0);
    CHECK(banger.ctl({"vm", "exec", "handles-test", "--", "cat", "/root/kept"}).out == "kept\n");
  }

  SECTION("a graceful stop is the guest's own doing, and keeps what it has just written") {
    REQUIRE(banger.ctl({"vm", "exec", "handles-test", "--", "sh", "-c", "echo fresh > /root/fresh"}).code == 0);
    Ran stopped = banger.ctl({"vm", "stop", "-t", "60", "handles-test"});
    INFO(stopped.err);
    REQUIRE(stopped.code == 0);
    CHECK(banger.json({"vm", "show", "handles-test"}).at("state") == "stopped");
    Ran events = banger.ctl({"events", "ls", "--vm", "handles-test", "--kind", "vm_stopped", "-o", "json"});
    CHECK(events.out.find("\"request\"") != std::string::npos);
    REQUIRE(banger.ctl({"vm", "start", "handles-test"}).code == 0);
    CHECK(banger.ctl({"vm", "exec", "handles-test", "--", "cat", "/root/fresh"}).out == "fresh\n");
  }

  CHECK(banger.ctl({"vm", "rm", "handles-test"}).code == 1);  // it runs: -f, or stop it first
  Ran removed = banger.ctl({"vm", "rm", "-f", "handles-test"});
  INFO(removed.err);
  CHECK(removed.code == 0);
  CHECK(banger.processes_of("qemu-system-x86_64").empty());
  CHECK_FALSE(std::filesystem::exists(dir));
  auto kinds = kinds_of(banger, "handles-test");  // by the name of a VM that is no more
  CHECK(kinds.front() == "vm_created");
  CHECK(kinds.back() == "vm_deleted");
  Ran verified = banger.ctl({"events", "verify"});
  CHECK(verified.code == 0);
  Ran replayed = banger.ctl({"events", "replay"});
  INFO(replayed.out << replayed.err);
  CHECK(replayed.code == 0);
  CHECK(banger.leave() == "");
}

TEST_CASE("run --rm leaves no VM, whatever its command says") {
  Sandbox banger(kConfig);
  REQUIRE(banger.ctl({"image", "build", "tiny"}).code == 0);
  Ran ran = banger.ctl({"vm", "run", "--rm", "--memory", "512M", "--", "sh", "-c", "echo gone; exit 7"});
  INFO(ran.err);
  CHECK(ran.code == 7);
  CHECK(ran.out == "gone\n");
  CHECK(eventually([&] { return banger.json({"vm", "ls"}).empty(); }));
  CHECK(banger.leave() == "");
}

}  // namespace banger::e2e
