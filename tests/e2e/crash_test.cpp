// kill -9 of the daemon at random moments, while twenty VMs on stand-in VMMs are created, started, stopped and
// deleted. Whatever was acknowledged must hold at the end; nothing may be orphaned or doubled. The programs are without sanitizers,
// for the sake of more kills a second.
// BANGER_CRASH_KILLS and BANGER_CRASH_SEED override the number of kills and the seed, which a failure prints.
#include <poll.h>

#include <cstdio>

#include "tests/catch.h"
#include "tests/e2e/sandbox.h"
#include "tests/support/random.h"
#include "tests/support/setting.h"

namespace banger::e2e {
namespace {

constexpr int kVms = 20;
const std::string kStub = BANGER_PLAIN_DIR "/tests/banger-stub-vmm";
using test::setting;

// What one VM's user asked for and was told; they ask one thing after another.
struct User {
  std::string vm;
  std::string expected = "absent";  // as of the last acknowledged request
  std::string asked = "absent";     // of the request under way
  pid_t child = 0;
};

std::vector<std::string> next_request(User& user, test::Dice& dice) {
  std::uint64_t choice = dice.below(4);
  if (user.expected == "absent") {
    user.asked = choice < 3 ? "running" : "created";
    if (choice == 3) return {"vm", "create", "--no-start", "--name", user.vm, "--image", "base", "--net", "none"};
    return {"vm", "create", "-d", "--name", user.vm, "--image", "base", "--net", "none"};
  }
  if (choice == 0) {
    user.asked = "absent";
    return {"vm", "rm", "-f", user.vm};
  }
  bool down = user.expected != "running";
  user.asked = down ? "running" : "stopped";
  if (down) return {"vm", "start", "-d", user.vm};
  return choice == 1 ? std::vector<std::string>{"vm", "kill", user.vm}
                     : std::vector<std::string>{"vm", "stop", "-d", "-t", "5", user.vm};
}

std::string state_of(const Sandbox& banger, const std::string& vm) {
  for (const auto& row : banger.json({"vm", "ls"})) {
    if (row.at("name") == vm) return row.at("state");
  }
  return "absent";
}

}  // namespace

TEST_CASE("the daemon may be killed at any moment") {
  const std::uint64_t seed = setting("BANGER_CRASH_SEED", 20261121);
  const std::uint64_t kills = setting("BANGER_CRASH_KILLS", 200);
  INFO("BANGER_CRASH_SEED=" << seed);
  test::Dice dice(seed);
  Sandbox banger("tick_ms = 500\n[vmm]\nprogram = \"" + kStub + "\"\naccel = \"tcg\"\n",
                 {{}, BANGER_PLAIN_DIR "/bin", {}});
  banger.make_stub_image();

  std::vector<User> users(kVms);
  for (int i = 0; i < kVms; ++i) users[static_cast<std::size_t>(i)].vm = "vm" + std::to_string(i);
  std::uint64_t acknowledged = 0, refused = 0;
  auto settle = [&](User& user) {
    int code = Sandbox::finish(std::exchange(user.child, 0));
    // 0: acknowledged. Otherwise the fate of the request is not known to the user, who looks.
    if (code == 0) {
      user.expected = user.asked;
      ++acknowledged;
    } else {
      ++refused;
      std::string state = state_of(banger, user.vm);
      user.expected = state == "starting" ? "running" : state == "stopping" ? "stopped" : state;
      if (user.expected == "deleting") user.expected = "absent";
    }
  };
  for (std::uint64_t kill = 0; kill < kills; ++kill) {
    for (int i = 0; i < 3; ++i) {
      User& user = users[dice.below(kVms)];
      if (user.child != 0) settle(user);
      user.child = banger.begin(next_request(user, dice), banger.dir() + "/users.log");
    }
    ::poll(nullptr, 0, static_cast<int>(dice.below(100)));  // the moment of the kill is what is random here
    banger.kill_daemon();
  }
  for (User& user : users) {
    if (user.child != 0) settle(user);
  }
  INFO("acknowledged " << acknowledged << ", unknown " << refused);
  CHECK(acknowledged > kills);
  std::printf("%llu kills, BANGER_CRASH_SEED=%llu: %llu requests acknowledged, %llu of unknown fate\n", static_cast<unsigned long long>(kills),
              static_cast<unsigned long long>(seed), static_cast<unsigned long long>(acknowledged),
              static_cast<unsigned long long>(refused));

  for (const User& user : users) {
    INFO(user.vm << " was to be " << user.expected);
    CHECK(eventually([&] { return state_of(banger, user.vm) == user.expected; }));
  }
  std::size_t running = 0;
  for (const auto& row : banger.json({"vm", "ls"})) running += row.at("state") == "running" ? 1 : 0;
  CHECK(eventually([&] { return banger.processes_of("banger-stub-vmm").size() == running; }));
  CHECK(banger.ctl({"events", "verify"}).code == 0);
  Ran replayed = banger.ctl({"events", "replay"});
  INFO(replayed.out << replayed.err);
  CHECK(replayed.code == 0);
  for (const auto& row : banger.json({"vm", "ls"})) {
    Ran removed = banger.ctl({"vm", "rm", "-f", row.at("name")});
    INFO(removed.err);
    CHECK(removed.code == 0);
  }
  CHECK(banger.leave() == "");
}

}  // namespace banger::e2e
