// What one commit changes, gathered before it becomes a WriteBatch: in the order of the keys,
// because the memtable finds a key's place from its neighbour's, and each key once, because of a
// row that changed ten times in one commit only the last counts. Used by the writer alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "events/log/store.h"

namespace banger::log {

class Changes {
 public:
  void put(Family family, std::string key, std::string value) {
    entries_.push_back({family, std::move(key), entries_.size(), std::move(value)});
  }
  void erase(Family family, std::string key) {
    entries_.push_back({family, std::move(key), entries_.size(), std::nullopt});
  }
  // Of changes of one key the last.
  [[nodiscard]] rocksdb::WriteBatch batch(const Store& store) &&;

 private:
  struct Entry {
    Family family;
    std::string key;
    std::size_t order = 0;             // of the changes of one key the last counts
    std::optional<std::string> value;  // none: the key goes
  };
  std::vector<Entry> entries_;
};

}  // namespace banger::log
