// A sandbox's log, opened by the test while the daemon is down.
#pragma once

#include "events/log/event_log.h"
#include "tests/catch.h"
#include "tests/e2e/sandbox.h"

namespace banger::e2e {

struct OfflineLog {
  explicit OfflineLog(const Sandbox& banger) {
    REQUIRE(banger.ctl({"daemon", "stop"}).code == 0);
    REQUIRE(eventually([&] { return banger.daemon() == 0; }));
    auto opened = log::EventLog::open(
        {.paths = {banger.data() + "/log", banger.data() + "/anchor"}, .ballast_bytes = 1 << 20});
    if (!opened) FAIL(opened.error().message);
    log = *std::move(opened);
  }
  ~OfflineLog() { CHECK(log->shutdown()); }
  std::unique_ptr<log::EventLog> log;
};

}  // namespace banger::e2e
