#include "events/bundle/records.h"

#include "events/assert.h"
#include "events/log/bytes.h"

namespace banger::bundle {
namespace {

using log::as_bytes;
using log::put_le;
using log::Reader;

constexpr std::string_view kMagic = "bBdl";

Error damaged(const std::string& what) { return {"damaged bundle: " + what}; }

void put_record(std::string& out, RecordKind kind, std::string_view body) {
  BANGER_ASSERT(kRecordHeaderBytes + body.size() <= kMaxRecordBytes);
  std::string covered;
  put_le(covered, static_cast<std::uint32_t>(body.size()));
  put_le(covered, static_cast<std::uint32_t>(kind));
  covered += body;
  put_le(out, log::crc32_of(covered));
  out += covered;
}

void put_store(std::string& out, StoreId store) {
  log::put_be(out, store.hi);
  log::put_be(out, store.lo);
}

// Everything of the body was taken, and it was enough.
Status whole(const Reader& reader, const char* what) {
  if (reader.ok() && reader.rest().empty()) return {};
  return std::unexpected(damaged(std::string(what) + " has a wrong length"));
}

}  // namespace

std::string preamble() {
  std::string out(kMagic);
  put_le(out, kBundleFormat);
  put_le(out, std::uint16_t{0});
  return out;
}

void put_head(std::string& out, const Head& head) {
  std::string body;
  put_le(body, static_cast<std::uint8_t>(head.purpose));
  put_store(body, head.store);
  put_le(body, head.epoch);
  put_le(body, head.first);
  put_le(body, head.last);
  put_le(body, head.head);
  body += as_bytes(head.chain);
  body += head.about;
  put_record(out, RecordKind::kHead, body);
}

void put_schema(std::string& out, std::string_view text) { put_record(out, RecordKind::kSchema, text); }

void put_interned(std::string& out, const InternedEntry& entry) {
  std::string body;
  put_le(body, static_cast<std::uint8_t>(entry.table));
  put_le(body, entry.number);
  body += entry.bytes;
  put_record(out, RecordKind::kInterned, body);
}

void put_block(std::string& out, const BlockHead& block) {
  std::string body;
  put_le(body, block.first);
  put_le(body, block.count);
  body += as_bytes(block.previous);
  body += as_bytes(block.chain);
  put_record(out, RecordKind::kBlock, body);
}

void put_event(std::string& out, const log::Frame& frame) {
  std::string body;
  put_le(body, static_cast<std::uint8_t>(frame.part));
  put_le(body, static_cast<std::uint32_t>(frame.public_bytes.size()));
  body += frame.public_bytes;
  body += frame.part_bytes;
  put_record(out, RecordKind::kEvent, body);
}

void put_left_out(std::string& out, std::span<const Digest> digests) {
  BANGER_ASSERT(digests.size() <= kMaxDigestsARecord);
  std::string body;
  for (const Digest& digest : digests) body += as_bytes(digest);
  put_record(out, RecordKind::kLeftOut, body);
}

void put_end(std::string& out, const Digest& digest) {
  put_record(out, RecordKind::kEnd, as_bytes(digest));
}

Result<std::size_t> record_bytes(std::string_view header) {
  Reader reader(header);
  (void)reader.le<std::uint32_t>();
  const std::size_t bytes = kRecordHeaderBytes + reader.le<std::uint32_t>();
  if (!reader.ok()) return std::unexpected(damaged("it is cut off"));
  if (bytes > kMaxRecordBytes) return std::unexpected(damaged("a record longer than any can be"));
  return bytes;
}

Result<RawRecord> open_record(std::string_view record) {
  Reader reader(record);
  const auto checksum = reader.le<std::uint32_t>();
  if (log::crc32_of(reader.rest()) != checksum) return std::unexpected(damaged("a record's checksum is wrong"));
  (void)reader.le<std::uint32_t>();
  const auto kind = reader.le<std::uint32_t>();
  if (kind < static_cast<std::uint32_t>(RecordKind::kHead) || kind > static_cast<std::uint32_t>(RecordKind::kEnd)) {
    return std::unexpected(damaged("a record of kind " + std::to_string(kind) + ", which is not known here"));
  }
  return RawRecord{static_cast<RecordKind>(kind), reader.rest()};
}

Result<Head> parse_head(std::string_view body) {
  Reader reader(body);
  Head head;
  head.purpose = static_cast<Purpose>(reader.le<std::uint8_t>());
  head.store.hi = reader.be<std::uint64_t>();
  head.store.lo = reader.be<std::uint64_t>();
  head.epoch = reader.le<std::uint64_t>();
  head.first = reader.le<Sequence>();
  head.last = reader.le<Sequence>();
  head.head = reader.le<Sequence>();
  head.chain = reader.digest();
  if (!reader.ok()) return std::unexpected(damaged("its head is cut off"));
  if (head.purpose != Purpose::kExport && head.purpose != Purpose::kArchive) {
    return std::unexpected(damaged("it is neither an export nor an archive"));
  }
  if (!head.store || head.first > head.last || head.last > head.head) {
    return std::unexpected(damaged("its head contradicts itself"));
  }
  head.about = reader.rest();
  return head;
}

Result<InternedEntry> parse_interned(std::string_view body) {
  Reader reader(body);
  InternedEntry entry;
  entry.table = static_cast<InternTable>(reader.le<std::uint8_t>());
  entry.number = reader.le<std::uint32_t>();
  if (!reader.ok()) return std::unexpected(damaged("an interned entry is cut off"));
  entry.bytes = reader.rest();
  return entry;
}

Result<BlockHead> parse_block(std::string_view body) {
  Reader reader(body);
  BlockHead block;
  block.first = reader.le<Sequence>();
  block.count = reader.le<std::uint32_t>();
  block.previous = reader.digest();
  block.chain = reader.digest();
  BANGER_TRY(whole(reader, "a block's head"));
  if (block.first == 0 || block.count == 0 || block.first > UINT64_MAX - block.count) {
    return std::unexpected(damaged("a block without a place"));
  }
  return block;
}

Result<log::Frame> parse_event(std::string_view body) {
  Reader reader(body);
  log::Frame frame;
  frame.part = static_cast<log::PersonalPart>(reader.le<std::uint8_t>());
  frame.public_bytes = reader.bytes(reader.le<std::uint32_t>());
  frame.part_bytes = reader.rest();
  const std::size_t part = frame.part_bytes.size();
  bool fits = false;
  switch (frame.part) {
    case log::PersonalPart::kNone: fits = part == 0; break;
    case log::PersonalPart::kPresent: fits = part > 0; break;
    case log::PersonalPart::kErased: fits = part == Digest{}.size(); break;
  }
  if (!reader.ok() || !fits || frame.public_bytes.empty() || frame.public_bytes.size() > log::kMaxPartBytes ||
      part > log::kMaxPartBytes) {
    return std::unexpected(damaged("an event with wrong lengths"));
  }
  return frame;
}

Result<LeftOut> parse_left_out(std::string_view body) {
  Reader reader(body);
  LeftOut left;
  left.digests.resize(body.size() / Digest{}.size());
  for (Digest& digest : left.digests) digest = reader.digest();
  BANGER_TRY(whole(reader, "a list of digests"));
  if (left.digests.empty()) return std::unexpected(damaged("an empty list of digests"));
  return left;
}

Result<End> parse_end(std::string_view body) {
  Reader reader(body);
  End end{reader.digest()};
  BANGER_TRY(whole(reader, "its end"));
  return end;
}

}  // namespace banger::bundle
