// replay of a bundle as a user sees it: no daemon, the state after each event, and what would have been done.
#include <filesystem>

#include "events/bundle/writer.h"
#include "events/codec.h"
#include "tests/cli/bangerctl/stub_state.h"
#include "tests/cli/bangerctl/support.h"
#include "tests/support/json_lines.h"

#include <nlohmann/json.hpp>

namespace banger::ctl::test {
namespace {

using Json = nlohmann::json;

// The stub's made-up history as a bundle of one block.
void write_bundle(const std::string& path) {
  log::Hasher hasher;
  Interned interned;
  std::vector<EventBytes> bytes;
  for (const EventRecord& record : stub::sample_log()) bytes.push_back(encode(record, interned, Salt{}));
  std::vector<log::Frame> frames;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const bool personal = !bytes[i].personal.empty();
    frames.push_back({i + 1, bytes[i].open, personal ? log::PersonalPart::kPresent : log::PersonalPart::kNone,
                      bytes[i].personal});
  }
  const StoreId store{1, 2};
  const Digest genesis = log::genesis_of(store, hasher);
  const auto block = log::encode_block(genesis, frames, hasher);
  auto writer = bundle::BundleWriter::create(path, {.store = store, .epoch = 1, .first = 1, .last = frames.size(),
                                                    .head = frames.size(), .chain = block.chain, .about = "all"});
  REQUIRE(writer);
  std::string records;
  for (const InternedEntry& entry : interned.all()) bundle::put_interned(records, entry);
  bundle::put_block(records, {1, static_cast<std::uint32_t>(frames.size()), genesis, block.chain});
  for (const log::Frame& frame : frames) bundle::put_event(records, frame);
  REQUIRE(writer->add(records));
  REQUIRE(writer->finish());
}

TEST_CASE("a bundle is replayed without a daemon: each event, the state after it, the plan") {
  Place place;
  const std::string path = place.path("incident.bundle");
  write_bundle(path);
  const Ran json = place.run({"--no-autostart", "replay", path, "-o", "json"});
  INFO(json.err);
  REQUIRE(json.code == 0);
  const auto events = banger::test::json_lines(json.out);
  REQUIRE(events.size() == stub::sample_log().size());
  bool started = false;
  for (const Json& event : events) {
    CHECK(event.at("digest").get<std::string>().size() == 64);
    if (event.at("kind") != "vm_start_requested") continue;
    started = true;
    CHECK(event.at("state").at("state") == "starting");
    REQUIRE(event.at("plan").size() == 1);
    CHECK(event.at("plan")[0].at("effect") == "spawn_vmm");
    CHECK(event.at("plan")[0].at("fence") == event.at("sequence"));
  }
  CHECK(started);

  const Ran table = place.run({"replay", path});
  INFO(table.err);
  REQUIRE(table.code == 0);
  CHECK_THAT(table.out, Catch::Contains("state  state: created -> starting"));
  CHECK_THAT(table.out, Catch::Contains("plan   spawn_vmm vm/"));
  CHECK(banger::test::json_lines(place.run({"replay", path, "--until", "3", "-o", "json"}).out).size() == 3);
  CHECK_FALSE(std::filesystem::exists(place.data("lock")));  // nobody was asked, nobody was started
}

TEST_CASE("--step waits for a word after each event") {
  Place place;
  const std::string path = place.path("incident.bundle");
  write_bundle(path);
  CHECK(banger::test::json_lines(place.run({"replay", path, "--step", "-o", "json"}, "\n\nq\n").out).size() == 3);
  CHECK(banger::test::json_lines(place.run({"replay", path, "--step", "-o", "json"}, "").out).size() == 1);
}

TEST_CASE("a damaged bundle is refused before its first event is shown") {
  Place place;
  const std::string path = place.path("incident.bundle");
  write_bundle(path);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  const Ran ran = place.run({"replay", path});
  CHECK(ran.code == 1);
  CHECK_THAT(ran.err, Catch::Contains("the bundle is cut off"));
  CHECK(ran.out.find("vm_") == std::string::npos);
  CHECK(place.run({"replay", place.path("nowhere")}).code == 2);
}

}  // namespace
}  // namespace banger::ctl::test
