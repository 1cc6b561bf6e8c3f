// Bundles as bytes: what is put in comes out with every event in its place, and no damage goes unnoticed.
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "events/bundle/reader.h"
#include "events/bundle/writer.h"
#include "tests/catch.h"

namespace banger::bundle {
namespace {

namespace fs = std::filesystem;

const StoreId kStore{7, 9};

struct TempDir {
  TempDir() {
    std::string name = "/tmp/banger-bundle-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TempDir() { fs::remove_all(path); }
  fs::path path;
};

// A log of blocks with these numbers of events; event n says "event n", every third has a personal part.
struct MadeLog {
  std::vector<std::string> texts;
  std::vector<log::Frame> frames;
  std::vector<BlockHead> blocks;
  log::Hasher hasher;

  explicit MadeLog(const std::vector<std::uint32_t>& sizes) {
    std::uint32_t all = 0;
    for (std::uint32_t size : sizes) all += size;
    for (Sequence n = 1; n <= all; ++n) texts.push_back("event " + std::to_string(n));
    for (Sequence n = 1; n <= all; ++n) {
      const bool personal = n % 3 == 0;
      frames.push_back({n, texts[n - 1], personal ? log::PersonalPart::kPresent : log::PersonalPart::kNone,
                        personal ? std::string_view("salt and secret") : std::string_view{}});
    }
    Digest chain = log::genesis_of(kStore, hasher);
    Sequence first = 1;
    for (std::uint32_t size : sizes) {
      const auto encoded = log::encode_block(chain, std::span(frames).subspan(first - 1, size), hasher);
      blocks.push_back({first, size, chain, encoded.chain});
      chain = encoded.chain;
      first += size;
    }
  }

  Head head() const {
    return {.purpose = Purpose::kExport,
            .store = kStore,
            .epoch = 2,
            .first = 1,
            .last = frames.size(),
            .head = frames.size(),
            .chain = blocks.back().chain,
            .about = "all of it"};
  }

  // The records of these blocks; of their events those that `keep` says.
  std::string records(const std::vector<std::size_t>& which, const std::function<bool(Sequence)>& keep) {
    std::string out;
    put_interned(out, {InternTable::kActor, 1, std::string("0\0root\0test", 11)});
    for (std::size_t i : which) {
      put_block(out, blocks[i]);
      for (Sequence n = blocks[i].first; n < blocks[i].first + blocks[i].count; ++n) {
        const log::Frame& frame = frames[n - 1];
        const Digest digest = log::frame_digest(frame, hasher);
        if (keep(n)) put_event(out, frame);
        else put_left_out(out, std::span(&digest, 1));
      }
    }
    return out;
  }

  std::string bundle(const std::string& records, std::optional<Head> other = {}) {
    std::string out = preamble();
    put_head(out, other.value_or(head()));
    put_schema(out, "struct Event {}");
    out += records;
    const Digest digest = hasher.of(out);
    put_end(out, digest);
    return out;
  }
};

Result<Summary> read(const std::string& bytes, std::vector<Sequence>* events = nullptr) {
  std::istringstream in(bytes);
  return read_bundle(in, [&](const Item& item) -> Status {
    const auto* event = std::get_if<Event>(&item);
    if (event && events) events->push_back(event->frame.sequence);
    return {};
  });
}

const auto kAll = [](Sequence) { return true; };

TEST_CASE("a whole log comes out as it went in, and reaches the head") {
  MadeLog log({2, 1, 4});
  std::vector<Sequence> events;
  auto summary = read(log.bundle(log.records({0, 1, 2}, kAll)), &events);
  REQUIRE(summary);
  CHECK(events == std::vector<Sequence>{1, 2, 3, 4, 5, 6, 7});
  CHECK(summary->whole());
  CHECK(summary->gaps == 0);
  CHECK(summary->blocks == 3);
  CHECK(summary->reaches_head);
  CHECK(summary->head == log.head());
}

TEST_CASE("events that were left out prove the places of the others by their digests") {
  MadeLog log({2, 3, 4});
  std::vector<Sequence> events;
  auto summary = read(log.bundle(log.records({0, 2}, [](Sequence n) { return n == 2 || n == 7; })), &events);
  REQUIRE(summary);
  CHECK(events == std::vector<Sequence>{2, 7});
  CHECK(summary->left_out == 4);
  CHECK(summary->gaps == 1);
  CHECK_FALSE(summary->whole());
  CHECK(summary->reaches_head);
}

TEST_CASE("every flipped byte and every truncation of a bundle is refused with words") {
  MadeLog log({2, 2});
  const std::string bytes = log.bundle(log.records({0, 1}, [](Sequence n) { return n != 4; }));
  REQUIRE(read(bytes));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string broken = bytes;
      broken[i] = static_cast<char>(broken[i] ^ flip);
      auto summary = read(broken);
      CAPTURE(i, flip);
      REQUIRE_FALSE(summary);
      REQUIRE_THAT(summary.error().message, Catch::Contains("bundle"));
    }
  }
  for (std::size_t kept = 0; kept < bytes.size(); ++kept) {
    auto summary = read(bytes.substr(0, kept));
    CAPTURE(kept);
    REQUIRE_FALSE(summary);
    REQUIRE(summary.error().message == "the bundle is cut off: its end is missing");
  }
  CHECK(read(bytes + "x").error().message == "damaged bundle: there is something behind its end");
}

TEST_CASE("a bundle that is well formed and lies is refused") {
  MadeLog log({2, 3, 1});
  SECTION("an event was changed, with every checksum right") {
    log.frames[1].public_bytes = "event X";
    auto summary = read(log.bundle(log.records({0, 1, 2}, kAll)));
    REQUIRE_FALSE(summary);
    CHECK_THAT(summary.error().message, Catch::Contains("chain hash of the block at event 1"));
  }
  SECTION("a block follows on another history") {
    log.blocks[1].previous[0] ^= 1;
    CHECK_THAT(read(log.bundle(log.records({0, 1, 2}, kAll))).error().message, Catch::Contains("does not follow"));
  }
  SECTION("it names another head") {
    Head head = log.head();
    head.chain[3] ^= 1;
    CHECK_THAT(read(log.bundle(log.records({0, 1, 2}, kAll), head)).error().message,
               Catch::Contains("not the head that it names"));
    head = log.head();
    head.head = head.last = 4;
    CHECK_THAT(read(log.bundle(log.records({0, 1, 2}, kAll), head)).error().message,
               Catch::Contains("behind the log's head"));
  }
  SECTION("a record that says nothing of use, with every checksum right") {
    const auto reads = [&](const std::string& records) { return read(log.bundle(records)); };
    std::string nowhere;
    put_block(nowhere, {0, 1, {}, {}});
    CHECK_THAT(reads(nowhere).error().message, Catch::Contains("without a place"));
    std::string first = log.records({0}, kAll);
    std::string empty;
    put_event(empty, {1, "", log::PersonalPart::kNone, ""});
    CHECK_THAT(reads(empty).error().message, Catch::Contains("wrong lengths"));
    std::string none;
    put_left_out(none, {});
    CHECK_THAT(reads(first + none).error().message, Catch::Contains("empty list"));
    Head head = log.head();
    head.first = head.last + 1;
    CHECK_THAT(read(log.bundle(first, head)).error().message, Catch::Contains("contradicts itself"));
  }
  SECTION("an end that is not its own") {
    std::string bytes = preamble();
    put_head(bytes, log.head());
    bytes += log.records({0, 1, 2}, kAll);
    put_end(bytes, Digest{1});
    CHECK(read(bytes).error().message == "damaged bundle: its digest is wrong");
  }
  SECTION("blocks come twice, or lack events") {
    CHECK_THAT(read(log.bundle(log.records({0, 0}, kAll))).error().message, Catch::Contains("overlap"));
    log.blocks[0].count = 1;
    CHECK_FALSE(read(log.bundle(log.records({0}, kAll))));
    std::string one;
    put_block(one, {1, 2, log.blocks[0].previous, {}});
    put_event(one, log.frames[0]);
    CHECK_THAT(read(log.bundle(one)).error().message, Catch::Contains("lacks events"));
  }
  SECTION("an event stands outside of a block, or records in a wrong order") {
    std::string loose;
    put_event(loose, log.frames[0]);
    CHECK_THAT(read(log.bundle(loose)).error().message, Catch::Contains("outside of any block"));
    std::string second;
    put_head(second, log.head());
    CHECK_THAT(read(log.bundle(second)).error().message, Catch::Contains("first record"));
  }
}

TEST_CASE("a bundle of a newer format says so") {
  MadeLog log({1});
  std::string bytes = log.bundle(log.records({0}, kAll));
  bytes[4] = 2;
  CHECK_THAT(read(bytes).error().message, Catch::Contains("format 2") && Catch::Contains("newer banger"));
}

TEST_CASE("a file has its name only once it is whole, and takes nobody's place") {
  TempDir dir;
  const std::string path = dir.path / "x.bundle";
  MadeLog log({2});
  {
    auto begun = BundleWriter::create(path, log.head());
    REQUIRE(begun);
    REQUIRE(begun->add(log.records({0}, kAll)));
    CHECK_FALSE(fs::exists(path));
  }
  CHECK(fs::is_empty(dir.path));  // given up
  auto writer = BundleWriter::create(path, log.head());
  REQUIRE(writer);
  REQUIRE(writer->add(log.records({0}, kAll)));
  REQUIRE(writer->finish());
  CHECK(std::distance(fs::directory_iterator(dir.path), {}) == 1);
  std::string schema;
  auto summary = read_bundle_file(path, [&](const Item& item) -> Status {
    if (const auto* found = std::get_if<Schema>(&item)) schema = found->text;
    return {};
  });
  REQUIRE(summary);
  CHECK(summary->events == 2);
  CHECK(schema == event_schema());
  CHECK_THAT(schema, Catch::Contains("vmStartRequested @14"));
  CHECK_FALSE(BundleWriter::create(path, log.head()));
  CHECK_FALSE(read_bundle_file(path + "2", [](const Item&) -> Status { return {}; }));
}

TEST_CASE("a bundle of nothing but digests holds no event, and is not whole") {
  MadeLog log({2});
  const auto summary = read(log.bundle(log.records({0}, [](Sequence) { return false; })));
  REQUIRE(summary);
  CHECK(summary->events == 0);
  CHECK(summary->left_out == 2);
  CHECK_FALSE(summary->whole());
}

TEST_CASE("a bundle that cannot be written is an error, and nobody's file is written over") {
  TempDir dir;
  MadeLog log({2});
  const auto error_of = [](const auto& result) { return result ? 0 : result.error().sys_errno; };
  CHECK(error_of(BundleWriter::create(dir.path / "gone" / "x.bundle", log.head())) == ENOENT);

  const std::string path = dir.path / "x.bundle";
  fs::create_directory(path + ".part");
  CHECK(error_of(BundleWriter::create(path, log.head())) == EISDIR);
  fs::remove(path + ".part");

  auto writer = BundleWriter::create(path, log.head());
  REQUIRE(writer);
  std::ofstream(path) << "another's";
  CHECK(error_of(writer->finish()) == EEXIST);
  std::stringstream there;
  there << std::ifstream(path).rdbuf();
  CHECK(there.str() == "another's");
}

// No file of this process grows beyond so many bytes, as on a disk that is full.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{bytes, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_CASE("a bundle that the disk has no room for leaves no file, whole or in part") {
  TempDir dir;
  MadeLog log({2});
  const std::string path = dir.path / "x.bundle";
  {
    const FullDisk full(4);
    CHECK(BundleWriter::create(path, log.head()).error().sys_errno == EFBIG);
  }
  for (const bool whole : {false, true}) {
    auto writer = BundleWriter::create(path, log.head());
    REQUIRE(writer);
    const FullDisk full(writer->bytes() + 10);
    const Status full_up = whole ? writer->finish() : writer->add(log.records({0}, kAll));
    CHECK(full_up.error().sys_errno == EFBIG);
  }
  CHECK(fs::is_empty(dir.path));
}

}  // namespace
}  // namespace banger::bundle
