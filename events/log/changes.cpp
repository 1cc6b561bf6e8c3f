#include "events/log/changes.h"

#include <algorithm>
#include <tuple>

#include "events/assert.h"

namespace banger::log {

rocksdb::WriteBatch Changes::batch(const Store& store) && {
  const auto place = [](const Entry& entry) { return std::tie(entry.family, entry.key); };
  std::ranges::sort(entries_, {}, [](const Entry& entry) {
    return std::tie(entry.family, entry.key, entry.order);
  });
  rocksdb::WriteBatch batch = make_batch();
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (i + 1 < entries_.size() && place(entries_[i + 1]) == place(entry)) continue;
    rocksdb::ColumnFamilyHandle* family = store.family(entry.family);
    const rocksdb::Status status =
        entry.value ? batch.Put(family, entry.key, *entry.value) : batch.Delete(family, entry.key);
    BANGER_ASSERT(status.ok());  // a batch in memory fails only if it is used wrongly
  }
  return batch;
}

}  // namespace banger::log
