// Which unit should the log store: a key per event, or a block per commit? Appends and replays the
// same events both ways on raw RocksDB. docs/adr/0001-block-as-stored-unit.md holds the answer and
// the figures. Usage: banger-unit-bench DIRECTORY [replayed events, default 1000000]; prints one
// JSON object a line.
#include <rocksdb/db.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "events/assert.h"
#include "events/log/block.h"
#include "events/log/bytes.h"

namespace {

using namespace banger;
using namespace banger::log;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kEventBytes = 200;

struct Unit {
  const char* name;
  bool block;
};

double seconds_of(const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Half noise and half words, so that LZ4 has about as much to do as with real events.
std::string make_event(Sequence sequence) {
  std::string bytes;
  std::uint64_t noise = sequence * 0x9e3779b97f4a7c15u + 1;
  while (bytes.size() < kEventBytes / 2) {
    noise ^= noise << 13, noise ^= noise >> 7, noise ^= noise << 17;
    put_le(bytes, noise);
  }
  while (bytes.size() < kEventBytes) bytes += "vm running, ready ";
  bytes.resize(kEventBytes);
  return bytes;
}

class Store {
 public:
  explicit Store(const std::string& path) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.compression = rocksdb::kLZ4Compression;
    options.write_buffer_size = 8u << 20;
    rocksdb::DB* db = nullptr;
    check(rocksdb::DB::Open(options, path, &db));
    db_.reset(db);
  }

  void append(const Unit& unit, Sequence first, std::size_t count, bool sync) {
    std::vector<std::string> events;
    for (std::size_t i = 0; i < count; ++i) events.push_back(make_event(first + i));
    std::vector<Frame> frames;
    for (std::size_t i = 0; i < count; ++i) frames.push_back({first + i, events[i], {}, {}});
    rocksdb::WriteBatch batch(0, 0, 8, 0);
    if (unit.block) {
      put(batch, first, std::span(frames));
    } else {
      for (const Frame& frame : frames) put(batch, frame.sequence, std::span(&frame, 1));
    }
    for (const Frame& frame : frames) {  // the stream index, which both ways need
      std::string key = "s";
      put_be(key, frame.sequence % 10'000);
      put_be(key, frame.sequence);
      check(batch.Put(key, "12345678"));
    }
    rocksdb::WriteOptions options;
    options.sync = sync;
    check(db_->Write(options, &batch));
  }

  void settle() { check(db_->CompactRange({}, nullptr, nullptr)); }

  [[nodiscard]] Sequence replay() const {
    rocksdb::ReadOptions options;
    options.total_order_seek = true;
    options.readahead_size = 2u << 20;
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
    Block block;
    Sequence events = 0;
    std::uint64_t fold = 0;
    for (it->Seek("e"); it->Valid() && it->key()[0] == 'e'; it->Next()) {
      BANGER_ASSERT(decode_block(it->value().ToStringView(), block).has_value());
      for (const Frame& frame : block.frames) {
        fold += static_cast<unsigned char>(frame.public_bytes[7]);
        ++events;
      }
    }
    check(it->status());
    BANGER_ASSERT(fold != 0);
    return events;
  }

 private:
  static void check(const rocksdb::Status& status) {
    if (status.ok()) return;
    std::fprintf(stderr, "unit_bench: %s\n", status.ToString().c_str());
    std::exit(1);
  }

  void put(rocksdb::WriteBatch& batch, Sequence first, std::span<const Frame> frames) {
    std::string key = "e";
    put_be(key, first);
    EncodedBlock block = encode_block(previous_, frames, hasher_);
    previous_ = block.chain;
    check(batch.Put(key, block.bytes));
  }

  std::unique_ptr<rocksdb::DB> db_;
  Hasher hasher_;
  Digest previous_{};
};

void run(const std::string& directory, const Unit& unit, std::size_t batch, Sequence replayed) {
  const std::string path = directory + "/unit-bench-store";
  std::filesystem::remove_all(path);
  const std::size_t commits = batch == 100 ? 2'000 : 5'000;
  double append = 0;
  {
    Store store(path);
    append = seconds_of([&] {
      for (std::size_t i = 0; i < commits; ++i) store.append(unit, 1 + i * batch, batch, true);
    });
  }
  std::filesystem::remove_all(path);
  double replay = 0;
  {
    Store store(path);
    for (Sequence first = 1; first <= replayed; first += batch) {
      store.append(unit, first, batch, false);
    }
    store.settle();
    BANGER_ASSERT(store.replay() == replayed);  // warms the page cache
    replay = seconds_of([&] { BANGER_ASSERT(store.replay() == replayed); });
  }
  std::uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".sst") bytes += entry.file_size();
  }
  std::filesystem::remove_all(path);
  const double events = static_cast<double>(commits * batch);
  std::printf(
      "{\"unit\":\"%s\",\"batch\":%zu,\"commits_per_s\":%.0f,\"appended_events_per_s\":%.0f,"
      "\"replayed_events_per_s\":%.0f,\"stored_bytes_per_event\":%.0f}\n",
      unit.name, batch, static_cast<double>(commits) / append, events / append,
      static_cast<double>(replayed) / replay,
      static_cast<double>(bytes) / static_cast<double>(replayed));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: banger-unit-bench DIRECTORY [EVENTS]\n");
    return 2;
  }
  const Sequence replayed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000;
  for (std::size_t batch : {1u, 10u, 100u}) {
    for (const Unit& unit : {Unit{"event", false}, Unit{"block", true}}) {
      run(argv[1], unit, batch, replayed / batch * batch);
    }
  }
}
