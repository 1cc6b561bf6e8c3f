#include "events/log/keys.h"

#include "events/assert.h"
#include "events/log/bytes.h"

namespace banger::log {
namespace {

constexpr char kRow = 'r';
constexpr std::string_view kInternedPrefix = "intern/";

void put_stream(std::string& out, StreamId stream) {
  put_be(out, static_cast<std::uint16_t>(stream.kind));
  put_be(out, stream.id);
}

StreamId take_stream(Reader& reader) {
  const auto kind = reader.be<std::uint16_t>();
  return {static_cast<StreamKind>(kind), reader.be<std::uint64_t>()};
}

bool finished(const Reader& reader) {
  return reader.ok() && reader.rest().empty();
}

}  // namespace

std::string format_value(std::uint32_t format) {
  std::string value;
  put_be(value, format);
  return value;
}

std::string number_key(std::uint64_t number) {
  std::string key;
  put_be(key, number);
  return key;
}

std::optional<std::uint64_t> parse_number(std::string_view bytes) {
  Reader reader(bytes);
  const auto number = reader.be<std::uint64_t>();
  return finished(reader) ? std::optional(number) : std::nullopt;
}

std::string stream_prefix(StreamId stream) {
  std::string key;
  put_stream(key, stream);
  return key;
}

std::string stream_key(StreamId stream, StreamVersion version) {
  std::string key = stream_prefix(stream);
  put_be(key, version);
  return key;
}

std::optional<StreamKey> parse_stream_key(std::string_view key) {
  Reader reader(key);
  const StreamId stream = take_stream(reader);
  const auto version = reader.be<StreamVersion>();
  return finished(reader) ? std::optional(StreamKey{stream, version}) : std::nullopt;
}

std::string kind_prefix(std::uint16_t kind) {
  std::string key;
  put_be(key, kind);
  return key;
}

std::string kind_key(std::uint16_t kind, Sequence first) {
  std::string key = kind_prefix(kind);
  put_be(key, first);
  return key;
}

std::string kind_value(std::span<const Sequence> sequences) {
  static_assert(kMaxBlockFrames <= UINT16_MAX);
  std::string value;
  for (const Sequence sequence : sequences.subspan(1)) {
    put_be(value, static_cast<std::uint16_t>(sequence - sequences.front()));
  }
  return value;
}

std::optional<std::vector<Sequence>> parse_kind(std::string_view key, std::string_view value) {
  Reader place(key);
  place.bytes(sizeof(std::uint16_t));
  const auto first = place.be<Sequence>();
  std::vector<Sequence> sequences{first};
  Reader others(value);
  while (others.ok() && !others.rest().empty()) {
    sequences.push_back(first + others.be<std::uint16_t>());
  }
  if (!finished(place) || !others.ok()) return std::nullopt;
  return sequences;
}

std::string command_key(CommandId id) {
  std::string key;
  put_be(key, id.hi);
  put_be(key, id.lo);
  return key;
}

std::string command_value(const CommandRecord& record) {
  std::string value(as_bytes(record.request_digest));
  put_be(value, record.first_sequence);
  put_be(value, record.event_count);
  put_stream(value, record.subject);
  return value;
}

std::optional<CommandRecord> parse_command(std::string_view key, std::string_view value) {
  Reader id(key);
  Reader reader(value);
  CommandRecord record;
  record.id.hi = id.be<std::uint64_t>();
  record.id.lo = id.be<std::uint64_t>();
  record.request_digest = reader.digest();
  record.first_sequence = reader.be<Sequence>();
  record.event_count = reader.be<std::uint32_t>();
  record.subject = take_stream(reader);
  return finished(id) && finished(reader) ? std::optional(record) : std::nullopt;
}

std::string row_prefix(std::string_view projection, std::uint32_t version) {
  BANGER_ASSERT(!projection.empty() && projection.find('\0') == std::string_view::npos);
  std::string key(projection);
  key.push_back('\0');
  put_be(key, version);
  key.push_back(kRow);
  return key;
}

std::string checkpoints_value(const Checkpoints& checkpoints) {
  std::string value;
  for (const auto& [projection, sequence] : checkpoints) {
    const auto& [name, version] = projection;
    put_be(value, static_cast<std::uint16_t>(name.size()));
    value += name;
    put_be(value, version);
    put_be(value, sequence);
  }
  return value;
}

std::optional<Checkpoints> parse_checkpoints(std::string_view value) {
  Checkpoints checkpoints;
  Reader reader(value);
  while (reader.ok() && !reader.rest().empty()) {
    const auto name = reader.bytes(reader.be<std::uint16_t>());
    const auto version = reader.be<std::uint32_t>();
    checkpoints[{std::string(name), version}] = reader.be<Sequence>();
  }
  return reader.ok() ? std::optional(std::move(checkpoints)) : std::nullopt;
}

std::string interned_prefix(std::uint8_t table) {
  std::string key(kInternedPrefix);
  put_be(key, table);
  return key;
}

std::string interned_key(std::uint8_t table, std::uint32_t id) {
  std::string key = interned_prefix(table);
  put_be(key, id);
  return key;
}

std::optional<Interned> parse_interned(std::string_view key) {
  if (!key.starts_with(kInternedPrefix)) return std::nullopt;
  Reader reader(key.substr(kInternedPrefix.size()));
  Interned interned;
  interned.table = reader.be<std::uint8_t>();
  interned.id = reader.be<std::uint32_t>();
  return finished(reader) ? std::optional(interned) : std::nullopt;
}

std::string store_id_value(StoreId id) {
  return command_key(CommandId{id.hi, id.lo});
}

std::optional<StoreId> parse_store_id(std::string_view value) {
  Reader reader(value);
  const auto hi = reader.be<std::uint64_t>();
  const auto lo = reader.be<std::uint64_t>();
  return finished(reader) ? std::optional(StoreId{hi, lo}) : std::nullopt;
}

std::string epoch_key(std::uint64_t epoch) {
  std::string key(kEpochPrefix);
  put_be(key, epoch);
  return key;
}

std::string epoch_value(const Epoch& epoch) {
  std::string value;
  put_be(value, static_cast<std::uint8_t>(epoch.reason));
  put_be(value, epoch.begins_after);
  put_be(value, epoch.anchored);
  return value;
}

std::optional<Epoch> parse_epoch(std::string_view key, std::string_view value) {
  if (!key.starts_with(kEpochPrefix)) return std::nullopt;
  Reader number(key.substr(kEpochPrefix.size()));
  Reader reader(value);
  Epoch epoch;
  epoch.number = number.be<std::uint64_t>();
  const auto reason = reader.be<std::uint8_t>();
  epoch.begins_after = reader.be<Sequence>();
  epoch.anchored = reader.be<Sequence>();
  if (!finished(number) || !finished(reader)) return std::nullopt;
  if (reason < 1 || reason > static_cast<std::uint8_t>(EpochReason::kLossAccepted)) {
    return std::nullopt;
  }
  epoch.reason = static_cast<EpochReason>(reason);
  return epoch;
}

std::string archive_key(Sequence first) {
  std::string key(kArchivePrefix);
  put_be(key, first);
  return key;
}

std::string archive_value(const ArchiveRecord& record) {
  std::string value;
  put_be(value, record.last);
  value += as_bytes(record.chain);
  value += as_bytes(record.digest);
  put_be(value, record.bytes);
  return value;
}

std::optional<ArchiveRecord> parse_archive(std::string_view key, std::string_view value) {
  if (!key.starts_with(kArchivePrefix)) return std::nullopt;
  Reader first(key.substr(kArchivePrefix.size()));
  Reader reader(value);
  ArchiveRecord record;
  record.first = first.be<Sequence>();
  record.last = reader.be<Sequence>();
  record.chain = reader.digest();
  record.digest = reader.digest();
  record.bytes = reader.be<std::uint64_t>();
  const bool whole = finished(first) && finished(reader) && record.last >= record.first;
  return whole ? std::optional(record) : std::nullopt;
}

}  // namespace banger::log
