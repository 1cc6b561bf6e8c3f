#include "events/log/lookup.h"

#include <ranges>

#include "events/log/keys.h"
#include "events/log/reader.h"

namespace banger::log {
namespace {

Result<Sequence> sequence_of(const Store& store, StreamId stream, StreamVersion version) {
  auto value = store.get(Family::kStreams, stream_key(stream, version));
  if (!value) return std::unexpected(std::move(value).error());
  const auto sequence = *value ? parse_number(**value) : std::nullopt;
  if (!sequence) return fail("an entry of the stream index is missing or cannot be read");
  return *sequence;
}

}  // namespace

Result<StreamVersion> stream_version_at(const Store& store, StreamId stream, Sequence at) {
  auto last = last_version(store, stream);
  if (!last) return last;
  StreamVersion low = 0;  // its event is not after `at`
  StreamVersion high = *last + 1;
  while (high - low > 1) {
    const StreamVersion middle = low + (high - low) / 2;
    const auto sequence = sequence_of(store, stream, middle);
    if (!sequence) return std::unexpected(sequence.error());
    (*sequence <= at ? low : high) = middle;
  }
  return low;
}

namespace {

// An entry of the kind index, or an Error; nothing where the iterator stands outside of the kind.
Result<std::optional<std::vector<Sequence>>> kind_entry(const rocksdb::Iterator& it,
                                                        std::string_view prefix) {
  BANGER_TRY(check("read the log", it.status()));
  if (!it.Valid() || !it.key().starts_with(prefix)) return std::nullopt;
  auto entry = parse_kind(it.key().ToStringView(), it.value().ToStringView());
  if (!entry) return fail("an entry of the kind index cannot be read");
  return entry;
}

}  // namespace

Result<std::vector<Sequence>> events_of_kind(const Store& store, std::uint16_t kind, Sequence from,
                                             std::size_t limit) {
  const std::string prefix = kind_prefix(kind);
  std::vector<Sequence> found;
  auto it = store.look(Family::kKinds);
  it->SeekForPrev(kind_key(kind, from));  // an entry that begins before may reach to `from`
  if (!it->Valid() || !it->key().starts_with(prefix)) it->Seek(prefix);
  for (; found.size() < limit; it->Next()) {
    const auto entry = kind_entry(*it, prefix);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) break;
    for (const Sequence sequence : **entry) {
      if (sequence >= from && found.size() < limit) found.push_back(sequence);
    }
  }
  return found;
}

Result<std::vector<Sequence>> events_of_kind_before(const Store& store, std::uint16_t kind,
                                                    Sequence before, std::size_t limit) {
  const std::string prefix = kind_prefix(kind);
  std::vector<Sequence> found;
  if (before == 0) return found;
  auto it = store.look(Family::kKinds);
  for (it->SeekForPrev(kind_key(kind, before - 1)); found.size() < limit; it->Prev()) {
    const auto entry = kind_entry(*it, prefix);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) break;
    for (const Sequence sequence : **entry | std::views::reverse) {
      if (sequence < before && found.size() < limit) found.push_back(sequence);
    }
  }
  return found;
}

Status visit_rows(rocksdb::Iterator& rows, std::string_view projection, std::uint32_t version,
                  std::string_view first_key, const EventLog::RowVisitor& visit) {
  const std::string prefix = row_prefix(projection, version);
  for (rows.Seek(std::string(prefix).append(first_key));
       rows.Valid() && rows.key().starts_with(prefix); rows.Next()) {
    if (!visit(rows.key().ToStringView().substr(prefix.size()), rows.value().ToStringView())) break;
  }
  return check("read the log", rows.status());
}

Status rows_from(const Store& store, std::string_view projection, std::uint32_t version,
                 std::string_view first_key, const EventLog::RowVisitor& visit) {
  return visit_rows(*store.look(Family::kProjections), projection, version, first_key, visit);
}

}  // namespace banger::log
