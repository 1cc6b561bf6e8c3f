// A disk that never waits: everything is written and nothing is synced. For benchmarks that need a
// log of millions of commits before they can measure anything.
#pragma once

#include <rocksdb/env.h>

#include <memory>

namespace banger::bench {

[[nodiscard]] std::unique_ptr<rocksdb::Env> make_unsynced_env();

}  // namespace banger::bench
