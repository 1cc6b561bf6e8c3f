#include "cli/bangerctl/audit/when.h"

#include "tests/catch.h"
#include "tests/support/random.h"

using namespace banger;
using namespace banger::ctl;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNow = 1'795'255'200;  // 2026-11-21 10:00:00 UTC

// An hour east of UTC, as a user's zone.
Present at_noon_in_berlin() {
  return {.now_ns = kNow * kSecond + 250'000'000,
          .seconds_of = [](const CivilTime& civil) { return utc_seconds(civil) - 3600; },
          .civil_of = [](std::int64_t seconds) { return civil_utc(seconds + 3600); }};
}

std::optional<When> parsed(std::string_view text) {
  const auto when = parse_when(text, at_noon_in_berlin());
  return when ? std::optional(*when) : std::nullopt;
}
std::int64_t seconds_of(std::string_view text) {
  CAPTURE(text);
  const auto when = parsed(text);
  REQUIRE(when);
  REQUIRE(when->time_ns);
  CHECK_FALSE(when->sequence);
  return *when->time_ns / kSecond;
}

}  // namespace

TEST_CASE("a number is an event") {
  CHECK(parsed("4711")->sequence == 4711u);
  CHECK(parsed("#1")->sequence == 1u);
  CHECK(parsed(" 0 ")->sequence == 0u);
  CHECK_FALSE(parsed("4711")->time_ns);
  CHECK_FALSE(parsed("99999999999999999999"));
}

TEST_CASE("dates and times of day, in the zone that is given or else the user's") {
  CHECK(seconds_of("2026-11-21T10:00:00Z") == kNow);
  CHECK(seconds_of("2026-11-21 10:00:00 UTC") == kNow);
  CHECK(seconds_of("2026-11-21t10:00z") == kNow);
  CHECK(seconds_of("2026-11-21 11:00") == kNow);
  CHECK(seconds_of("2026-11-21T12:00:00+02:00") == kNow);
  CHECK(seconds_of("2026-11-21 04:30:00 -0530") == kNow);
  CHECK(seconds_of("2026-11-21") == kNow - 11 * 3600);
  CHECK(seconds_of("2026-11-21Z") == kNow - 10 * 3600);
  CHECK(seconds_of("11:00") == kNow);
  CHECK(seconds_of("9:05:07") == kNow - 2 * 3600 + 307);
  CHECK(seconds_of("today") == kNow - 11 * 3600);
  CHECK(seconds_of("Today 11:00") == kNow);
  CHECK(seconds_of("yesterday") == kNow - 35 * 3600);
  CHECK(seconds_of("yesterday 11:00") == kNow - 86'400);
  CHECK(seconds_of("2024-02-29Z") == 1'709'164'800);
  CHECK(seconds_of("@1795255200") == kNow);
  CHECK(*parsed("2026-11-21T10:00:00.25Z")->time_ns == kNow * kSecond + 250'000'000);
  CHECK(*parsed("2026-11-21T10:00:00.000000001Z")->time_ns == kNow * kSecond + 1);
  CHECK(*parsed("@1.5")->time_ns == 1'500'000'000);
  CHECK(*parsed("now")->time_ns == kNow * kSecond + 250'000'000);
}

TEST_CASE("how long ago") {
  CHECK(seconds_of("10 minutes ago") == kNow - 600);
  CHECK(seconds_of("1 minute ago") == kNow - 60);
  CHECK(seconds_of("2h ago") == kNow - 7200);
  CHECK(seconds_of("2h30m ago") == kNow - 9000);
  CHECK(seconds_of("1 day 2 hours ago") == kNow - 93'600);
  CHECK(seconds_of("3d") == kNow - 3 * 86'400);
  CHECK(seconds_of("1 week ago") == kNow - 7 * 86'400);
  CHECK(seconds_of("90s ago") == kNow - 90);
  CHECK(*parsed("0s ago")->time_ns == kNow * kSecond + 250'000'000);
}

TEST_CASE("what is no moment is refused with its words") {
  for (const char* text : {"",
                           " ",
                           "ago",
                           "ten minutes ago",
                           "10",
                           "10 fortnights ago",
                           "2026-13-01",
                           "2026-02-29",
                           "2026-00-10",
                           "2026-11-31",
                           "24:00",
                           "10:60",
                           "10:5",
                           "2026-11-21 10",
                           "2026-11-21T10:00:00Q",
                           "2026-11-21 10:00 +25:00",
                           "yesterday foo",
                           "tomorrow",
                           "-5",
                           "5 -",
                           "@",
                           "@x",
                           "1969-12-31Z",
                           "9999-01-01",
                           "999999999w ago",
                           "1h2"}) {
    CAPTURE(text);
    const auto when = parse_when(text, at_noon_in_berlin());
    if (std::string_view(text) == "10") {
      CHECK(when->sequence == 10u);
      continue;
    }
    REQUIRE_FALSE(when);
    CHECK(when.error().message.find(std::string("'") + text + "'") == 0);
  }
}

TEST_CASE("UTC and back, over centuries") {
  banger::test::Dice dice(1);
  for (int i = 0; i < 2000; ++i) {
    const auto seconds = static_cast<std::int64_t>(dice.below(9'000'000'000));
    CHECK(utc_seconds(civil_utc(seconds)) == seconds);
  }
}

TEST_CASE("no text makes it stumble") {
  banger::test::Dice dice(7);
  const std::string_view pieces[] = {"2026", "-", "11", ":", " ", "ago", "h",    "yesterday",
                                     "t",    "z", "+",  "@", "9", ".",   "\xff", "#"};
  for (int i = 0; i < 5000; ++i) {
    std::string text;
    for (std::uint64_t n = dice.below(9); n > 0; --n) text += pieces[dice.below(std::size(pieces))];
    const auto when = parse_when(text, at_noon_in_berlin());
    if (when) CHECK(when->sequence.has_value() != when->time_ns.has_value());
  }
}
