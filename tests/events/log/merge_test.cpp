// Merging changes how events are stored and nothing that can be asked of them.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "events/log/bytes.h"
#include "events/log/keys.h"
#include "events/log/merger.h"
#include "events/log/ordered_read.h"
#include "tests/catch.h"
#include "tests/events/log/support.h"

namespace banger::log::test {
namespace {

namespace fs = std::filesystem;

constexpr Sequence kEvents = 3 * Merger::kFrames;

// Each event in a commit of its own, as a lonely client makes them.
void append_singles(OpenLog& open, Sequence first, Sequence last) {
  for (Sequence next = first; next <= last; ++next) open.commit(make_request(next, 1));
}

OpenOptions lonely(const LogPaths& paths) {
  OpenOptions options{.paths = paths};
  options.max_commit_requests = 1;
  return options;
}

struct Singles {
  Hasher hasher;
  std::vector<std::string> blocks;
  std::vector<Digest> chains;  // after each
  Digest genesis = genesis_of({1, 2}, hasher);

  explicit Singles(std::size_t count) {
    Digest previous = genesis;
    for (Sequence sequence = 1; sequence <= count; ++sequence) {
      const EncodedEvent event = make_event(sequence);
      const bool personal = !event.personal_bytes.empty();
      const Frame frame{sequence, event.public_bytes,
                        personal ? PersonalPart::kPresent : PersonalPart::kNone,
                        event.personal_bytes};
      EncodedBlock block = encode_block(previous, {&frame, 1}, hasher);
      previous = block.chain;
      chains.push_back(block.chain);
      blocks.push_back(std::move(block.bytes));
    }
  }
};

TEST_CASE("a merged block has the frames, digests and every chain hash of those it was made of") {
  Singles singles(5);
  const auto merged = merge_blocks(singles.blocks, singles.hasher);
  REQUIRE(merged);
  Block block;
  REQUIRE(decode_block(*merged, block));
  CHECK(block.first == 1);
  CHECK(block.previous == singles.genesis);
  CHECK(block.chain == singles.chains.back());
  CHECK(block.groups == std::vector<std::uint16_t>(5, 1));
  REQUIRE(check_chain(block, singles.hasher));
  for (Sequence sequence = 1; sequence <= 5; ++sequence) {
    Block single;
    REQUIRE(decode_block(singles.blocks[sequence - 1], single));
    CHECK(frame_digest(block.frames[sequence - 1], singles.hasher) ==
          frame_digest(single.frames[0], singles.hasher));
    CHECK(*chain_after(block, sequence, singles.hasher) == singles.chains[sequence - 1]);
  }
  CHECK_FALSE(chain_after(block, 6, singles.hasher));

  SECTION("and can be taken apart again") {
    const auto commits = commits_of(block, singles.hasher);
    REQUIRE(commits.size() == 5);
    for (std::size_t i = 0; i < commits.size(); ++i) {
      CHECK(encode_block(commits[i].previous, commits[i].frames, singles.hasher).bytes ==
            singles.blocks[i]);
    }
  }
  SECTION("in bytes that stay for ever") {
    const fs::path golden = fs::path(BANGER_GOLDEN_DIR) / "block-2.bin";
    if (std::getenv("BANGER_WRITE_GOLDEN") && !fs::exists(golden)) std::ofstream(golden) << *merged;
    std::ifstream in(golden, std::ios::binary);
    CHECK(*merged == std::string(std::istreambuf_iterator<char>(in), {}));
  }
  SECTION("and can be merged again, in any grouping, to the same bytes") {
    const std::span<const std::string> all(singles.blocks);
    const std::vector<std::string> halves{*merge_blocks(all.first(2), singles.hasher),
                                          *merge_blocks(all.subspan(2), singles.hasher)};
    CHECK(*merge_blocks(halves, singles.hasher) == *merged);
  }
  SECTION("and loses personal parts as single ones do") {
    const auto erased = erase_personal(*merged, std::vector<Sequence>{2, 4}, singles.hasher);
    REQUIRE(erased);
    REQUIRE(decode_block(*erased, block));
    CHECK(block.frames[1].erased());
    CHECK(block.chain == singles.chains.back());
    CHECK(check_chain(block, singles.hasher));
  }
  SECTION("and every flipped bit of it is noticed") {
    std::size_t unnoticed = 0;
    for (std::size_t bit = 0; bit < merged->size() * 8; ++bit) {
      std::string flipped = *merged;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      unnoticed += decode_block(flipped, block) ? 1 : 0;
    }
    CHECK(unnoticed == 0);
  }
}

TEST_CASE("blocks that do not follow on each other, or are damaged, are not merged") {
  Singles singles(4);
  std::vector<std::string> blocks = singles.blocks;
  std::swap(blocks[1], blocks[2]);
  CHECK_FALSE(merge_blocks(blocks, singles.hasher));
  blocks = singles.blocks;
  blocks.erase(blocks.begin() + 1);
  CHECK_FALSE(merge_blocks(blocks, singles.hasher));
  blocks = singles.blocks;
  blocks[3].back() ^= 1;
  CHECK_FALSE(merge_blocks(blocks, singles.hasher));
}

TEST_CASE("a commit's boundary cannot be read where its table does not add up") {
  Singles singles(3);
  std::string bytes = *merge_blocks(singles.blocks, singles.hasher);
  std::string table;
  for (const std::uint16_t group : {1, 1, 2})
    put_le(table, group);  // four frames, and there are three
  put_le(table, crc32_of(table));
  bytes.replace(kBlockHeaderBytes, table.size(), table);
  Block block;
  const auto decoded = decode_block(bytes, block);
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error().message.find("commits") != std::string::npos);
}

TEST_CASE("a log that was written one event at a time has few blocks, and says the same") {
  const TempDir dir;
  Digest chain;
  {
    OpenLog open(lonely(dir.log()));
    append_singles(open, 1, kEvents);
    chain = open.log->head().chain;
    REQUIRE(open.log->shutdown());
  }
  OpenLog open(lonely(dir.log()));
  CHECK(open.log->head().chain == chain);
  require_events(*open.log, kEvents);
  auto report = open.log->verify({});
  REQUIRE(report);
  CHECK(report->ok());
  CHECK(report->chain == chain);
  CHECK(report->blocks <= 2 + 2 * Merger::kFrames);  // what is new is left alone
  append_singles(open, kEvents + 1, kEvents + Merger::kFrames);
  require_events(*open.log, kEvents + Merger::kFrames);
  CHECK(open.log->verify({})->ok());
}

TEST_CASE("an anchor that names an event in the middle of what was merged since still holds") {
  const TempDir dir;
  const fs::path kept = dir.path() / "kept";
  {
    OpenLog open(lonely(dir.log()));
    append_singles(open, 1, 100);
    REQUIRE(open.log->shutdown());
  }
  fs::copy(dir.log().anchor_dir, kept, fs::copy_options::recursive);
  {
    OpenLog open(lonely(dir.log()));
    append_singles(open, 101, kEvents);
    REQUIRE(open.log->shutdown());
  }
  fs::remove_all(dir.log().anchor_dir);
  fs::copy(kept, dir.log().anchor_dir, fs::copy_options::recursive);
  CHECK(why_refused(dir.log()) == "");
  CHECK(head_of(dir.log()) == kEvents);
}

TEST_CASE("damage that merging meets is told once, and nothing is merged over it") {
  const TempDir dir;
  {
    OpenLog open(lonely(dir.log()));
    append_singles(open, 1, 2 * Merger::kFrames - 1);  // one too few to merge anything
    REQUIRE(open.log->shutdown());
  }
  {
    auto store = Store::open(dir.log().db(), StoreMode::kWrite);
    REQUIRE(store);
    std::string block = **store->get(Family::kBlocks, number_key(7));
    block.back() ^= 1;
    rocksdb::WriteBatch batch = make_batch();
    REQUIRE(batch.Put(store->family(Family::kBlocks), number_key(7), block).ok());
    REQUIRE(store->write(batch));
  }
  std::atomic<int> told = 0;
  OpenOptions options = lonely(dir.log());
  options.on_damage = [&](const Error&) { ++told; };
  {
    OpenLog open(std::move(options));
    append_singles(open, 2 * Merger::kFrames, 2 * Merger::kFrames + 20);
    const auto report = open.log->verify({});
    REQUIRE(report);
    CHECK_FALSE(report->ok());
    CHECK(open.log->event(8));
    REQUIRE(open.log->shutdown());
  }
  CHECK(told == 1);
}

using Numbers = std::vector<Sequence>;

OrderedReadOptions<Numbers> collecting(Sequence from, Sequence last, Numbers& all) {
  return {.from = from,
          .last = last,
          .verified = true,
          .prepare = [](const Frame& frame, Numbers& chunk) -> Status {
            chunk.push_back(frame.sequence);
            return {};
          },
          .consume = [&all](Numbers& chunk) -> Status {
            all.insert(all.end(), chunk.begin(), chunk.end());
            return {};
          }};
}

TEST_CASE("reading on several threads gives every event once and in order") {
  const TempDir dir;
  OpenLog open(dir.log());
  const Sequence events = 3 * OrderedRead<Numbers>::kChunkEvents + 17;
  for (Sequence next = 1; next <= events;) {
    const Sequence count = std::min<Sequence>(1 + next % 900, events - next + 1);
    open.commit(make_request(next, count));
    next += count;
  }
  const Sequence from = GENERATE(as<Sequence>{}, 1, 5'000);
  const unsigned threads = GENERATE(1u, 2u, 5u);
  Numbers all;
  auto options = collecting(from, events, all);
  options.threads = threads;
  REQUIRE(OrderedRead<Numbers>(*open.log, std::move(options)).run());
  Numbers expected(events - from + 1);
  std::ranges::generate(expected, [next = from]() mutable { return next++; });
  CHECK(all == expected);

  SECTION("until the first error in the log's order, whoever meets it") {
    all.clear();
    options = collecting(1, events, all);
    options.threads = threads;
    options.prepare = [](const Frame& frame, Numbers& chunk) -> Status {
      if (frame.sequence % 6'000 == 0) return fail("at " + std::to_string(frame.sequence));
      chunk.push_back(frame.sequence);
      return {};
    };
    const auto done = OrderedRead<Numbers>(*open.log, std::move(options)).run();
    REQUIRE_FALSE(done);
    CHECK(done.error().message == "at 6000");
    CHECK(all.size() == OrderedRead<Numbers>::kChunkEvents);
  }
  SECTION("and the log's end is no surprise") {
    const auto done = OrderedRead<Numbers>(*open.log, collecting(1, events + 1, all)).run();
    REQUIRE_FALSE(done);
    CHECK(done.error().message.find("lacks event") != std::string::npos);
  }
}

TEST_CASE("a verified reading notices a block that was exchanged for another one") {
  const TempDir dir;
  const std::size_t exchanged = GENERATE(0, 1);
  {
    OpenLog open(dir.log());
    for (Sequence next = 1; next <= 12'001; next += 2'000) open.commit(make_request(next, 2'000));
    REQUIRE(open.log->shutdown());
  }
  {  // whole in itself, and chained to nothing
    auto store = Store::open(dir.log().db(), StoreMode::kWrite);
    REQUIRE(store);
    const Sequence first = exchanged == 0 ? 2'001 : 4'001;
    Block block;
    const std::string bytes = **store->get(Family::kBlocks, number_key(first));
    REQUIRE(decode_block(bytes, block));
    Hasher hasher;
    rocksdb::WriteBatch batch = make_batch();
    const EncodedBlock other = encode_block(Digest{}, block.frames, hasher);
    REQUIRE(batch.Put(store->family(Family::kBlocks), number_key(first), other.bytes).ok());
    REQUIRE(store->write(batch));
  }
  OpenLog open(dir.log());
  Numbers all;
  const auto done = OrderedRead<Numbers>(*open.log, collecting(1, 14'000, all)).run();
  REQUIRE_FALSE(done);
  CHECK(done.error().message.find("chain") != std::string::npos);
}

}  // namespace
}  // namespace banger::log::test
