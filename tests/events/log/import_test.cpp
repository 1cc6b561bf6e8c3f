// Bundles that cannot become one log, each whole by itself; and that whoever names the events can refuse them.
#include "events/log/import.h"

#include <filesystem>

#include "events/bundle/writer.h"
#include "tests/events/log/tamper.h"

namespace banger::log::test {
namespace {

namespace fs = std::filesystem;

// A log and bundles of whole commits of it.
struct Source {
  explicit Source(const LogPaths& paths) : open(paths) {
    for (Sequence first = 1; first <= 30; first += 10) open.commit(make_request(first, 10));
  }

  std::string bundle(const fs::path& path, Sequence first, Sequence last, Sequence but = 0,
                     std::optional<StoreId> store = {}) const {
    const Head head = open.log->head();
    auto writer = bundle::BundleWriter::create(path, {.purpose = bundle::Purpose::kArchive, .store = store.value_or(open.log->store_id()),
                                                      .epoch = head.epoch, .first = first, .last = last,
                                                      .head = head.sequence, .chain = head.chain});
    REQUIRE(writer);
    std::string records;
    REQUIRE(open.log->commits(first, [&](const Block& block) {
      if (block.first > last) return false;
      if (block.first == but) return true;
      bundle::put_block(records, {block.first, static_cast<std::uint32_t>(block.frames.size()), block.previous, block.chain});
      for (const Frame& frame : block.frames) bundle::put_event(records, frame);
      return true;
    }));
    REQUIRE(writer->add(records));
    REQUIRE(writer->finish());
    return path;
  }

  OpenLog open;
};

// Each event says its number, and a stream of its own is enough for each.
Result<EventPlace> place_of(std::string_view bytes) {
  return EventPlace{{StreamKind::kVm, std::stoull(std::string(bytes.substr(6)))}, 1, 1};
}

TEST_CASE("bundles of several stores or histories, with gaps or of unknown events are no log") {
  const TempDir dir;
  const Source source(dir.log());
  const LogPaths target{dir.path() / "new", dir.path() / "new-anchor"};
  const auto why = [&](const std::vector<std::string>& files, const Indexer& index = place_of) {
    const auto made = import_bundles(files, target, index, [](Sequence, Sequence) {});
    return made ? std::string() : made.error().message;
  };
  const std::string begin = source.bundle(dir.path() / "begin", 1, 10);
  const std::string end = source.bundle(dir.path() / "end", 11, 30);
  CHECK_THAT(why({source.bundle(dir.path() / "gap", 1, 30, 11)}), Catch::Contains("it has gaps"));
  CHECK_THAT(why({end}), Catch::Contains("begins at event 11, and event 1 is needed"));
  CHECK_THAT(why({dir.path() / "gone"}), Catch::Contains("gone"));

  const Source other({dir.path() / "other", dir.path() / "other-anchor"});
  const std::string strange = other.bundle(dir.path() / "strange", 11, 30);
  CHECK_THAT(why({begin, strange}), Catch::Contains("of another history"));
  CHECK_THAT(why({begin, source.bundle(dir.path() / "named", 11, 30, 0, StoreId{7, 7})}), Catch::Contains("of another store"));

  const auto unknown = [](std::string_view bytes) -> Result<EventPlace> {
    if (bytes.starts_with("event 17 ")) return fail("no such kind");
    return place_of(bytes);
  };
  CHECK_THAT(why({begin, end}, unknown), Catch::Contains("event 17: no such kind"));
  CHECK_FALSE(fs::exists(target.db()));

  REQUIRE(why({begin, end}).empty());  // over what the tries before have left
  const auto report = verify_log(target, {});
  REQUIRE(report);
  CHECK(report->ok());
  CHECK(report->chain == source.open.log->head().chain);
}

TEST_CASE("a log that is there is not imported into, with events or unreadable; an empty one is taken away") {
  const TempDir dir;
  const Source source(dir.log());
  const std::string all = source.bundle(dir.path() / "all", 1, 30);
  const LogPaths target{dir.path() / "new", dir.path() / "new-anchor"};
  make_log(target, 10);
  fs::remove(target.anchor_file());
  const auto import = [&] { return import_bundles({all}, target, place_of, [](Sequence, Sequence) {}); };
  CHECK_THAT(import().error().message, Catch::Contains("the log has 10 events"));
  fs::remove_all(target.path);
  fs::remove_all(target.anchor_dir);
  make_log(target, 0);
  REQUIRE(import());
  CHECK(head_of(target) == 30);
}

}  // namespace
}  // namespace banger::log::test
