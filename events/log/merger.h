// Makes few large blocks of many small ones, so that a log which was written one event at a time
// reads and compresses as well as one that was written in batches (docs/adr/0005). The writer's
// thread calls step() between its commits: no lock, and each step is bounded. What it changes is
// how events are stored: their bytes, digests, commits and every chain hash stay. A crash leaves
// the blocks as they were or merged, never both and never neither.
#pragma once

#include "events/log/hash.h"
#include "events/log/store.h"

namespace banger::log {

class Merger {
 public:
  // Frames of a merged block: 256 are about 45 kB, which compress to half, and are still quick to
  // take apart for a single event.
  static constexpr Sequence kFrames = 256;

  // Reads how far an earlier process got.
  [[nodiscard]] static Result<Merger> open(const Store& store);

  // Merges the next blocks, if there are enough up to `head`, which is durable. True: there is more
  // to do. An Error: blocks that are damaged (nothing was written), or a failed write.
  [[nodiscard]] Result<bool> step(const Store& store, Sequence head);

 private:
  explicit Merger(Sequence done) : done_(done) {}
  Sequence done_;  // everything up to here has been looked at
  Hasher hasher_;
};

}  // namespace banger::log
