// What a walk over the whole log found: every checksum, the chain, the anchor, the indexes against
// the events, no gaps. For `events verify`, `banger-log verify`, and repair, which trusts nothing
// else. It only reads; a damaged log is a report with problems, and an Error only where it couldn't
// be opened.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "events/ids.h"
#include "events/log/anchor.h"
#include "events/log/files.h"
#include "events/result.h"

namespace banger::log {

inline constexpr std::size_t kMaxReportedProblems = 100;

struct VerifyReport {
  StoreId store;
  std::uint64_t epoch = 0;
  Sequence head = 0;
  Digest chain{};
  std::optional<Anchor> anchor;
  std::uint64_t blocks = 0;
  std::uint64_t events = 0;
  std::uint64_t erased_parts = 0;
  std::uint64_t streams = 0;
  std::uint64_t commands = 0;
  std::uint64_t bytes = 0;            // of blocks, before compression
  std::uint64_t archives = 0;
  // Of those that are not where they should be: each is a problem too. The rest of the log is held
  // against what the store says of them.
  std::uint64_t missing_archives = 0;
  std::uint64_t found = 0;            // problems
  std::vector<std::string> problems;  // the first kMaxReportedProblems of them

  [[nodiscard]] bool ok() const { return problems.empty(); }
  // Nothing is wrong with what is there.
  [[nodiscard]] bool ok_but_for_missing_archives() const { return found == missing_archives; }
  void problem(std::string text) {
    ++found;
    if (problems.size() < kMaxReportedProblems) problems.push_back(std::move(text));
  }
};

// Called now and then with the events walked and the events there are.
using VerifyProgress = std::function<void(Sequence done, Sequence total)>;

// Offline: takes the log's lock and opens the database read-only.
[[nodiscard]] Result<VerifyReport> verify_log(const LogPaths& paths,
                                              const VerifyProgress& progress);

}  // namespace banger::log
