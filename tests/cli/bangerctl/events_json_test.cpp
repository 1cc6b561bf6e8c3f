#include <fstream>
#include <sstream>

#include "cli/bangerctl/render_event.h"
#include "tests/catch.h"

using namespace banger;
using namespace banger::ctl;

namespace {

// Something in every field, so that none can go missing unseen.
template <class T>
void fill(T& value) {
  if constexpr (HasFields<T>) {
    for_each_field(value, [](const char*, auto& member) { fill(member); });
  } else if constexpr (std::is_same_v<T, bool>) {
    value = true;
  } else if constexpr (std::is_enum_v<T>) {
    value = static_cast<T>(1);
  } else if constexpr (std::is_integral_v<T>) {
    value = 7;
  } else if constexpr (std::is_same_v<T, std::string>) {
    value = "te\"xt\x1b";
  } else if constexpr (std::is_same_v<T, Digest>) {
    value.fill(0xd1);
  } else if constexpr (requires { value.hi; }) {
    value = {1, 2};
  } else if constexpr (requires { value.value; }) {
    value.value = 0xab;
  } else {
    value.emplace_back();
    fill(value.back());
  }
}

template <class Kind>
std::string rendered() {
  Kind kind;
  fill(kind);
  EventRecord record;
  record.envelope = {.sequence = 9,
                     .stream = {StreamKind::kVm, 0xa1},
                     .version = 2,
                     .command = {1, 2},
                     .correlation = {1, 2},
                     .causation = 8,
                     .actor = {1000, "alice", "bangerctl"},
                     .time_ns = 1'700'000'000'123'456'789,
                     .boot = {3, 4}};
  record.event = kind;
  return dump(event_json(record, "web")) + "\n" + event_details(record.event) + "\n";
}

template <std::size_t... I>
std::string all_kinds(std::index_sequence<I...>) {
  return (rendered<std::variant_alternative_t<I, Event>>() + ...);
}

}  // namespace

// The golden file is what users' scripts read: a difference is a change of what they get.
TEST_CASE("every kind of event as JSON and in a few words") {
  std::ifstream in(CTL_GOLDEN);
  std::stringstream golden;
  golden << in.rdbuf();
  const std::string now = all_kinds(std::make_index_sequence<std::variant_size_v<Event>>());
  if (now != golden.str())
    std::ofstream("events.golden.new") << now;  // in the build folder, to compare
  CHECK(now == golden.str());
}

TEST_CASE("a table's details are one line of what says something") {
  CHECK(event_details(VmStarted{.incarnation = 3}) == "incarnation=3");
  CHECK(event_details(VmDeleted{}).empty());
  CHECK(event_details(VmDied{1, "it crashed"}) == "incarnation=1 reason=\"it crashed\" cause=unknown code=0");
  CHECK(stream_label(kHostStream, "host") == "host");
  CHECK(stream_label({StreamKind::kVm, 1}, "") == "vm/0000000000000001");
  CHECK(actor_label({0, "", "driver"}) == "0/driver");
}

TEST_CASE("bytes that are not UTF-8 still make valid JSON") {
  const std::string text = dump(to_json(VmDied{1, "\xff\xfe"}));
  CHECK(Json::parse(text).at("incarnation") == 1);
}
