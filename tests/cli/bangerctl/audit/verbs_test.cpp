// The verbs that ask about the past, as a user types them.
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/cli/bangerctl/support.h"

using namespace banger::ctl::test;
using nlohmann::json;

TEST_CASE("a VM as it was, by an event's number or a time") {
  const Place place;
  const json then = json::parse(place.run({"vm", "show", "web", "--at", "4", "-o", "json"}).out);
  CHECK(then["state"] == "starting");
  CHECK(then["at"]["sequence"] == 4);
  const Ran text = place.run({"vm", "show", "web", "--at", "2023-11-14T22:13:25Z"});
  CHECK(text.code == 0);
  CHECK(text.out.find("running") != std::string::npos);
  CHECK(text.out.find("Process") == std::string::npos);  // of the host of then nothing is known
  CHECK(text.err == "after event 5, 2023-11-14T22:13:25.000Z\n");
  CHECK(place.run({"vm", "show", "web", "--at", "2"}).code == 1);
  CHECK(json::parse(place.run({"vm", "ls", "--at", "2", "-o", "json"}).out).empty());
  CHECK(json::parse(place.run({"vm", "ls", "--at", "3", "-o", "json"}).out)[0]["state"] ==
        "created");
  CHECK(json::parse(place.run({"image", "ls", "--at", "1", "-o", "json"}).out)[0]["state"] ==
        "making");
  CHECK(place.run({"vm", "ls", "--at", "0"}).err == "before the first event\n");
  const Ran bad = place.run({"vm", "ls", "--at", "soonish"});
  CHECK(bad.code == 2);
  CHECK(bad.err.starts_with("bangerctl: 'soonish' is no moment: give an event's number"));
}

TEST_CASE("a time that means several moments is answered, with a word about it") {
  const Place place;
  (void)place.run({"vm", "ls"});
  place.touch(place.data("clock-set-back"));
  const Ran ran = place.run({"vm", "ls", "-q", "--at", "5"});
  CHECK(ran.code == 0);
  CHECK(ran.err.starts_with("note: the clock was set back between events 1 and 5;"));
}

TEST_CASE("a VM's history in words, and for programs") {
  const Place place;
  const Ran text = place.run({"vm", "history", "web"});
  CHECK(text.code == 0);
  CHECK(text.out.starts_with("VM web (00000000000000a1), created "));
  CHECK(text.out.find("running, up after 1.0 s") != std::string::npos);
  CHECK(text.out.find("ready after 3.2 s") != std::string::npos);
  CHECK(text.out.find("alice/bangerctl") != std::string::npos);
  const json events = json::parse(place.run({"vm", "history", "web", "-o", "json"}).out);
  REQUIRE(events.size() == 4);
  CHECK(events[0]["role"] == "intent");
  CHECK(events[3]["words"] == "ready after 3.2 s");
  CHECK(events[3]["kind"] == "vm_ready");
  const Ran none = place.run({"vm", "history", "nobody"});
  CHECK(none.code == 1);
  CHECK(none.err.starts_with("bangerctl: there never was a VM 'nobody'"));
}

TEST_CASE("why an event, and why a VM is as it is") {
  const Place place;
  const Ran event = place.run({"events", "why", "5"});
  CHECK(event.code == 0);
  CHECK(event.out.find("#5  running  (alice/bangerctl)  <--") != std::string::npos);
  const Ran vm = place.run({"events", "why", "web"});
  CHECK(vm.out.starts_with("VM web is running and ready, since "));
  CHECK(vm.out.find("#6  ready after 3.2 s  (alice/bangerctl)  <--") != std::string::npos);
  const json tree = json::parse(place.run({"events", "why", "web", "-o", "json"}).out);
  CHECK(tree["event"] == 6);
  CHECK(tree["trees"][0]["children"].empty());
  CHECK(place.run({"events", "why", "99"}).code == 1);
}

TEST_CASE("what changed between two moments") {
  const Place place;
  const Ran text = place.run({"events", "diff", "4", "6"});
  CHECK(text.code == 0);
  CHECK(text.out.find("~ vm web (00000000000000a1) changed\n    state: starting -> running\n") !=
        std::string::npos);
  CHECK(text.out.find("last_sequence") == std::string::npos);
  CHECK(place.run({"events", "diff", "4", "6", "--all"}).out.find("last_sequence: 4 -> 6") !=
        std::string::npos);
  const Ran appeared = place.run({"events", "diff", "1", "3", "--vm", "web"});
  CHECK(appeared.out.find("+ vm web (00000000000000a1) appeared") != std::string::npos);
  CHECK(place.run({"events", "diff", "5", "5"}).out.find("no difference") != std::string::npos);
  const json all = json::parse(place.run({"events", "diff", "1", "-o", "json"}).out);
  CHECK(all["to"]["sequence"] == 6);
  CHECK(all["vms"][0]["change"] == "appeared");
  CHECK(all["images"][0]["fields"][0]["field"] == "state");
}

TEST_CASE("a follower says what is not kept any more, and where to go on") {
  const Place place;
  (void)place.run({"vm", "ls"});
  place.touch(place.data("archived"));
  const Ran text = place.run({"events", "follow", "--since", "1", "--limit", "1"});
  CHECK(text.out.find("(events 1 to 2 cannot be read: see `bangerctl log stat`)\n3 ") != std::string::npos);
  const Ran lines = place.run({"events", "follow", "--since", "1:1", "--limit", "2", "-o", "json"});
  std::istringstream in(lines.out);
  std::string line;
  std::getline(in, line);
  CHECK((json::parse(line) == json{{"gap", {{"from", 1}, {"to", 2}}}, {"cursor", "1:3"}}));
  std::getline(in, line);
  CHECK(json::parse(line)["sequence"] == 3);
  CHECK(json::parse(line)["cursor"] == "1:4");
}

TEST_CASE("a place in another epoch, or beyond the end, is refused with words") {
  const Place place;
  (void)place.run({"vm", "ls"});
  const Ran beyond = place.run({"events", "follow", "--since", "8"});
  CHECK(beyond.code == 1);
  CHECK(beyond.err.starts_with("bangerctl: event 8 is beyond the log's end: the next one is 7\n"));
  place.touch(place.data("restored"));
  const Ran other = place.run({"events", "follow", "--since", "1:3"});
  CHECK(other.code == 1);
  CHECK(other.err.starts_with("bangerctl: the log was restored or repaired: it is in epoch 2"));
  CHECK(place.run({"events", "follow", "--since", "2:6", "--limit", "1"}).code == 0);
  CHECK(place.run({"events", "follow", "--since", "1:x"}).code == 2);
}
