// An archive's bytes: what was put in comes out, and nothing else ever does.
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "events/log/archive_file.h"
#include "events/log/bytes.h"
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

// An archive of anything at all whose checksums and digest are right: as somebody would make it who knows the format.
struct Forged {
  std::uint16_t format = kArchiveFormat, reserved = 0;
  std::uint32_t magic = 0x63724162;
  StoreId store = kStore;
  Sequence first = 1, last = kEvents;
  Digest before{}, chain{};
  std::vector<std::string> blocks;
  std::vector<Sequence> firsts{1, 3, 6};
  std::string junk;  // behind each block
  std::string tail;  // behind the last
  std::uint8_t digest_by = 0;
  std::int64_t offset_by = 0, more_blocks = 0, index_by = 0;
  std::uint32_t more_bytes = 0;

  explicit Forged(const Blocks& of) : before(of.genesis), blocks(of.bytes) { chain = chain_in(blocks.back()); }

  static Digest chain_in(const std::string& bytes) {
    Block block;
    REQUIRE(decode_block(bytes, block));
    return block.chain;
  }

  // Writes it; what a log would have recorded of it.
  ArchiveRecord write(const fs::path& path) const {
    std::string file, index;
    put_le(file, magic);
    put_le(file, format);
    put_le(file, reserved);
    put_be(file, store.hi);
    put_be(file, store.lo);
    put_le(file, first);
    put_le(file, last);
    file += as_bytes(before);
    put_le(file, crc32_of(file));
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      std::string entry;
      put_le(entry, firsts[i]);
      put_le(entry, file.size() + static_cast<std::uint64_t>(offset_by));
      put_le(entry, static_cast<std::uint32_t>(blocks[i].size()) + more_bytes);
      put_le(entry, crc32_of(entry));
      index += entry;
      file += blocks[i] + junk;
    }
    file += tail;
    std::string footer;
    put_le(footer, blocks.size() + static_cast<std::uint64_t>(more_blocks));
    put_le(footer, file.size() + static_cast<std::uint64_t>(index_by));
    footer += as_bytes(chain);
    file += index + footer;
    Hasher hasher;
    Digest digest = hasher.of(file);
    digest[0] ^= digest_by;
    footer += as_bytes(digest);
    file += as_bytes(digest);
    put_le(file, crc32_of(footer));
    write_file(path, file);
    return {.first = 1, .last = kEvents, .chain = chain, .digest = digest, .bytes = file.size()};
  }
};

using Forge = std::function<void(Forged&)>;

// A block that claims another chain hash, with the checksum that goes with it.
std::string with_other_chain(std::string block) {
  block[kBlockHeaderBytes - 5] = static_cast<char>(block[kBlockHeaderBytes - 5] ^ 1);
  std::string checksum;
  put_le(checksum, crc32_of(std::string_view(block).substr(0, kBlockHeaderBytes - 4)));
  return block.replace(kBlockHeaderBytes - 4, 4, checksum);
}

TEST_CASE("an archive that is well formed and not the one that was recorded is not opened") {
  const TempDir dir;
  const Blocks blocks;
  const fs::path path = dir.path() / "archive";
  REQUIRE(ArchiveFile::open(path, kStore, Forged(blocks).write(path))->verify({}));
  const std::pair<const char*, Forge> forges[] = {
      {"not an archive", [](Forged& it) { it.magic ^= 1; }},
      {"it has format 2", [](Forged& it) { it.format = 2; }},
      {"damaged: header", [](Forged& it) { it.reserved = 1; }},
      {"another store", [](Forged& it) { it.store.lo ^= 1; }},
      {"other events", [](Forged& it) { it.first = 2; }},
      {"other events", [](Forged& it) { it.last = 8; }},
      {"damaged: footer", [](Forged& it) { it.more_blocks = -3; }},
      {"damaged: footer", [](Forged& it) { it.more_blocks = 1; }},
      {"damaged: footer", [](Forged& it) { it.index_by = 1'000'000; }},
      {"damaged: footer", [](Forged& it) { it.index_by = -1; }},
  };
  for (const auto& [why, forge] : forges) {
    Forged forged(blocks);
    forge(forged);
    const auto file = ArchiveFile::open(path, kStore, forged.write(path));
    CAPTURE(why);
    REQUIRE_FALSE(file);
    CHECK_THAT(file.error().message, Catch::Contains(why));
  }
  const ArchiveRecord tiny{.first = 1, .last = kEvents, .chain = {}, .digest = {}, .bytes = 10};
  write_file(path, "0123456789");
  CHECK_THAT(ArchiveFile::open(path, kStore, tiny).error().message, Catch::Contains("another size"));
  CHECK(ArchiveFile::open(path / "archive", kStore, tiny).error().sys_errno == ENOTDIR);
}

TEST_CASE("an archive whose blocks are not where, what or how many they should be is found by reading it all") {
  const TempDir dir;
  const Blocks blocks;
  const fs::path path = dir.path() / "archive";
  const std::pair<const char*, Forge> forges[] = {
      {"another block in the place of one", [](Forged& it) { it.firsts[1] = 4; }},
      {"damaged: index", [](Forged& it) { it.firsts[1] = 0; }},
      {"damaged: index", [](Forged& it) { it.firsts[1] = kEvents + 1; }},
      {"damaged: index", [](Forged& it) { it.more_bytes = kMaxBlockBytes; }},
      {"damaged: index", [](Forged& it) { it.offset_by = -1; }},
      {"damaged: index", [](Forged& it) { it.offset_by = 1'000'000; }},
      {"damaged: index", [](Forged& it) { it.more_bytes = 10'000; }},
      {"not where it belongs", [](Forged& it) { it.junk = "x"; }},
      {"event 3 is missing",
       [](Forged& it) {
         it.blocks.erase(it.blocks.begin() + 1);
         it.firsts = {1, 6};
       }},
      {"does not chain", [](Forged& it) { it.before[0] ^= 1; }},
      {"does not end where it should",
       [](Forged& it) {
         it.blocks.pop_back();
         it.chain = Forged::chain_in(it.blocks.back());
       }},
      {"does not end where it should", [](Forged& it) { it.chain[0] ^= 1; }},
      {"does not end where it should", [](Forged& it) { it.tail = "x"; }},
      {"do not have its digest", [](Forged& it) { it.digest_by = 1; }},
      {"chain hash", [](Forged& it) { it.blocks.back() = with_other_chain(it.blocks.back()); }},
  };
  for (const auto& [why, forge] : forges) {
    Forged forged(blocks);
    forge(forged);
    const auto file = ArchiveFile::open(path, kStore, forged.write(path));
    CAPTURE(why);
    REQUIRE(file);
    CHECK_THAT(file->verify({}).error().message, Catch::Contains(why));
  }
  Forged fewer(blocks);  // the last block goes on behind the last event
  fewer.last = kEvents - 1;
  ArchiveRecord record = fewer.write(path);
  record.last = fewer.last;
  const auto file = ArchiveFile::open(path, kStore, record);
  REQUIRE(file);
  CHECK_THAT(file->verify({}).error().message, Catch::Contains("another block in the place of one"));
}

TEST_CASE("an archive that shrinks or changes while it is open is an error of whoever reads it") {
  const TempDir dir;
  const fs::path path = dir.path() / "archive";
  const ArchiveRecord record = write_all(path, Blocks());
  const auto file = ArchiveFile::open(path, kStore, record);
  REQUIRE(file);
  std::string bytes;
  Block block;
  REQUIRE(file->read(1, bytes, block));
  std::string changed = read_file(path);
  changed[changed.size() - kArchiveFooterBytes - 2 * kArchiveEntryBytes] ^= 1;  // the second block's entry
  write_file(path, changed);
  CHECK_THAT(file->read(1, bytes, block).error().message, Catch::Contains("checksum in its index"));
  CHECK_THAT(file->find(kEvents).error().message, Catch::Contains("checksum in its index"));
  fs::resize_file(path, kArchiveHeaderBytes);
  CHECK_THAT(file->read(1, bytes, block).error().message, Catch::Contains("it is cut short"));
}

TEST_CASE("an archive takes no block that lies, chains from elsewhere or ends behind its last event, and needs its directory") {
  const TempDir dir;
  const Blocks blocks;
  auto writer = ArchiveWriter::create(dir.path() / "archive", kStore, 1, kEvents - 1, blocks.genesis);
  REQUIRE(writer);
  CHECK_THAT(writer->add(with_other_chain(blocks.bytes[0])).error().message, Catch::Contains("chain hash"));
  auto elsewhere = ArchiveWriter::create(dir.path() / "other", kStore, 1, kEvents, {});
  REQUIRE(elsewhere);
  CHECK_THAT(elsewhere->add(blocks.bytes[0]).error().message, Catch::Contains("does not chain"));
  REQUIRE(writer->add(blocks.bytes[0]));
  REQUIRE(writer->add(blocks.bytes[1]));
  CHECK_THAT(writer->add(blocks.bytes[2]).error().message, Catch::Contains("event 6 belongs there"));
  CHECK(ArchiveWriter::create(dir.path() / "gone" / "archive", kStore, 1, 2, {}).error().sys_errno == ENOENT);
}

TEST_CASE("an archive of many buffers is written and read whole") {
  const TempDir dir;
  Hasher hasher;
  const Digest genesis = genesis_of(kStore, hasher);
  const std::string open(700'000, 'x');
  auto writer = ArchiveWriter::create(dir.path() / "archive", kStore, 1, 4, genesis);
  REQUIRE(writer);
  Digest previous = genesis;
  for (Sequence sequence = 1; sequence <= 4; ++sequence) {
    const Frame frame{sequence, open, PersonalPart::kNone, {}};
    const EncodedBlock block = encode_block(previous, std::span(&frame, 1), hasher);
    REQUIRE(writer->add(block.bytes));
    previous = block.chain;
  }
  const auto record = writer->finish();
  REQUIRE(record);
  CHECK(ArchiveFile::open(dir.path() / "archive", kStore, *record)->verify({}));
}

}  // namespace
}  // namespace banger::log::test
