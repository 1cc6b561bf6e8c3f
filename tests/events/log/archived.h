// A log that is long enough to have something to archive, open, and the three steps that archive it.
#pragma once

#include "tests/catch.h"
#include "tests/events/log/support.h"

namespace banger::log::test {

inline constexpr Sequence kArchiveEvents = 2000;

struct ArchivedLog {
  explicit ArchivedLog(const LogPaths& where) : paths(where), open(std::make_unique<OpenLog>(paths)) {
    for (Sequence first = 1; first <= kArchiveEvents; first += 10) open->commit(make_request(first, 10));
    reopen();  // an exact anchor
  }

  void close() {
    if (open) REQUIRE(open->log->shutdown());
    open.reset();
  }

  void reopen() {
    close();
    open = std::make_unique<OpenLog>(paths);
  }

  // With the event that says so.
  void record(const ArchiveChange& change) {
    AppendRequest request = make_request(open->log->next_sequence(), 1);
    request.archives.push_back(change);
    open->commit(std::move(request));
  }

  ArchiveRecord archive(Sequence before) {
    const auto plan = open->log->plan_archive(before, before);
    REQUIRE(plan);
    REQUIRE(plan->last > 0);
    const auto change = open->log->write_archive(*plan, {});
    if (!change) FAIL(change.error().message);
    record(*change);
    return change->record;
  }

  LogPaths paths;
  std::unique_ptr<OpenLog> open;
};

}  // namespace banger::log::test
