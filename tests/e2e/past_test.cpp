// Questions about the past asked of a real daemon, which is killed meanwhile.
#include <csignal>
#include <fstream>

#include "tests/catch.h"
#include "tests/e2e/sandbox.h"

namespace banger::e2e {
namespace {

const std::string kConfig =
    "tick_ms = 500\n[vmm]\nprogram = \"" + std::string(BANGER_STUB_VMM) + "\"\naccel = \"tcg\"\n";

std::vector<std::uint64_t> sequences_in(const std::string& file) {
  std::vector<std::uint64_t> found;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_object() && json.contains("sequence")) found.push_back(json["sequence"]);
  }
  return found;
}

std::uint64_t head_of(const Sandbox& banger) {
  const Ran ran = banger.ctl({"events", "ls", "-r", "--limit", "1", "-o", "json"});
  REQUIRE(ran.code == 0);
  return nlohmann::json::parse(ran.out)["sequence"];
}

void create(const Sandbox& banger, const std::string& name) {
  const Ran ran = banger.ctl(
      {"vm", "create", "--no-start", "--name", name, "--image", "base", "--net", "none"});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
}

}  // namespace

TEST_CASE("a follower gets every event once, over deaths of the daemon") {
  Sandbox banger(kConfig);
  banger.make_stub_image();
  const std::string file = banger.dir() + "/followed";
  const pid_t follower = banger.begin({"events", "follow", "--since", "1", "-o", "json"}, file);
  for (int i = 0; i < 8; ++i) {
    create(banger, "vm-" + std::to_string(i));
    if (i % 2 == 1) banger.kill_daemon();
  }
  const std::uint64_t head = head_of(banger);
  CHECK(eventually([&] { return sequences_in(file).size() >= head; }));
  ::kill(follower, SIGTERM);
  (void)Sandbox::finish(follower);
  const auto followed = sequences_in(file);
  REQUIRE(followed.size() >= head);
  for (std::size_t i = 0; i < followed.size(); ++i) REQUIRE(followed[i] == i + 1);
  CHECK(banger.leave().empty());
}

TEST_CASE("what was is told by number and by name, of the deleted, too") {
  Sandbox banger(kConfig);
  banger.make_stub_image();
  create(banger, "web");
  const std::uint64_t with_web = head_of(banger);
  REQUIRE(banger.ctl({"vm", "set", "web", "--vcpus", "3"}).code == 0);
  REQUIRE(banger.ctl({"vm", "rm", "web"}).code == 0);
  create(banger, "web");
  const std::uint64_t head = head_of(banger);
  banger.kill_daemon();

  const auto then = banger.json({"vm", "show", "web", "--at", std::to_string(with_web)});
  const auto now = banger.json({"vm", "show", "web"});
  CHECK(then["settings"]["vcpus"] != 3);
  CHECK(then["id"] != now["id"]);
  CHECK(banger.json(
            {"vm", "show", "web", "--at", std::to_string(with_web + 1)})["settings"]["vcpus"] == 3);
  CHECK(banger.json({"vm", "ls", "--at", "1"}).empty());
  CHECK(banger.json({"vm", "ls", "--at", "now"}) == banger.json({"vm", "ls"}));
  CHECK(banger.json({"image", "ls", "--at", "now"}) == banger.json({"image", "ls"}));
  CHECK(banger.ctl({"vm", "show", "web", "--at", std::to_string(head + 1'000)})
            .err.find("the last is") != std::string::npos);

  const auto old = banger.json({"vm", "history", then["id"].get<std::string>()});
  REQUIRE(old.size() >= 4);
  CHECK(old[0]["kind"] == "vm_created");
  CHECK(old.back()["kind"] == "vm_deleted");
  const Ran named = banger.ctl({"vm", "history", "web"});
  CHECK(named.err.find("2 VMs had this name") != std::string::npos);
  const auto why = banger.json({"events", "why", then["id"].get<std::string>()});
  CHECK(why["event"] == old.back()["sequence"]);
  CHECK(why["trees"][0]["kind"] == "vm_delete_requested");
  const auto diff = banger.json({"events", "diff", std::to_string(with_web), "now"});
  REQUIRE(diff["vms"].size() == 2);

  const Ran by_kind =
      banger.ctl({"events", "ls", "--kind", "vm_created", "-o", "json", "--actor", "bangerctl"});
  CHECK(std::count(by_kind.out.begin(), by_kind.out.end(), '\n') == 2);
  const Ran of_request = banger.ctl({"events", "ls", "-o", "json", "--correlation",
                                     old.back()["correlation"].get<std::string>()});
  CHECK(std::count(of_request.out.begin(), of_request.out.end(), '\n') == 2);
  CHECK(banger.ctl({"events", "replay"}).code == 0);
  CHECK(banger.leave().empty());
}

}  // namespace banger::e2e
