#include "events/log/row_snapshot.h"

#include "events/log/keys.h"
#include "events/log/lookup.h"
#include "events/log/reader.h"

namespace banger::log {
namespace {

class Snapshot final : public RowSnapshot {
 public:
  explicit Snapshot(const Store& store) : store_(store), snapshot_(store.db().GetSnapshot()) {
    options_.snapshot = snapshot_;
    options_.total_order_seek = true;
    options_.fill_cache = false;
  }
  ~Snapshot() override { store_.db().ReleaseSnapshot(snapshot_); }
  Snapshot(const Snapshot&) = delete;

  Status rows(std::string_view projection, std::uint32_t version, const RowVisitor& visit) const override {
    const std::unique_ptr<rocksdb::Iterator> it(
        store_.db().NewIterator(options_, store_.family(Family::kProjections)));
    return visit_rows(*it, projection, version, {}, visit);
  }

  Result<Sequence> checkpoint(std::string_view projection, std::uint32_t version) const override {
    const auto checkpoints = read_checkpoints(store_, snapshot_);
    if (!checkpoints) return std::unexpected(checkpoints.error());
    return checkpoint_of(*checkpoints, projection, version);
  }

 private:
  const Store& store_;
  const rocksdb::Snapshot* snapshot_;
  rocksdb::ReadOptions options_;
};

}  // namespace

std::unique_ptr<RowSnapshot> take_row_snapshot(const Store& store) { return std::make_unique<Snapshot>(store); }

Result<StreamId> find_stream(const Store& store, Sequence sequence) {
  const std::string wanted = number_key(sequence);
  auto it = store.scan(Family::kStreams);
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    if (it->value().ToStringView() != wanted) continue;
    const auto key = parse_stream_key(it->key().ToStringView());
    if (!key) break;
    return key->stream;
  }
  BANGER_TRY(check("read the log", it->status()));
  return fail("no stream has event " + std::to_string(sequence));
}

}  // namespace banger::log
