#include "events/log/event_log.h"

#include <sys/stat.h>

#include <csignal>
#include <future>

#include "tests/catch.h"
#include "tests/events/log/support.h"

namespace banger::log::test {
namespace {

std::uint64_t blocks_of(const EventLog& log) {
  auto report = log.verify({});
  REQUIRE(report);
  INFO((report->ok() ? "" : report->problems.front()));
  REQUIRE(report->ok());
  return report->blocks;
}

TEST_CASE("an empty log opens, closes and opens again as the same store") {
  const TempDir dir;
  StoreId id;
  Digest chain;
  {
    OpenLog open(dir.log());
    id = open.log->store_id();
    REQUIRE(id);
    chain = open.log->head().chain;
    REQUIRE(open.log->head().sequence == 0);
    REQUIRE(open.log->next_sequence() == 1);
    REQUIRE(open.log->shutdown());
  }
  const OpenLog open(dir.log());
  REQUIRE(open.log->store_id() == id);
  REQUIRE(open.log->head().chain == chain);
  REQUIRE(open.log->head().epoch == 1);
  require_events(*open.log, 0);
}

TEST_CASE("what was appended is there after a restart, by every way of reading") {
  const TempDir dir;
  Head before;
  {
    OpenLog open(dir.log());
    open.commit(make_request(1, 3));
    open.commit(make_request(4, 1));
    AppendRequest last = make_request(5, 16);
    last.interned.push_back({2, 9, "boot id"});
    last.interned.push_back({1, 300, "uid 1000"});
    last.interned.push_back({1, 4, "uid 0"});
    open.commit(std::move(last));
    before = open.log->head();
    REQUIRE(before.sequence == 20);
    REQUIRE(open.log->shutdown());
  }
  const OpenLog open(dir.log());
  const EventLog& log = *open.log;
  REQUIRE(log.head().sequence == 20);
  REQUIRE(log.head().chain == before.chain);
  REQUIRE(log.next_sequence() == 21);
  require_events(log, 20);
  REQUIRE(log.event(6)->personal_bytes == make_event(6).personal_bytes);
  REQUIRE(log.event(7)->public_bytes == make_event(7).public_bytes);
  REQUIRE_FALSE(log.event(21));
  REQUIRE(*log.stream_events({StreamKind::kVm, 2}, 1, 100) == std::vector<Sequence>{2, 9, 16});
  REQUIRE(*log.stream_events({StreamKind::kVm, 2}, 2, 1) == std::vector<Sequence>{9});
  REQUIRE(log.stream_events({StreamKind::kVm, 8}, 1, 100)->empty());
  REQUIRE(log.stream_events({StreamKind::kImage, 2}, 1, 100)->empty());
  REQUIRE(*log.events_of_kind(1, 10, 2) == std::vector<Sequence>{12, 15});
  REQUIRE(log.events_of_kind(4, 1, 9)->empty());
  const auto record = log.find_command(command_of(5));
  REQUIRE((record && *record && **record == *make_request(5, 16).command));
  REQUIRE_FALSE(*log.find_command(command_of(6)));
  REQUIRE(*log.interned(1) == std::vector<Interned>{{1, 4, "uid 0"}, {1, 300, "uid 1000"}});
  REQUIRE(*log.interned(2) == std::vector<Interned>{{2, 9, "boot id"}});
  REQUIRE(log.interned(3)->empty());
}

TEST_CASE("events and rows are found from wherever one asks") {
  const TempDir dir;
  OpenLog open(dir.log());
  const EventLog& log = *open.log;
  REQUIRE(log.first_sequence() == 1);
  REQUIRE(*log.stream_version_at({StreamKind::kVm, 2}, 5) == 0);
  for (Sequence first = 1; first <= 16; first += 5) open.commit(make_request(first, 5));
  AppendRequest rows;
  for (const char* key : {"a", "b", "ba", "c"}) rows.rows.push_back({"fleet", 3, key, key});
  rows.rows.push_back({"fleet", 4, "b", "another version's"});
  open.commit(std::move(rows));

  REQUIRE(log.first_sequence() == 1);
  // Of VM 2: events 2, 9 and 16.
  for (const auto& [at, version] : std::map<Sequence, StreamVersion>{
           {1, 0}, {2, 1}, {8, 1}, {9, 2}, {15, 2}, {16, 3}, {99, 3}}) {
    REQUIRE(*log.stream_version_at({StreamKind::kVm, 2}, at) == version);
  }
  REQUIRE(*log.events_of_kind_before(1, 13, 9) == std::vector<Sequence>{12, 9, 6, 3});
  REQUIRE(*log.events_of_kind_before(1, 12, 2) == std::vector<Sequence>{9, 6});
  REQUIRE(log.events_of_kind_before(1, 0, 9)->empty());
  REQUIRE(log.events_of_kind_before(4, 99, 9)->empty());
  std::vector<Sequence> seen;
  REQUIRE(log.visit_events(std::vector<Sequence>{20, 6, 7, 1, 6}, [&](const Frame& frame) {
    REQUIRE(frame.public_bytes == make_event(frame.sequence).public_bytes);
    seen.push_back(frame.sequence);
    return seen.size() < 4;
  }));
  REQUIRE(seen == std::vector<Sequence>{20, 6, 7, 1});
  REQUIRE_FALSE(log.visit_events(std::vector<Sequence>{21}, [](const Frame&) { return true; }));
  std::string keys;
  const auto collect = [&](std::string_view key, std::string_view value) {
    REQUIRE(key == value);
    keys.append(key) += ' ';
    return true;
  };
  REQUIRE(log.rows_from("fleet", 3, "b", collect));
  REQUIRE(keys == "b ba c ");
  REQUIRE(log.rows_from("fleet", 3, "d", collect));
  REQUIRE(keys == "b ba c ");
}

TEST_CASE("reading starts anywhere, stops when told, and goes on from there") {
  const TempDir dir;
  OpenLog open(dir.log());
  for (Sequence first = 1; first <= 91; first += 10) open.commit(make_request(first, 10));
  std::vector<Sequence> seen;
  const auto collect = [&](const Frame& frame) {
    seen.push_back(frame.sequence);
    return true;
  };
  REQUIRE(*open.log->read(34, 1, collect) == 41);  // the rest of its block, at least
  REQUIRE(seen == std::vector<Sequence>{34, 35, 36, 37, 38, 39, 40});
  REQUIRE(*open.log->read(50, SIZE_MAX, [](const Frame& frame) { return frame.sequence < 53; }) ==
          54);
  seen.clear();
  REQUIRE(*open.log->read(101, SIZE_MAX, collect) == 101);
  REQUIRE(*open.log->read(5000, SIZE_MAX, collect) == 5000);
  REQUIRE(seen.empty());
}

TEST_CASE("whatever queues up while a sync runs becomes one block") {
  const TempDir dir;
  Listener listener;
  std::promise<void> entered;
  std::promise<void> released;
  OpenOptions options = listener.options(dir.log());
  const auto tell = options.on_durable;
  options.on_durable = [&](Durable durable) {
    if (durable.ticket == 1) {
      entered.set_value();
      released.get_future().wait();
    }
    tell(durable);
  };
  auto log = EventLog::open(std::move(options));
  REQUIRE(log);
  REQUIRE((*log)->append(make_request(1, 1)) == 1);
  entered.get_future().wait();
  for (Sequence first = 2; first <= 301; first += 3) {
    static_cast<void>((*log)->append(make_request(first, 3)));
  }
  REQUIRE((*log)->queue_depth() == 100);
  REQUIRE((*log)->next_sequence() == 302);
  REQUIRE((*log)->head().sequence == 1);
  released.set_value();
  REQUIRE(listener.wait_for(101));
  REQUIRE(listener.durable().size() == 2);
  REQUIRE(listener.durable().back().sequence == 301);
  REQUIRE(blocks_of(**log) == 2);
  require_events(**log, 301);
  REQUIRE((*log)->queue_depth() == 0);
}

TEST_CASE("more than a block may hold becomes several, in order") {
  const TempDir dir;
  OpenLog open(dir.log());
  Ticket last = 0;
  for (Sequence first = 1; first <= 9001; first += 1000) {
    last = open.log->append(make_request(first, 1000));
  }
  REQUIRE(open.listener->wait_for(last));
  REQUIRE(open.log->head().sequence == 10'000);
  REQUIRE(blocks_of(*open.log) >= 3);
  require_events(*open.log, 10'000);
}

TEST_CASE("a command that changed nothing is durable by its ticket") {
  const TempDir dir;
  AppendRequest nothing;
  nothing.command = CommandRecord{.id = {1, 2},
                                  .request_digest = {3},
                                  .first_sequence = 0,
                                  .event_count = 0,
                                  .subject = kHostStream};
  const CommandRecord record = *nothing.command;
  {
    OpenLog open(dir.log());
    open.commit(make_request(1, 2));
    const Head before = open.log->head();
    open.commit(std::move(nothing));
    REQUIRE(open.listener->durable().back().ticket == 2);
    REQUIRE(open.listener->durable().back().sequence == 2);
    REQUIRE(open.log->head().chain == before.chain);
  }
  const OpenLog open(dir.log());
  REQUIRE(**open.log->find_command({1, 2}) == record);
  REQUIRE(blocks_of(*open.log) == 1);
}

TEST_CASE("rows and checkpoint come with the events, and projections do not mix") {
  const TempDir dir;
  {
    OpenLog open(dir.log());
    AppendRequest request = make_request(1, 2);
    request.rows = {{"vm", 1, "a", "one"},
                    {"vm", 1, "b", "two"},
                    {"vm", 2, "a", "other version"},
                    {"vms", 1, "a", "other name"},
                    {"vm", 1, std::string("\0\xff", 2), ""}};
    request.checkpoints_for = {{"vm", 1}, {"vms", 1}};
    open.commit(std::move(request));
    AppendRequest second = make_request(3, 4);
    second.rows = {{"vm", 1, "b", std::nullopt}, {"vm", 1, "a", "ONE"}};
    second.checkpoints_for = {{"vm", 1}};
    open.commit(std::move(second));
  }
  const OpenLog open(dir.log());
  std::map<std::string, std::string> rows;
  REQUIRE(open.log->rows("vm", 1, [&](std::string_view key, std::string_view value) {
    rows.emplace(key, value);
    return true;
  }));
  REQUIRE(rows == std::map<std::string, std::string>{{std::string("\0\xff", 2), ""}, {"a", "ONE"}});
  REQUIRE(**open.log->row("vm", 2, "a") == "other version");
  REQUIRE(**open.log->row("vms", 1, "a") == "other name");
  REQUIRE_FALSE(*open.log->row("vm", 1, "b"));
  REQUIRE(*open.log->checkpoint("vm", 1) == 6);
  REQUIRE(*open.log->checkpoint("vms", 1) == 2);
  REQUIRE(*open.log->checkpoint("vm", 2) == 0);
}

TEST_CASE("a broken contract stops the process before it becomes history") {
  const std::string how = GENERATE("gap", "version", "command", "interned");
  const TempDir dir;
  const VictimEnd end = run_victim(dir.log(), {"misuse", how});
  INFO(how);
  REQUIRE(end.said.contains("reached"));
  REQUIRE(end.signal == SIGABRT);
  REQUIRE(head_of(dir.log()) == 1);
}

TEST_CASE("a second opener stays out, in this process and in another") {
  const TempDir dir;
  OpenLog open(dir.log());
  open.commit(make_request(1, 1));
  REQUIRE_THAT(why_refused(dir.log()), Catch::Contains("open in another process"));
  const VictimEnd end = run_victim(dir.log(), {"append", "1", "exact"});
  REQUIRE(end.exit_code == 3);
  REQUIRE_THAT(end.said.at("refused"), Catch::Contains("open in another process"));
  REQUIRE(open.log->shutdown());
  REQUIRE(head_of(dir.log()) == 1);
}

TEST_CASE("shutdown writes what is queued, and an exact anchor") {
  const TempDir dir;
  {
    OpenOptions options{.paths = dir.log()};
    options.anchor_interval = std::chrono::hours(1);  // only shutdown can have written it
    OpenLog open(std::move(options));
    for (Sequence first = 1; first <= 50; ++first) {
      static_cast<void>(open.log->append(make_request(first, 1)));
    }
    REQUIRE(open.log->shutdown());
  }
  auto anchor = AnchorFile::open(dir.log(), false);
  REQUIRE((anchor && anchor->newest()));
  REQUIRE(anchor->newest()->sequence == 50);
  const OpenLog open(dir.log());
  REQUIRE(anchor->newest()->chain == open.log->head().chain);
  require_events(*open.log, 50);
}

TEST_CASE("everything that was acknowledged survives a crash") {
  const TempDir dir;
  const VictimEnd end = run_victim(dir.log(), {"append", "60", "crash"});
  REQUIRE(end.exit_code == 0);
  REQUIRE(end.number("durable") == 60);
  const OpenLog open(dir.log());
  require_events(*open.log, 60);
  REQUIRE(**open.log->row("fleet", 1, "last") == "60");
  REQUIRE(*open.log->checkpoint("fleet", 1) == 60);
  REQUIRE(blocks_of(*open.log) == 60);
}

TEST_CASE("erasing a personal part leaves chain, digest and everything else whole") {
  const TempDir dir;
  Digest digest;
  Head head;
  {
    OpenLog open(dir.log());
    for (Sequence first = 1; first <= 21; first += 10) open.commit(make_request(first, 10));
    digest = open.log->event(4)->digest;
    AppendRequest erasing = make_request(31, 1);
    erasing.erase = {4, 24, 5, 6};  // 5 has none
    open.commit(std::move(erasing));
    head = open.log->head();
    AppendRequest again = make_request(32, 1);
    again.erase = {4};
    open.commit(std::move(again));
    REQUIRE(open.log->purge_erased());
  }
  for (const auto& entry : std::filesystem::directory_iterator(dir.log().db())) {
    INFO(entry.path().string());
    REQUIRE(read_file(entry.path()).find(make_event(24).personal_bytes) == std::string::npos);
  }
  const OpenLog open(dir.log());
  const auto event = open.log->event(4);
  REQUIRE(event->erased);
  REQUIRE(event->personal_bytes.empty());
  REQUIRE(event->public_bytes == make_event(4).public_bytes);
  REQUIRE(event->digest == digest);
  REQUIRE_FALSE(open.log->event(5)->erased);
  REQUIRE(open.log->event(8)->personal_bytes == make_event(8).personal_bytes);
  const auto report = open.log->verify({});
  REQUIRE(report->ok());
  REQUIRE(report->erased_parts == 3);
  REQUIRE(report->anchor);
  require_events(*open.log, 32);
}

TEST_CASE("low water lets the ballast go and wants room before it is over") {
  const TempDir dir;
  const auto ballast = dir.log().path / "ballast";
  const auto is_low = [&](std::uint64_t mark) {
    OpenOptions options{.paths = dir.log()};
    options.low_water_bytes = mark;
    options.ballast_bytes = 1u << 20;
    const OpenLog open(std::move(options));
    const auto first = open.log->low_water();
    REQUIRE(first);
    REQUIRE(*open.log->low_water() == *first);
    return *first;
  };
  REQUIRE_FALSE(is_low(0));
  struct stat about{};
  REQUIRE(::stat(ballast.c_str(), &about) == 0);
  REQUIRE(about.st_blocks * 512 >= 1 << 20);  // holds space, not a hole
  REQUIRE(is_low(UINT64_MAX / 2));
  REQUIRE_FALSE(std::filesystem::exists(ballast));
  REQUIRE_FALSE(is_low(0));
  REQUIRE(std::filesystem::exists(ballast));
}

}  // namespace
}  // namespace banger::log::test
