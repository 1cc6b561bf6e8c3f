// An archive's bytes: what was put in comes out, and nothing else ever does.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "events/log/archive_file.h"
#include "tests/catch.h"
#include "tests/events/log/support.h"

namespace banger::log::test {
namespace {

namespace fs = std::filesystem;

constexpr StoreId kStore{1, 2};
constexpr Sequence kEvents = 9;

// Three blocks of two, three and four events, the first of which is the log's first.
struct Blocks {
  Hasher hasher;
  Digest genesis = genesis_of(kStore, hasher);
  std::vector<std::string> bytes;

  Blocks() {
    Digest previous = genesis;
    Sequence next = 1;
    for (const std::size_t count : {2u, 3u, 4u}) {
      std::vector<EncodedEvent> events;
      std::vector<Frame> frames;
      for (std::size_t i = 0; i < count; ++i) events.push_back(make_event(next++));
      for (const EncodedEvent& event : events) {
        const bool personal = !event.personal_bytes.empty();
        frames.push_back({event.sequence, event.public_bytes,
                          personal ? PersonalPart::kPresent : PersonalPart::kNone,
                          event.personal_bytes});
      }
      const EncodedBlock block = encode_block(previous, frames, hasher);
      previous = block.chain;
      bytes.push_back(block.bytes);
    }
  }
};

ArchiveRecord write_all(const fs::path& path, const Blocks& blocks) {
  auto writer = ArchiveWriter::create(path, kStore, 1, kEvents, blocks.genesis);
  REQUIRE(writer);
  for (const std::string& bytes : blocks.bytes) REQUIRE(writer->add(bytes));
  auto record = writer->finish();
  REQUIRE(record);
  return *record;
}

// Whether an event can be read by the index; one that can must be what was written.
bool reads(const ArchiveFile& file, Sequence sequence) {
  const auto index = file.find(sequence);
  std::string bytes;
  Block block;
  if (!index || !file.read(*index, bytes, block)) return false;
  if (sequence < block.first || sequence > block.last()) return false;
  const Frame& frame = block.frames[sequence - block.first];
  const EncodedEvent expected = make_event(sequence);
  CHECK(frame.public_bytes == expected.public_bytes);
  CHECK(frame.personal_bytes() == expected.personal_bytes);
  return true;
}

TEST_CASE("what an archive was made of comes out of it, block by block and event by event") {
  const TempDir dir;
  const Blocks blocks;
  const fs::path path = dir.path() / "archive";
  const ArchiveRecord record = write_all(path, blocks);
  CHECK(record.bytes == fs::file_size(path));
  const auto file = ArchiveFile::open(path, kStore, record);
  REQUIRE(file);
  CHECK(file->blocks() == 3);
  CHECK(file->before() == blocks.genesis);
  std::string bytes;
  Block block;
  for (std::size_t i = 0; i < 3; ++i) {
    REQUIRE(file->read(i, bytes, block));
    CHECK(bytes == blocks.bytes[i]);
  }
  for (Sequence sequence = 1; sequence <= kEvents; ++sequence) CHECK(reads(*file, sequence));
  std::size_t seen = 0;
  REQUIRE(file->verify([&](const Block& each, std::size_t) { seen += each.frames.size(); }));
  CHECK(seen == kEvents);

  SECTION("in bytes that stay for ever") {
    const fs::path golden = fs::path(BANGER_GOLDEN_DIR) / "archive-1.bin";
    if (std::getenv("BANGER_WRITE_GOLDEN") && !fs::exists(golden)) fs::copy(path, golden);
    CHECK(read_file(path) == read_file(golden));
  }
  SECTION("and is not taken for another's") {
    ArchiveRecord other = record;
    CHECK_FALSE(ArchiveFile::open(path, {1, 3}, record));
    other.last = 8;
    CHECK_FALSE(ArchiveFile::open(path, kStore, other));
    other = record;
    other.chain[0] ^= 1;
    CHECK_FALSE(ArchiveFile::open(path, kStore, other));
    other = record;
    other.digest[0] ^= 1;
    CHECK_FALSE(ArchiveFile::open(path, kStore, other));
    other = record;
    ++other.bytes;
    CHECK_FALSE(ArchiveFile::open(path, kStore, other));
  }
}

TEST_CASE("every flipped byte of an archive is noticed, and none gives another event") {
  const TempDir dir;
  const Blocks blocks;
  const fs::path path = dir.path() / "archive";
  const ArchiveRecord record = write_all(path, blocks);
  const std::string whole = read_file(path);
  std::size_t unnoticed = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << at % 8));
    write_file(path, flipped);
    const auto file = ArchiveFile::open(path, kStore, record);
    if (!file) continue;
    const Status verified = file->verify({});
    unnoticed += verified ? 1 : 0;
    if (!verified) CHECK_THAT(verified.error().message, Catch::Contains("(events 1 to 9)"));
    for (Sequence sequence = 1; sequence <= kEvents; ++sequence) static_cast<void>(reads(*file, sequence));
  }
  CHECK(unnoticed == 0);
}

TEST_CASE("an archive that was cut short or has grown is refused") {
  const TempDir dir;
  const fs::path path = dir.path() / "archive";
  const ArchiveRecord record = write_all(path, Blocks());
  const std::string whole = read_file(path);
  for (const std::size_t left : {std::size_t{0}, std::size_t{40}, whole.size() / 2, whole.size() - 1}) {
    write_file(path, whole.substr(0, left));
    CHECK_FALSE(ArchiveFile::open(path, kStore, record));
  }
  write_file(path, whole + "x");
  CHECK_FALSE(ArchiveFile::open(path, kStore, record));
}

TEST_CASE("two blocks that changed places are found by their chain") {
  const TempDir dir;
  const Blocks blocks;
  auto writer = ArchiveWriter::create(dir.path() / "archive", kStore, 1, kEvents, blocks.genesis);
  REQUIRE(writer);
  REQUIRE(writer->add(blocks.bytes[0]));
  CHECK_FALSE(writer->add(blocks.bytes[2]));
  std::string forged = blocks.bytes[1];
  forged.back() = static_cast<char>(forged.back() ^ 1);
  CHECK_FALSE(writer->add(forged));
  CHECK(writer->add(blocks.bytes[1]));
}

}  // namespace
}  // namespace banger::log::test
