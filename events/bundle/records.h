// A bundle's records as bytes (docs/EVENT_LOG.md has the layout): what a piece of a log is made of when it
// leaves its database. The daemon makes records, BundleWriter puts them into a file, read_bundle takes them
// out again and believes none of them before its checksum, its place and the chain say so. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "events/interned.h"
#include "events/log/block.h"

namespace banger::bundle {

inline constexpr std::uint16_t kBundleFormat = 1;
inline constexpr std::size_t kMaxRecordBytes = 2 * log::kMaxPartBytes + 4096;
inline constexpr std::size_t kMaxDigestsARecord = 16'384;

// What the events were taken for. Stored: never renumber.
enum class Purpose : std::uint8_t {
  kExport = 1,   // somebody chose some; the others of their blocks are digests
  kArchive = 2,  // all of a range, which was cut out of the log afterwards
};

// The first record: whose events these are, and how far that log went when they were taken.
struct Head {
  Purpose purpose = Purpose::kExport;
  StoreId store;
  std::uint64_t epoch = 0;
  Sequence first = 0;  // what was asked for; 0, 0 for "whatever concerns `about`"
  Sequence last = 0;
  Sequence head = 0;   // of the log
  Digest chain{};      // of the log, at `head`
  std::string about;   // "vm web", "events 10 to 20": for people

  friend bool operator==(const Head&, const Head&) = default;
};

// Where `count` events have their place: their digests must lead from `previous` to `chain`.
struct BlockHead {
  Sequence first = 0;
  std::uint32_t count = 0;
  Digest previous{};
  Digest chain{};

  friend bool operator==(const BlockHead&, const BlockHead&) = default;
};

// Events of a block that were not taken: their digests prove the places of the others.
struct LeftOut {
  std::vector<Digest> digests;
};

// The last record. Its digest covers every byte before the record.
struct End {
  Digest digest{};
};

// Kinds of records are stored: never renumber.
enum class RecordKind : std::uint8_t {
  kHead = 1,
  kSchema = 2,
  kInterned = 3,
  kBlock = 4,
  kEvent = 5,
  kLeftOut = 6,
  kEnd = 7,
};

inline constexpr std::size_t kPreambleBytes = 8;        // magic, format, zero
inline constexpr std::size_t kRecordHeaderBytes = 12;   // checksum, length, kind

// The text of schemas/event.capnp as this program was built with it.
[[nodiscard]] std::string_view event_schema();

[[nodiscard]] std::string preamble();
void put_head(std::string& out, const Head& head);
void put_schema(std::string& out, std::string_view text);
void put_interned(std::string& out, const InternedEntry& entry);
void put_block(std::string& out, const BlockHead& block);
void put_event(std::string& out, const log::Frame& frame);
void put_left_out(std::string& out, std::span<const Digest> digests);  // kMaxDigestsARecord at most
void put_end(std::string& out, const Digest& digest);

struct RawRecord {
  RecordKind kind = RecordKind::kHead;
  std::string_view body;
};
// How many bytes the record is long whose header this is; an Error where it can be none.
[[nodiscard]] Result<std::size_t> record_bytes(std::string_view header);
// Checks the checksum of one whole record, header included.
[[nodiscard]] Result<RawRecord> open_record(std::string_view record);

[[nodiscard]] Result<Head> parse_head(std::string_view body);
[[nodiscard]] Result<InternedEntry> parse_interned(std::string_view body);
[[nodiscard]] Result<BlockHead> parse_block(std::string_view body);
[[nodiscard]] Result<log::Frame> parse_event(std::string_view body);  // views into `body`; no sequence
[[nodiscard]] Result<LeftOut> parse_left_out(std::string_view body);
[[nodiscard]] Result<End> parse_end(std::string_view body);

}  // namespace banger::bundle
