// Bundles out of a real log, page by page, as an export asks for them: whatever the page's size, they prove
// themselves and hold what was chosen.
#include "cli/bangerd/care/bundle_part.h"

#include <sstream>

#include "events/bundle/reader.h"
#include "events/codec.h"
#include "tests/catch.h"
#include "tests/cli/bangerd/stored_fleet.h"

namespace banger::bangerd {
namespace {

struct Taken {
  bundle::Summary summary;
  std::vector<EventRecord> records;
  std::size_t pages = 0;
};

Taken take(test::StoredFleet& fleet, const rpc::BundleSelection& selection, std::size_t max_bytes) {
  const log::Head head = fleet.log().head();
  std::string bytes = bundle::preamble();
  bundle::put_head(bytes, {.store = fleet.log().store_id(), .epoch = head.epoch, .head = head.sequence, .chain = head.chain});
  Taken taken;
  for (Sequence cursor = 0;;) {
    auto part = make_bundle_part(fleet.log(), fleet.store().interned, selection, cursor, max_bytes);
    REQUIRE(part);
    bytes += part->records;
    ++taken.pages;
    if (part->next == 0) break;
    REQUIRE(part->next > cursor);
    cursor = part->next;
  }
  log::Hasher hasher;
  bundle::put_end(bytes, hasher.of(bytes));
  std::istringstream in(bytes);
  Interned interned;
  auto summary = bundle::read_bundle(in, [&](const bundle::Item& item) -> Status {
    if (const auto* entry = std::get_if<InternedEntry>(&item)) return interned.load(*entry);
    if (const auto* event = std::get_if<bundle::Event>(&item)) {
      auto record = decode(event->frame.public_bytes, event->frame.personal_bytes(), interned);
      if (!record) return std::unexpected(record.error());
      taken.records.push_back(*std::move(record));
    }
    return {};
  });
  if (!summary) FAIL(summary.error().message);
  taken.summary = *summary;
  return taken;
}

TEST_CASE("what was merged since is taken commit by commit, with the chain's own steps") {
  test::StoredFleet fleet(5);
  fleet.live(700, 1);
  const Taken all = take(fleet, {.first = 1, .last = 700}, std::size_t{1} << 14);
  CHECK(all.summary.events == 700);
  CHECK(all.summary.blocks == 700);
  CHECK(all.summary.whole());
  CHECK(take(fleet, {.first = 300, .last = 310}, 600).summary.events == 11);
}

TEST_CASE("a range is whole, wherever blocks and pages end") {
  test::StoredFleet fleet(5);
  fleet.live(60, 7);
  fleet.live(20, 1);
  for (const std::size_t page : {std::size_t{1}, std::size_t{600}, std::size_t{1} << 20}) {
    CAPTURE(page);
    Taken all = take(fleet, {.first = 1, .last = 80}, page);
    CHECK(all.summary.events == 80);
    CHECK(all.summary.whole());
    CHECK(all.summary.left_out == 0);
    CHECK(all.summary.gaps == 0);
    CHECK(all.summary.reaches_head);
    Taken some = take(fleet, {.first = 10, .last = 17}, page);
    CHECK(some.summary.first == 10);
    CHECK(some.summary.last == 17);
    CHECK(some.summary.whole());
    CHECK(some.summary.left_out == 6);  // 8, 9, 18, 19, 20 and 21 have a chosen one in their block
    CHECK((page == 1) == (some.pages > 8));  // the smallest page has one event and what comes before the next
  }
}

TEST_CASE("a VM's events are all there, and those of others are digests") {
  test::StoredFleet fleet(4);
  fleet.live(200, 9);
  const StreamId stream = fleet.store().history.begin()->first;
  auto sequences = fleet.log().stream_events(stream, 1, 1000);
  REQUIRE(sequences);
  for (const std::size_t page : {std::size_t{1}, std::size_t{2000}}) {
    Taken taken = take(fleet, {.others = *sequences}, page);
    REQUIRE(taken.records.size() == sequences->size());
    for (std::size_t i = 0; i < taken.records.size(); ++i) {
      CHECK(taken.records[i].envelope.sequence == (*sequences)[i]);
      CHECK(taken.records[i].envelope.stream == stream);
      CHECK(taken.records[i].envelope.version == i + 1);
    }
    CHECK(taken.summary.left_out > taken.summary.events);
  }
  // Named a few at a time, as a long stream is, they make the same bundle.
  std::string whole, pieces;
  auto all = make_bundle_part(fleet.log(), fleet.store().interned, {.others = *sequences}, 0, 1 << 20);
  REQUIRE(all);
  REQUIRE(sequences->size() > 6);
  Sequence cursor = 0;
  for (std::size_t from = 0; from < sequences->size(); from += 3) {
    const std::size_t to = std::min(from + 3, sequences->size());
    rpc::BundleSelection few{.others = {sequences->begin() + static_cast<std::ptrdiff_t>(from),
                                        sequences->begin() + static_cast<std::ptrdiff_t>(to)},
                             .more_others = to < sequences->size()};
    auto part = make_bundle_part(fleet.log(), {}, few, cursor, 1 << 20);
    REQUIRE(part);
    pieces += part->records;
    cursor = part->next == 0 ? few.others.back() + 1 : part->next;
  }
  auto bare = make_bundle_part(fleet.log(), {}, {.others = *sequences}, 0, 1 << 20);
  REQUIRE(bare);
  CHECK(bare->records.size() < all->records.size());  // without what is interned
  const auto count = [](std::string_view records, bundle::RecordKind kind) {
    std::size_t found = 0;
    while (!records.empty()) {
      const auto bytes = bundle::record_bytes(records.substr(0, bundle::kRecordHeaderBytes));
      REQUIRE(bytes);
      if (bundle::open_record(records.substr(0, *bytes))->kind == kind) ++found;
      records.remove_prefix(*bytes);
    }
    return found;
  };
  CHECK(count(pieces, bundle::RecordKind::kBlock) == count(bare->records, bundle::RecordKind::kBlock));
  CHECK(count(pieces, bundle::RecordKind::kEvent) == sequences->size());
}

TEST_CASE("what is not there cannot be chosen") {
  test::StoredFleet fleet(2);
  fleet.live(10, 3);
  CHECK_FALSE(make_bundle_part(fleet.log(), fleet.store().interned, {.first = 5, .last = 11}, 0, 1000));
  CHECK_FALSE(make_bundle_part(fleet.log(), fleet.store().interned, {.others = {3, 12}}, 0, 1000));
  auto none = make_bundle_part(fleet.log(), fleet.store().interned, {}, 0, 1000);
  REQUIRE(none);
  CHECK(none->records.empty());
  CHECK(none->next == 0);
}

}  // namespace
}  // namespace banger::bangerd
