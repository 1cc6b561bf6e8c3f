// What the daemon counts, and its names in Prometheus's words. Pure: publisher.h gathers the values
// and hands the text out. docs/OPERATIONS.md has the table.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "cli/bangerd/metrics/exposition.h"
#include "engine/state.h"

namespace banger::bangerd {

struct Measures {
  std::string version;
  std::uint64_t head_sequence = 0;
  std::uint64_t epoch = 0;
  std::uint64_t appended = 0;  // events by this process
  std::uint64_t queue_depth = 0;
  std::uint64_t log_bytes = 0;
  std::map<std::string_view, std::uint64_t> vms;     // by state, every state named
  std::map<std::string_view, std::uint64_t> images;  // likewise
  std::uint64_t parked = 0;
  std::uint64_t shadow_folds = 0;  // by this process
  std::int64_t last_shadow_fold_ns = 0;
  std::uint64_t shadow_fold_to = 0;
  std::uint64_t drifted_rows = 0;  // by the last of them
  std::uint64_t corrections = 0;
  std::uint64_t observations = 0;
  std::uint64_t observed_us = 0;  // together
  std::uint64_t in_flight = 0;
  std::uint64_t held = 0;
  std::uint64_t connections = 0;
  bool low_water = false;
  std::int64_t started_at_ns = 0;
};

// VMs and images by state, as Measures has them.
void count_fleet(const Fleet& fleet, Measures& measures);
[[nodiscard]] std::string metrics_text(const Measures& measures, const Histogram& commit_latency);
// From a request's append to its sync, as the daemon waits for it.
[[nodiscard]] Histogram commit_latency_histogram();

}  // namespace banger::bangerd
