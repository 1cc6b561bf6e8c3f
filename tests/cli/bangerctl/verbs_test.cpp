#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/bangerctl/vm_watch.h"
#include "tests/cli/bangerctl/support.h"

using namespace banger;
using namespace banger::ctl;
using namespace banger::ctl::test;
using nlohmann::json;

TEST_CASE("of several names each is done once, the valid ones go ahead, in the order given") {
  const Place place;
  const Ran ran = place.run({"vm", "start", "web", "nobody", "web", "00000000000000a1", "nobody"});
  CHECK(ran.code == 1);
  CHECK(ran.out == "web\n00000000000000a1\n");
  CHECK(ran.err == "bangerctl: there is no VM 'nobody'\n  try: see `bangerctl vm ls`\n");
  CHECK(place.lines("asked").size() == 3);
}

TEST_CASE("VMs are listed for people, scripts and programs") {
  const Place place;
  const Ran table = place.run({"vm", "ls"});
  CHECK(table.out.starts_with("NAME  STATE    READY"));
  CHECK(table.out.find("web   running  after 3.2 s  tiny   2      1 GiB   8 GiB") !=
        std::string::npos);
  CHECK(table.out.find("ssh:21001, 127.0.0.1:8080->80/tcp\n") != std::string::npos);
  CHECK(table.out.find('\x1b') == std::string::npos);
  CHECK(place.run({"vm", "ls", "-q"}).out == "00000000000000a1\n");
  CHECK(place.run({"vm", "ls", "--names"}).out == "web\n");
  const json all = json::parse(place.run({"vm", "ls", "-o", "json"}).out);
  REQUIRE(all.is_array());
  CHECK(all[0]["name"] == "web");
  CHECK(all[0]["settings"]["ports"][0]["host_port"] == 8080);
  CHECK(all[0]["created_at"] == "2023-11-14T22:13:23.000Z");
  const json shown = json::parse(place.run({"vm", "show", "web", "-o", "json"}).out);
  CHECK(shown["details"]["pid"].is_null());
  CHECK(shown["state"] == "running");
}

TEST_CASE("waiting ends when it is so, and when the time is up") {
  const Place place;
  CHECK(place.run({"vm", "wait", "web"}).code == 0);
  CHECK(place.run({"vm", "wait", "web", "--for", "running", "--timeout", "1"}).code == 0);
  const Ran gone = place.run({"vm", "wait", "nobody", "--for", "deleted"});
  CHECK(gone.code == 0);
  const Ran missing = place.run({"vm", "wait", "nobody"});
  CHECK(missing.code == 1);
  CHECK(missing.err.find("there is no VM nobody") != std::string::npos);
}

TEST_CASE("what a VM's state means for those who wait for it") {
  VmRuntime vm;
  vm.name = "web";
  vm.ssh_port = 21001;
  vm.state = VmState::kStarting;
  CHECK_FALSE(ready_yet(&vm).has_value());
  vm.state = VmState::kRunning;
  CHECK_FALSE(ready_yet(&vm).has_value());
  CHECK(running_yet(&vm)->has_value());
  vm.ready_missed = true;
  REQUIRE(ready_yet(&vm).has_value());
  CHECK(ready_yet(&vm)->error().hint == "bangerctl vm logs web");
  vm.ready = true;
  CHECK(ready_yet(&vm)->has_value());
  // A restart that has not gone down yet is still "ready" in its row.
  vm.state = VmState::kStopping;
  vm.then_start = true;
  CHECK_FALSE(ready_yet(&vm).has_value());
  vm.then_start = false;
  CHECK_FALSE(ready_yet(&vm)->has_value());
  vm.state = VmState::kError;
  vm.last_error = "no such kernel";
  CHECK(ready_yet(&vm)->error().message == "web did not start: no such kernel");
  CHECK(down_yet(&vm)->has_value());
  CHECK_FALSE(gone_yet(&vm).has_value());
  CHECK(gone_yet(nullptr)->has_value());
  // Without a network nobody can ask the guest.
  vm = {};
  vm.state = VmState::kRunning;
  CHECK(ready_yet(&vm)->has_value());
}

TEST_CASE("logs are bytes for a file, and can be cut to the last lines") {
  const Place place;
  CHECK(place.run({"vm", "logs", "web"}).out ==
        "\x1b[31mred\x1b[0m\r\nlogin: \x1b]0;title\x07web\n");
  CHECK(place.run({"vm", "logs", "--tail", "1", "web"}).out == "login: \x1b]0;title\x07web\n");
  CHECK(place.run({"vm", "logs", "--tail", "9", "web"}).out.starts_with("\x1b[31mred"));
  CHECK(place.run({"vm", "logs", "--tail", "0", "web"}).out.empty());
}

TEST_CASE("events as lines and as objects") {
  const Place place;
  const auto sequences = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"-o", "json"});
    std::string found;
    std::istringstream lines(place.run(words).out);
    for (std::string line; std::getline(lines, line);) {
      found += std::to_string(json::parse(line)["sequence"].get<int>());
    }
    return found;
  };
  CHECK(sequences({"events", "ls"}) == "123456");
  CHECK(sequences({"events", "ls", "--since", "3", "--limit", "2"}) == "34");
  CHECK(sequences({"events", "ls", "--reverse"}) == "654321");
  CHECK(sequences({"events", "ls", "-r", "--limit", "2"}) == "65");
  CHECK(sequences({"events", "ls", "--vm", "web"}) == "3456");
  CHECK(sequences({"events", "ls", "--vm", "web", "-r", "--kind", "vm_started"}) == "5");
  CHECK(sequences({"events", "ls", "--limit", "0"}).empty());
  const Ran table = place.run({"events", "ls", "--since", "6", "--iso"});
  CHECK(table.out ==
        "SEQ     TIME                      STREAM            KIND                  WHO             "
        "    DETAILS\n"
        "6       2023-11-14T22:13:26.000Z  vm/web            vm_ready              alice/bangerctl "
        "    "
        "incarnation=1 after_ms=3210\n");
  CHECK(json::parse(place.run({"events", "show", "3", "-o", "json"}).out)["data"]["name"] == "web");
  const Ran none = place.run({"events", "show", "7"});
  CHECK(none.code == 1);
  CHECK(none.err.find("there is no event 7: the last is 6") != std::string::npos);
  CHECK(place.run({"events", "ls", "--vm", "nobody"}).code == 1);
}

TEST_CASE("followed events come without gap or repeat across a daemon's death") {
  const Place place;
  place.touch(place.data("die-pushing"));
  const Ran ran = place.run({"events", "follow", "--since", "1", "--limit", "6", "-o", "json"});
  CHECK(ran.code == 0);
  std::string found;
  std::istringstream lines(ran.out);
  for (std::string line; std::getline(lines, line);) {
    found += std::to_string(json::parse(line)["sequence"].get<int>());
  }
  CHECK(found == "123456");
  CHECK(place.lines("followed") == std::vector<std::string>{"1", "3"});
  CHECK(place.lines("pids").size() == 2);
}

TEST_CASE("a replay is held against what the daemon serves, byte for byte") {
  const Place place;
  const Ran same = place.run({"events", "replay", "-o", "json"});
  CHECK(same.code == 0);
  CHECK(json::parse(same.out)["same"] == true);
  CHECK(json::parse(same.out)["events"] == 6);
  place.touch(place.data("lie"));
  const Ran other = place.run({"events", "replay"});
  CHECK(other.code == 1);
  CHECK(other.out.find("history     2     ") != std::string::npos);
  CHECK(other.out.find("is missing in the daemon's") != std::string::npos);
  CHECK(place.run({"events", "verify", "-o", "json"}).code == 1);
}

TEST_CASE("projections and the rest of what is served") {
  const Place place;
  CHECK(json::parse(place.run({"projection", "ls", "-o", "json"}).out).size() == 8);
  const json history = json::parse(place.run({"projection", "dump", "history", "-o", "json"}).out);
  REQUIRE(history.size() == 2);
  CHECK(history[0]["name"] == "web");
  CHECK(history[0]["deleted_at"].is_null());
  CHECK(place.run({"projection", "dump", "vm_runtime"}).out.find("settings.vcpus:") !=
        std::string::npos);
  CHECK(place.run({"image", "ls"}).out.find("tiny  ready  recipe tiny  64 MiB") !=
        std::string::npos);
  CHECK(place.run({"image", "show", "tiny"}).code == 0);
  CHECK(place.run({"image", "show", "none"}).code == 1);
  const Ran verified = place.run({"events", "verify"});
  CHECK(verified.code == 0);
  CHECK(verified.out.find("Verdict:  whole") != std::string::npos);
}

TEST_CASE("a daemon that is told to stop has ended when the verb has") {
  const Place place;
  CHECK(place.run({"daemon", "start"}).code == 0);
  CHECK(place.run({"daemon", "stop"}).code == 0);
  CHECK(place.run({"daemon", "status"}).code == 3);
  CHECK(place.run({"daemon", "start"}).code == 0);
  CHECK(place.lines("pids").size() == 2);
}
