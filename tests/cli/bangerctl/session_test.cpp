#include "cli/bangerctl/session.h"

#include <unistd.h>

#include "cli/bangerctl/vm_watch.h"
#include "tests/cli/bangerctl/support.h"

using namespace banger;
using namespace banger::ctl;
using namespace banger::ctl::test;

TEST_CASE("no daemon, and none may be started: exit 3 and what to do") {
  const Place place;
  for (const auto& words : std::vector<std::vector<std::string>>{{"--no-autostart", "vm", "ls"},
                                                                 {"daemon", "status"}}) {
    const Ran ran = place.run(words);
    CHECK(ran.code == 3);
    CHECK(ran.err.find("no daemon answers at") != std::string::npos);
    CHECK(ran.err.find("try: bangerctl daemon start") != std::string::npos);
  }
  CHECK(place.run({"daemon", "stop"}).code == 0);  // it is as it was asked for
  CHECK(place.lines("pids").empty());
}

TEST_CASE("a daemon is started where none runs, once, and its output kept private") {
  const Place place;
  CHECK(place.run({"vm", "ls"}).code == 0);
  CHECK(place.run({"vm", "ls"}).code == 0);
  CHECK(place.lines("pids").size() == 1);
  CHECK(::access(place.data("bangerd.log").c_str(), F_OK) == 0);
  const Ran status = place.run({"daemon", "status", "-o", "json"});
  CHECK(status.code == 0);
  CHECK(status.out.find("\"pid\":" + place.lines("pids").front()) != std::string::npos);
}

TEST_CASE("a daemon that cannot start says why, and where more is to be read") {
  const Place place;
  place.touch(place.data("refuse"));
  const Ran ran = place.run({"vm", "ls"});
  CHECK(ran.code == 3);
  CHECK(ran.err.find("the daemon did not start: the configuration is bad") != std::string::npos);
  CHECK(ran.err.find("bangerd.log") != std::string::npos);
}

TEST_CASE("several bangerctl at once end with one daemon, and all are served") {
  const Place place;
  std::vector<pid_t> all;
  for (int i = 0; i < 4; ++i)
    all.push_back(place.start("at-once-" + std::to_string(i), {"vm", "ls", "-q"}));
  for (int i = 0; i < 4; ++i) {
    const Ran ran = place.finish("at-once-" + std::to_string(i), all[static_cast<std::size_t>(i)]);
    INFO(ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.out == "00000000000000a1\n");
  }
  CHECK(place.lines("pids").size() == 1);
}

TEST_CASE("a socket nobody answers at is one clear line") {
  const Place place;
  const int fd = place.listen_in_silence();
  Session session({.socket = place.path("sock"), .client = "test", .hello_timeout_s = 1});
  const auto connected = session.connect();
  REQUIRE_FALSE(connected);
  CHECK(connected.error().exit == kNoDaemon);
  CHECK(connected.error().message.find("does not answer") != std::string::npos);
  ::close(fd);
}

TEST_CASE("a socket path that is too long is told as such") {
  Session session({.socket = "/" + std::string(200, 'x'), .client = "test"});
  const auto connected = session.connect();
  REQUIRE_FALSE(connected);
  CHECK(connected.error().message.find("longer than 107") != std::string::npos);
}

TEST_CASE("a daemon that dies in the middle of a call is asked again with the same command id") {
  for (const char* when : {"die-before", "die-after"}) {
    INFO(when);
    const Place place;
    place.touch(place.data(when));
    const Ran ran = place.run({"vm", "start", "web"});
    INFO(ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.out == "web\n");
    const auto asked = place.lines("asked");
    REQUIRE(asked.size() == 2);
    CHECK(asked[0] == asked[1]);
    CHECK(place.lines("effects").size() == 1);
    CHECK(place.lines("pids").size() == 2);
  }
}

TEST_CASE("a daemon that dies each time is not asked for ever") {
  const Place place;
  place.touch(place.data("always-die"));
  const Ran ran = place.run({"vm", "start", "web"});
  CHECK(ran.code == 1);
  CHECK(ran.err.find("went away each time") != std::string::npos);
  CHECK(place.lines("asked").size() == static_cast<std::size_t>(kAttempts));
  CHECK(place.lines("effects").size() == 1);
}

TEST_CASE("two intents of one user have two command ids") {
  const Place place;
  CHECK(place.run({"vm", "start", "web"}).code == 0);
  CHECK(place.run({"vm", "start", "web"}).code == 0);
  CHECK(place.lines("effects").size() == 2);
}
