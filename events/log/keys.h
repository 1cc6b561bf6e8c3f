// Keys and small values of the log's column families (docs/EVENT_LOG.md). Pure; big-endian, so that
// they sort as numbers do. Used by writer, reader and verify; nobody else knows these bytes. Never
// renumber or reuse.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "events/ids.h"
#include "events/log/event_log.h"

namespace banger::log {

inline constexpr std::uint32_t kLogFormat = 1;  // of keys and families; blocks carry their own
// Of a log that has archives: one who knows only the first format must not take it for whole.
inline constexpr std::uint32_t kArchivedLogFormat = 2;
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

[[nodiscard]] std::string kind_key(std::uint16_t kind, Sequence sequence);
[[nodiscard]] std::optional<Sequence> parse_kind_key(std::string_view key);

[[nodiscard]] std::string command_key(CommandId id);
[[nodiscard]] std::string command_value(const CommandRecord& record);
[[nodiscard]] std::optional<CommandRecord> parse_command(std::string_view key,
                                                         std::string_view value);

[[nodiscard]] std::string row_prefix(std::string_view projection, std::uint32_t version);
[[nodiscard]] std::string checkpoint_key(std::string_view projection, std::uint32_t version);
[[nodiscard]] bool is_checkpoint_key(std::string_view key);

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
