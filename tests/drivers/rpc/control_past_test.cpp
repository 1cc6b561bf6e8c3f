// Questions about the past: what is asked arrives as it was meant, what is answered fits a message.
#include "tests/drivers/rpc/control_fixture.h"

using namespace banger;
using namespace banger::rpc;
using namespace banger::rpc::test;

namespace {

constexpr auto kVm = static_cast<std::uint16_t>(StreamKind::kVm);

}  // namespace

TEST_CASE(
    "a VM's row of then is asked by number, by time or of now, and given with what that meant") {
  Controlled c;
  c.on_loop([&] { c.service.past = {{7, 5, 9, 1234}, std::string("\0row", 4), 6, "did not fit"}; });
  auto request = c.control.stateAtRequest();
  request.setStreamKind(kVm);
  request.setReference("web");
  request.initPoint().setSequence(7);
  auto answer = request.send().wait(c.io.waitScope);
  REQUIRE(answer.getReply().isAccepted());
  CHECK(answer.getAt().getSequence() == 7);
  CHECK(answer.getAt().getAtLeast() == 5);
  CHECK(answer.getAt().getAtMost() == 9);
  CHECK(answer.getAt().getTimeNs() == 1234);
  CHECK(answer.getRow().size() == 4);
  CHECK(answer.getParkedAt() == 6);
  CHECK(answer.getParkedReason() == "did not fit");
  CHECK(c.happened().back() == "state of 2 web");
  CHECK(c.on_loop([&] { return c.service.point.sequence; }) == 7u);
  request = c.control.stateAtRequest();
  request.setStreamKind(kVm);
  request.initPoint().setTimeNs(-5);
  CHECK(request.send().wait(c.io.waitScope).getReply().isAccepted());
  CHECK(c.on_loop([&] { return c.service.point.time_ns; }) == -5);
  CHECK_FALSE(c.on_loop([&] { return c.service.point.sequence.has_value(); }));
  request = c.control.stateAtRequest();
  request.setStreamKind(1);  // the host's: there is nothing to name in it
  CHECK(request.send().wait(c.io.waitScope).getReply().isRefused());
  c.on_loop([&] { c.service.refuse_reads = true; });
  request = c.control.stateAtRequest();
  request.setStreamKind(kVm);
  auto refused = request.send().wait(c.io.waitScope);
  CHECK(refused.getReply().getRefused().getMessage() == "not then");
  CHECK(refused.getReply().getRefused().getHint() == "later");
}

TEST_CASE("pages of rows lead on, and streams are found by name") {
  Controlled c;
  c.on_loop([&] {
    c.service.past_page = {{3, 3, 3, 4}, {"one", "two"}, 17, true};
    c.service.found = {{"old", "older"}, true};
  });
  auto request = c.control.statesAtRequest();
  request.setStreamKind(kVm);
  request.setAfterId(16);
  auto page = request.send().wait(c.io.waitScope);
  CHECK(c.happened().back() == "states of 2 after 16");
  REQUIRE(page.getRows().size() == 2);
  CHECK(page.getRows()[1].size() == 3);
  CHECK(page.getLastId() == 17);
  CHECK(page.getMore());
  auto find = c.control.findStreamsRequest();
  find.setStreamKind(kVm);
  find.setReference("web");
  auto found = find.send().wait(c.io.waitScope);
  CHECK(c.happened().back() == "find web");
  CHECK(found.getRows().size() == 2);
  CHECK(found.getMore());
  for (const std::uint16_t kind : {0, 1, 9}) {
    auto bad = c.control.findStreamsRequest();
    bad.setStreamKind(kind);
    CHECK(bad.send().wait(c.io.waitScope).getReply().isRefused());
  }
}

TEST_CASE("a search says what it looks for, and its page where to go on") {
  Controlled c;
  c.on_loop(
      [&] { c.service.search_page = {{{}, {{"event", "", false, {}}}, 0, 99}, 42, false, 1000}; });
  auto request = c.control.searchRequest();
  auto query = request.initQuery();
  query.setHasStream(true);
  query.setStreamKind(kVm);
  query.setStreamId(5);
  auto kinds = query.initKinds(2);
  kinds.set(0, 1);
  kinds.set(1, 23);
  query.setActor("ann");
  query.initCorrelation().setLo(8);
  query.setFirstSequence(2);
  query.setLastSequence(90);
  query.setSinceNs(3);
  query.setUntilNs(4);
  query.setReverse(true);
  query.setLimit(10);
  request.setCursor(77);
  auto page = request.send().wait(c.io.waitScope);
  REQUIRE(page.getReply().isAccepted());
  CHECK(page.getBatch().getEvents().size() == 1);
  CHECK(page.getNext() == 42);
  CHECK(page.getLooked() == 1000);
  CHECK_FALSE(page.getDone());
  c.on_loop([&] {
    const EventQuery& asked = c.service.query;
    CHECK((asked.stream == stream_of(VmId{5})));
    CHECK((asked.kinds == std::vector<std::uint16_t>{1, 23}));
    CHECK(asked.actor == "ann");
    CHECK((asked.correlation == CommandId{0, 8}));
    CHECK((asked.first == 2 && asked.last == 90 && asked.since_ns == 3 && asked.until_ns == 4));
    CHECK((asked.reverse && asked.limit == 10 && c.service.cursor == 77));
  });
}

TEST_CASE("where new actors alone fill a message, the page is asked for again") {
  Controlled c;
  c.on_loop([&] {
    c.service.search_page = {{{}, {{"event", "", false, {}}}, 0, 99}, 42, true, 1};
    for (std::uint32_t i = 1; i <= 8; ++i) {
      c.service.search_page.batch.interned.push_back(
          {InternTable::kActor, i, std::string(100 << 10, 'a')});
    }
  });
  auto request = c.control.searchRequest();
  request.setCursor(7);
  auto page = request.send().wait(c.io.waitScope);
  CHECK(page.getBatch().getEvents().size() == 0);
  CHECK(page.getBatch().getInterned().size() == 2);
  CHECK(page.getNext() == 7);
  CHECK_FALSE(page.getDone());
}

TEST_CASE("a client has so many searches at once and no more; one that ends makes room") {
  Controlled c;
  c.on_loop([&] { c.service.keep_answers = true; });
  std::vector<kj::Promise<capnp::Response<schema::Control::SearchResults>>> running;
  for (int i = 0; i < 8; ++i) running.push_back(c.control.searchRequest().send());
  auto ninth = c.control.searchRequest().send().wait(c.io.waitScope);
  REQUIRE(ninth.getReply().isRefused());
  c.on_loop([&] { c.service.searches.front()(SearchPage{}); });
  CHECK(running.front().wait(c.io.waitScope).getReply().isAccepted());
  c.on_loop([&] { c.service.keep_answers = false; });
  CHECK(c.control.searchRequest().send().wait(c.io.waitScope).getReply().isAccepted());
}
