#include "cli/bangerctl/audit/why.h"

#include <set>

#include "cli/bangerctl/audit/differ.h"
#include "cli/bangerctl/audit/why_events.h"
#include "tests/catch.h"
#include "tests/support/random.h"

using namespace banger;
using namespace banger::ctl;

namespace {

EventRecord event(Sequence sequence, Sequence cause, Event what, std::string client = "bangerctl") {
  EventRecord record;
  record.envelope.sequence = sequence;
  record.envelope.causation = cause;
  record.envelope.actor = {1000, "ann", std::move(client)};
  record.envelope.time_ns = static_cast<std::int64_t>(sequence) * 1'000'000'000;
  record.event = std::move(what);
  return record;
}

std::size_t count(const std::vector<WhyNode>& nodes) {
  std::size_t sum = nodes.size();
  for (const WhyNode& node : nodes) sum += count(node.children);
  return sum;
}

// A log of these events for why_events, of one request; it says what was asked of it.
struct MadeLog {
  std::vector<EventRecord> events;

  [[nodiscard]] WhySource source() const {
    return {.event = [this](Sequence sequence) -> Answer<std::optional<EventRecord>> {
              for (const EventRecord& each : events)
                if (each.envelope.sequence == sequence) return each;
              return std::nullopt;
            },
            .consequences = [this](StreamId stream, CommandId, Sequence since,
                                   const WhySource::Take& take) -> Answer<void> {
              for (const EventRecord& each : events)
                if (each.envelope.stream == stream && each.envelope.sequence >= since) take(each);
              return {};
            }};
  }
};

std::vector<Sequence> sequences_of(const WhyEvents& why) {
  std::vector<Sequence> all;
  for (const EventRecord& each : why.events) all.push_back(each.envelope.sequence);
  return all;
}

}  // namespace

TEST_CASE("a chain of causes longer than what is shown goes on at its first event, to its beginning") {
  MadeLog log;
  constexpr Sequence kLast = 1'500;
  for (Sequence i = 1; i <= kLast; ++i) log.events.push_back(event(i, i - 1, VmDeleted{}));
  std::set<Sequence> seen;
  std::size_t pages = 0;
  for (Sequence focus = 1'200; focus != 0;) {
    const auto why = why_events(log.events[focus - 1], log.source());
    REQUIRE(why);
    const auto shown = sequences_of(*why);
    REQUIRE(shown.size() <= kMostEvents);
    CHECK(std::ranges::is_sorted(shown));
    CHECK(std::ranges::count(shown, focus) == 1);
    // Nothing between the first that is shown and the end is passed over in silence.
    CHECK(shown.size() + why->later == kLast - shown.front() + 1);
    if (why->later != 0) CHECK(why->later_from == shown.back() + 1);
    CHECK(why->more_causes == shown.front() - 1);
    CHECK(count(why_trees(why->events)) == shown.size());
    seen.insert(shown.begin(), shown.end());
    focus = why->more_causes == 0 ? 0 : shown.front();
    REQUIRE(++pages < 20);
  }
  for (Sequence i = 1; i <= 1'200; ++i) REQUIRE(seen.contains(i));
  CHECK(pages > 3);
}

TEST_CASE("of very many consequences in two streams the earliest are shown, the others counted") {
  MadeLog log;
  for (Sequence i = 1; i <= 1'000; ++i) {
    log.events.push_back(event(i, i == 1 ? 0 : 1, VmDeleted{}));
    log.events.back().envelope.stream = {i % 2 == 0 ? StreamKind::kVm : StreamKind::kImage, 1};
  }
  const auto why = why_events(log.events[999], log.source());
  REQUIRE(why);
  const auto shown = sequences_of(*why);
  CHECK(shown.size() == kMostEvents);
  CHECK(shown.back() == 1'000);  // the focus, whatever else
  CHECK(shown[510] == 511);
  CHECK(why->later == 1'000 - kMostEvents);
  CHECK(why->later_from == 512);
  CHECK(why->more_causes == 0);
}

TEST_CASE("a cause that is not kept any more ends the chain, and little leaves nothing out") {
  MadeLog log{{event(5, 4, VmDeleted{}), event(6, 5, VmDeleted{}), event(7, 6, VmDeleted{})}};
  const auto why = why_events(log.events[1], log.source());
  REQUIRE(why);
  CHECK(sequences_of(*why) == std::vector<Sequence>{5, 6, 7});
  CHECK(why->more_causes == 0);
  CHECK(why->later == 0);
}

TEST_CASE("from the request through every step to the outcome, as a tree") {
  const std::vector<EventRecord> events{event(9, 0, VmCreated{"web", {}, "tiny", {1, 256, 1024}}),
                                        event(10, 9, VmStartRequested{1, 0, 0}),
                                        event(11, 10, VmPortReassigned{22, 21000, 21001}, "driver"),
                                        event(12, 10, VmStarted{1, false}, "driver"),
                                        event(14, 12, VmReady{1, 2000}, "driver\x1b[2J"),
                                        event(15, 9, VmDeleteRequested{false})};
  const auto trees = why_trees(events);
  CHECK((why_lines(trees, 14, true) ==
         std::vector<std::string>{
             "#9  created from image tiny: 1 CPU, 256 MiB memory, 1 GiB disk  (ann/bangerctl)",
             "├─ #10  start requested  +1.0 s  (ann/bangerctl)",
             "│  ├─ #11  host port 21000 was busy: guest port 22 got 21001  +2.0 s  (ann/driver)",
             "│  └─ #12  running  +3.0 s  (ann/driver)",
             "│     └─ #14  ready after 2.0 s  +5.0 s  (ann/driver\\x1b[2J)  ◀",
             "└─ #15  deletion requested  +6.0 s  (ann/bangerctl)"}));
  const auto plain = why_lines(trees, 9, false);
  CHECK(plain[0].ends_with("  <--"));
  CHECK(plain[1].starts_with("|- #10"));
  CHECK(plain[4].starts_with("|     `- #14"));
}

TEST_CASE(
    "events without their causes are trees of their own; none is lost, whatever the causes say") {
  test::Dice dice(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<EventRecord> events;
    for (Sequence i = 1; i <= 30; ++i) {
      if (dice.chance(70)) events.push_back(event(i, dice.below(40), VmDeleted{}));
    }
    CHECK(count(why_trees(events)) == events.size());
    CHECK(why_lines(why_trees(events), 0, false).size() == events.size());
  }
}

TEST_CASE("what changed between two states, field by field; what appeared and what went") {
  VmRuntime web{.id = VmId{1}, .name = "web", .settings = {1, 256, 1024}};
  VmRuntime now = web;
  now.state = VmState::kRunning;
  now.settings.vcpus = 2;
  now.settings.ports = {{.host_port = 8080, .guest_port = 80}};
  now.version = 4;
  std::vector<FieldChange> fields;
  diff_fields(web, now, "", fields);
  REQUIRE(fields.size() == 4);
  CHECK((fields[0] == FieldChange{"state", "created", "running"}));
  CHECK((fields[1] == FieldChange{"settings.vcpus", 1, 2}));
  CHECK(fields[2].name == "settings.ports");
  CHECK(fields[3].name == "version");
  CHECK(is_bookkeeping("version"));
  CHECK_FALSE(is_bookkeeping("state"));
  fields.clear();
  diff_fields(web, web, "", fields);
  CHECK(fields.empty());

  // The same name with another owner is one that went and one that appeared.
  const VmRuntime other{.id = VmId{2}, .name = "web"};
  const VmRuntime same{.id = VmId{3}, .name = "db"};
  const auto changes = diff_all<VmRuntime>({web, same}, {other, same});
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].what == ThingChange::What::kGone);
  CHECK(changes[0].id == web.id.hex());
  CHECK(changes[1].what == ThingChange::What::kAppeared);
  CHECK(diff_all<VmRuntime>({web}, {now}).front().fields.size() == 4);
}
