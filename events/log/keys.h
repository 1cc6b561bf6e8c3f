// Keys and small values of the log's column families (docs/EVENT_LOG.md). Pure; big-endian, so that
// they sort as numbers do. Used by writer, reader and verify; nobody else knows these bytes. Never
// renumber or reuse.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "events/ids.h"
#include "events/log/event_log.h"

namespace banger::log {

inline constexpr std::uint32_t kLogFormat = 2;  // of keys and families; blocks carry their own
// Of a log that has archives: one who knows only lower formats must not take it for whole.
inline constexpr std::uint32_t kArchivedLogFormat = 3;
inline constexpr std::string_view kMetaFormat = "format";
inline constexpr std::string_view kMetaStore = "store";
inline constexpr std::string_view kMetaMerged =
    "merged";  // the last event that merging has looked at

[[nodiscard]] std::string format_value(std::uint32_t format);
[[nodiscard]] std::string number_key(std::uint64_t number);
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view bytes);

[[nodiscard]] std::string stream_prefix(StreamId stream);
[[nodiscard]] std::string stream_key(StreamId stream, StreamVersion version);
struct StreamKey {
  StreamId stream;
  StreamVersion version = 0;
};
[[nodiscard]] std::optional<StreamKey> parse_stream_key(std::string_view key);

// One entry names all events of a kind in one commit: its key the first, its value how far behind it
// the others are. Entries of a kind never overlap.
[[nodiscard]] std::string kind_prefix(std::uint16_t kind);
[[nodiscard]] std::string kind_key(std::uint16_t kind, Sequence first);
[[nodiscard]] std::string kind_value(std::span<const Sequence> sequences);
[[nodiscard]] std::optional<std::vector<Sequence>> parse_kind(std::string_view key,
                                                              std::string_view value);

[[nodiscard]] std::string command_key(CommandId id);
[[nodiscard]] std::string command_value(const CommandRecord& record);
[[nodiscard]] std::optional<CommandRecord> parse_command(std::string_view key,
                                                         std::string_view value);

[[nodiscard]] std::string row_prefix(std::string_view projection, std::uint32_t version);
// Checkpoints of all projections are one value, since every commit moves most of them. Sorts before
// all rows.
using Checkpoints = std::map<std::pair<std::string, std::uint32_t>, Sequence>;
inline constexpr std::string_view kCheckpointsKey{"\0checkpoints", 12};
[[nodiscard]] std::string checkpoints_value(const Checkpoints& checkpoints);
[[nodiscard]] std::optional<Checkpoints> parse_checkpoints(std::string_view value);

[[nodiscard]] std::string interned_prefix(std::uint8_t table);
[[nodiscard]] std::string interned_key(std::uint8_t table, std::uint32_t id);
// Without its value, which is stored as it is.
[[nodiscard]] std::optional<Interned> parse_interned(std::string_view key);

[[nodiscard]] std::string store_id_value(StoreId id);
[[nodiscard]] std::optional<StoreId> parse_store_id(std::string_view value);
inline constexpr std::string_view kEpochPrefix = "epoch/";
[[nodiscard]] std::string epoch_key(std::uint64_t epoch);
[[nodiscard]] std::string epoch_value(const Epoch& epoch);
[[nodiscard]] std::optional<Epoch> parse_epoch(std::string_view key, std::string_view value);

inline constexpr std::string_view kArchivePrefix = "archive/";
[[nodiscard]] std::string archive_key(Sequence first);
[[nodiscard]] std::string archive_value(const ArchiveRecord& record);
[[nodiscard]] std::optional<ArchiveRecord> parse_archive(std::string_view key,
                                                         std::string_view value);

}  // namespace banger::log
