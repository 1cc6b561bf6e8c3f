// Events as a person would tell them. Pure: timelines and causal trees are made of it, and tested
// without a daemon. What came from users, guests or files is in the words as it is: whoever prints
// them escapes them.
#pragma once

#include <map>
#include <string>

#include "events/envelope.h"

namespace banger::ctl {

// What sort of thing an event is, for colours and marks.
enum class Role { kIntent, kOutcome, kFailure, kCorrection, kUse };

struct Told {
  Role role = Role::kOutcome;
  std::string words;  // "start requested", "ready after 4.1 s"
};
// `erased`: what was typed was cut out of the log.
[[nodiscard]] Told tell(const Event& event, bool erased = false);

// "850 ms", "4.1 s", "2 min 5 s", "2 h 3 min", "3 d 4 h"; empty for less than nothing (the clock
// was set back).
[[nodiscard]] std::string span(std::int64_t ns);

// Whether the event put its VM or image into another state, or made it usable: what "why is it so"
// begins with.
[[nodiscard]] bool settles_state(const Event& event);

// One stream's events, told in order, with what only their sequence shows: how long each thing
// took.
class Timeline {
 public:
  struct Entry {
    Role role = Role::kOutcome;
    std::string words;  // "stopped as asked, took 1.2 s, ran 2 h 3 min"
  };
  [[nodiscard]] Entry next(const EventRecord& record, bool erased = false);

 private:
  std::int64_t created_ns_ = 0;
  std::int64_t asked_ns_ = 0;    // of the last intent
  std::int64_t started_ns_ = 0;  // of the incarnation that runs; 0: none
  std::map<ExecId, std::int64_t> execs_;
};

}  // namespace banger::ctl
