// The whole log folded again, aside, and held against the rows as they were stored at one moment. Worked off in
// slices of bounded length on a worker, so that neither the loop nor other slow work waits for it; memory is a
// second fleet for as long as it lasts. Must not outlive the log.
#pragma once

#include "engine/ports.h"
#include "projections/check.h"

namespace banger::bangerd {

class ShadowFold {
 public:
  // The moment is now: rows as they are stored, and the log up to their checkpoint.
  explicit ShadowFold(const log::EventLog& log);

  // A bounded piece of the work; true once it is done. An Error ends it. One thread at a time.
  [[nodiscard]] Result<bool> slice();

  // Once it is done.
  [[nodiscard]] const CheckReport& report() const { return report_; }
  [[nodiscard]] Replay& replay() { return replay_; }
  // Folds on to the log's head: rows have moved on since, events can be caught up with.
  [[nodiscard]] Status catch_up();

 private:
  [[nodiscard]] Status begin();
  [[nodiscard]] Status read_interned();
  [[nodiscard]] Status fold(Sequence to, std::size_t max_bytes);
  [[nodiscard]] Status compare();

  const log::EventLog& log_;
  std::unique_ptr<log::RowSnapshot> rows_;
  Interned interned_;
  Replay replay_;
  CheckReport report_;
  Sequence target_ = 0;
  bool begun_ = false;
};

}  // namespace banger::bangerd
