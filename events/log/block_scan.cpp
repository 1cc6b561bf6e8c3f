#include "events/log/block_scan.h"

#include "events/log/keys.h"

namespace banger::log {

Status visit_blocks(const Store& store, Sequence from, const EventLog::BlockVisitor& visit,
                    const rocksdb::Snapshot* snapshot) {
  auto it = store.scan(Family::kBlocks, snapshot);
  it->SeekForPrev(number_key(from));
  if (!it->Valid()) it->SeekToFirst();
  Block block;
  for (; it->Valid(); it->Next()) {
    BANGER_TRY(decode_block(it->value().ToStringView(), block));
    if (block.last() < from) continue;
    if (!visit(block)) return {};
  }
  return check("read the log", it->status());
}

}  // namespace banger::log
