// A count of all that a daemon holds and must not hold more of with every VM that comes and goes: taken by looking at it
// from outside (/proc, /sys) and by asking it. Two counts are compared by rounds.cpp.
#pragma once

#include <cstdint>

#include "tests/e2e/sandbox.h"

namespace banger::soak {

struct Census {
  // These must be the same at both times.
  std::size_t files = 0;      // open in the daemon, but for the database's own
  std::size_t threads = 0;
  std::size_t vms = 0;        // rows of the projection that plans are made of
  std::size_t ports = 0;      // host ports in them: ssh's and published ones
  std::size_t addresses = 0;  // of bridged guests in them
  std::size_t vmms = 0;       // processes of the stand-in
  std::size_t directories = 0;
  std::size_t loops = 0;      // on files of this store
  std::size_t devices = 0;    // of device-mapper, of this store
  std::size_t taps = 0;       // with this store's mark
  std::size_t under_way = 0;  // effects, and those that wait for a tick
  std::uint64_t corrections = 0;
  // These grow, within bounds.
  std::size_t database_files = 0;
  std::uint64_t memory_kib = 0;  // RssAnon
  std::uint64_t head = 0;        // the last event

  // All that must be the same.
  [[nodiscard]] bool same_as(const Census& other) const;
};

[[nodiscard]] Census take_census(const e2e::Sandbox& banger);

struct Row {
  const char* name;
  std::uint64_t before;
  std::uint64_t after;
};
[[nodiscard]] std::vector<Row> rows_of(const Census& before, const Census& after);

}  // namespace banger::soak
