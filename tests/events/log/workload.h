// The workload that the log's faults are put under, and what must hold afterwards whatever befell it. It goes through
// everything that changes a disk: a log is made, appended to in bursts and one by one, merged, flushed, backed up, closed and
// opened again, archived from, erased in, its ballast made and let go. It says (watched.h) what it sent and what it was told,
// so that the calls beneath it and its promises are in one order. Every process that runs any of this is a watched one.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tests/events/log/support.h"

namespace banger::log::test {

// To its end, or until the log fails; throws where the log then does not behave as a failed one must.
void run_workload(const TempDir& dir);

// What the workload had said up to some moment. Requests are counted over all sessions, from 1.
struct Promises {
  std::size_t sent = 0;
  std::size_t durable = 0;
  bool unarchived = false;   // the archive could not be written, and its request said nothing of it
  bool unerased = false;
  bool backed_up = false;
  std::size_t in_backup = 0;  // durable when it began
  std::size_t failures = 0;
  bool refused = false;       // it could not be opened
};
void take_note(Promises& promises, const std::string& said);
[[nodiscard]] Promises promises_of(std::span<const std::string> said);
[[nodiscard]] std::size_t workload_requests();

// Opens what is left and throws where a promise was broken, something is there in part, or the log does not go on.
void check_kept(const LogPaths& paths, const Promises& promises);
// The same of the backup.
void check_backup(const TempDir& dir, const Promises& promises);

}  // namespace banger::log::test
