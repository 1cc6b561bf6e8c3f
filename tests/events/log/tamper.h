// What a bug of ours, or somebody with an editor, might do to the database behind the log's back.
#pragma once

#include <rocksdb/write_batch.h>

#include <optional>
#include <string>
#include <string_view>

#include "events/log/store.h"
#include "tests/catch.h"
#include "tests/events/log/support.h"

namespace banger::log::test {

inline void make_log(const LogPaths& paths, Sequence events) {
  OpenLog open(paths);
  for (Sequence first = 1; first <= events; first += 10) open.commit(make_request(first, 10));
  REQUIRE(open.log->shutdown());
}

// Nothing for `value`: the key goes.
inline void tamper(const LogPaths& paths, Family family, std::string_view key, const std::optional<std::string>& value) {
  auto store = Store::open(paths.db(), StoreMode::kWrite);
  REQUIRE(store);
  rocksdb::WriteBatch batch = make_batch();
  if (value) {
    REQUIRE(batch.Put(store->family(family), key, *value).ok());
  } else {
    REQUIRE(batch.Delete(store->family(family), key).ok());
  }
  REQUIRE(store->write(batch));
}

}  // namespace banger::log::test
