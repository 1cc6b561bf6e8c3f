// An archive's file beside a log that has it on record: the record is made of what the file says of itself, because
// one that is refused at once shows nothing.
#include "events/log/archive_file.h"

#include "tests/drivers/host/temp_dir.h"
#include "tests/fuzz/fuzz.h"

namespace banger::fuzz {
namespace {

constexpr StoreId kStore{7, 9};

// Where header and footer have it (docs/EVENT_LOG.md).
log::ArchiveRecord record_of(std::string_view bytes) {
  log::Reader header(bytes);
  (void)header.bytes(8 + 16);  // magic, format, zero; store
  log::ArchiveRecord record{.bytes = bytes.size()};
  record.first = header.le<Sequence>();
  record.last = header.le<Sequence>();
  const std::size_t footer = std::min(bytes.size(), log::kArchiveFooterBytes);
  log::Reader end(bytes.substr(bytes.size() - footer));
  (void)end.bytes(16);  // number of blocks, offset of the index
  record.chain = end.digest();
  record.digest = end.digest();
  return record;
}

}  // namespace

void fuzz_one(std::string_view bytes) {
  static const test::TempDir directory;
  const std::string path = directory / "archive";
  const log::ArchiveRecord record = record_of(bytes);
  if (record.first == 0 || record.last < record.first) return;  // the log has no such record
  put_file(path, bytes);
  const auto file = log::ArchiveFile::open(path, kStore, record);
  if (!file) return;
  std::uint64_t events = 0;
  const auto whole = file->verify([&](const log::Block& block, std::size_t) { events += block.frames.size(); });
  if (whole) BANGER_ASSERT(events == record.last - record.first + 1);
  std::string block_bytes;
  log::Block block;
  for (const Sequence wanted : {record.first, record.first + (record.last - record.first) / 2, record.last}) {
    const auto place = file->find(wanted);
    if (!place || !file->read(*place, block_bytes, block)) continue;
    BANGER_ASSERT(block.last() <= record.last);
  }
}

}  // namespace banger::fuzz
