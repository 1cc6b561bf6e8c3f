// A log out of bundles: the same sequences, digests and blocks, a new epoch; and nothing for what is not whole.
#include "events/log/import.h"

#include <filesystem>

#include "cli/bangerd/care/bundle_part.h"
#include "events/bundle/writer.h"
#include "events/peek.h"
#include "tests/catch.h"
#include "tests/cli/bangerd/stored_fleet.h"

namespace banger::bangerd {
namespace {

namespace fs = std::filesystem;

void write(test::StoredFleet& fleet, const std::string& path, Sequence first, Sequence last) {
  const log::Head head = fleet.log().head();
  auto writer = bundle::BundleWriter::create(path, {.store = fleet.log().store_id(), .epoch = head.epoch,
                                                    .head = head.sequence, .chain = head.chain});
  REQUIRE(writer);
  auto part = make_bundle_part(fleet.log(), fleet.store().interned, {.first = first, .last = last}, 0, 1 << 24);
  REQUIRE(part);
  REQUIRE(part->next == 0);
  REQUIRE(writer->add(part->records));
  REQUIRE(writer->finish());
}

Result<log::EventPlace> place_of(std::string_view bytes) {
  auto peeked = peek(bytes);
  if (!peeked) return std::unexpected(peeked.error());
  return log::EventPlace{peeked->stream, peeked->version, peeked->kind};
}

struct Target {
  explicit Target(const test::StoredFleet& fleet) : paths{fleet.dir() + "/new/log", fleet.dir() + "/new/anchor"} {}
  Result<log::Replaced> import(const std::vector<std::string>& files) const {
    return log::import_bundles(files, paths, place_of, [](Sequence, Sequence) {});
  }
  log::LogPaths paths;
};

std::string refusal(const Result<log::Replaced>& result) { return result ? "" : result.error().message; }

TEST_CASE("what is imported is the log that was exported, in a new epoch") {
  test::StoredFleet fleet(5);
  fleet.live(120, 7);
  const Target target(fleet);
  const std::string a = fleet.dir() + "/a.bundle", b = fleet.dir() + "/b.bundle";
  write(fleet, a, 1, 70);  // a block's end
  write(fleet, b, 71, 120);
  auto imported = target.import({a, b});
  if (!imported) FAIL(imported.error().message);
  CHECK(imported->head == 120);
  CHECK(imported->epoch.number == 2);
  CHECK(imported->epoch.reason == EpochReason::kRestored);
  auto verified = log::verify_log(target.paths, [](Sequence, Sequence) {});
  REQUIRE(verified);
  CHECK(verified->problems == std::vector<std::string>{});
  CHECK(verified->chain == fleet.log().head().chain);
  CHECK(verified->events == 120);

  auto opened = log::EventLog::open({.paths = target.paths, .ballast_bytes = 4096});
  REQUIRE(opened);
  SystemClock clock;
  StoredLog port(**opened, clock);
  auto store = load_store(port);
  REQUIRE(store);
  CHECK(store->fleet.vms == fleet.store().fleet.vms);
  for (Sequence n = 1; n <= 120; ++n) {
    CHECK((*opened)->event(n)->digest == fleet.log().event(n)->digest);
  }
  REQUIRE((*opened)->shutdown());
  CHECK_THAT(refusal(target.import({a, b})), Catch::Contains("empty data directory"));
}

TEST_CASE("what is not a whole log is refused, and leaves nothing") {
  test::StoredFleet fleet(5);
  fleet.live(60, 6);
  const Target target(fleet);
  const std::string late = fleet.dir() + "/late", early = fleet.dir() + "/early", gap = fleet.dir() + "/gap",
                    cut = fleet.dir() + "/cut";
  write(fleet, late, 31, 60);
  write(fleet, early, 1, 24);
  write(fleet, gap, 1, 26);  // ends inside of a block
  write(fleet, cut, 1, 60);
  fs::resize_file(cut, fs::file_size(cut) - 3);
  CHECK_THAT(refusal(target.import({late})), Catch::Contains("begins at event 31, and event 1 is needed"));
  CHECK_THAT(refusal(target.import({early, late})), Catch::Contains("event 25 is needed"));
  CHECK_THAT(refusal(target.import({gap})), Catch::Contains("digest only"));
  CHECK_THAT(refusal(target.import({cut})), Catch::Contains("cut off"));
  CHECK_FALSE(fs::exists(target.paths.db()));
}

}  // namespace
}  // namespace banger::bangerd
