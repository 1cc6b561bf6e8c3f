// A running daemon whose oldest events go into a file: it answers as it did before; and without the file it says
// what it cannot answer.
#include <algorithm>
#include <filesystem>

#include "cli/bangerd/adapters.h"
#include "engine/runtime/store.h"
#include "tests/e2e/offline_log.h"
#include "tests/support/json_lines.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const std::string kConfig = "tick_ms = 500\n[vmm]\nprogram = \"" BANGER_STUB_VMM
                            "\"\naccel = \"tcg\"\n[log]\nballast_mib = 1\nshadow_fold_s = 0\n";
constexpr std::size_t kChanges = 6000;

// A long life of the VM: it is changed again and again, as the runtime would have written that.
void live_long(const Sandbox& banger, const std::string& name) {
  const OfflineLog offline(banger);
  bangerd::SystemClock clock;
  bangerd::SystemEntropy entropy;
  bangerd::StoredLog port(*offline.log, clock);
  auto store = load_store(port);
  REQUIRE(store);
  const VmRuntime vm = store->fleet.vms.at(store->fleet.vm_names.at(name));
  StreamVersion version = store->fleet.version_of(stream_of(vm.id));
  for (std::size_t done = 0; done < kChanges;) {
    std::vector<EventRecord> records;
    for (std::size_t i = 0; i < 20; ++i, ++done) {
      VmSettings settings = vm.settings;
      settings.memory_mib = 256 + static_cast<std::uint32_t>(done % 7);
      records.push_back({{.sequence = store->fleet.last + 1 + i,
                          .stream = stream_of(vm.id),
                          .version = ++version,
                          .command = {7, done + 1},
                          .correlation = {7, done + 1},
                          .actor = {1000, "ann", "bangerctl"},
                          .time_ns = vm.created_at_ns + static_cast<std::int64_t>(done) * 1000,
                          .boot = {1, 1}},
                         VmChanged{settings}});
    }
    REQUIRE(offline.log->append(fold_and_encode(*store, port, records, entropy)) != 0);
  }
}

// What does not change when a daemon starts or something is recorded at the end of the log.
struct Answers {
  std::string listed, reversed, history, shown, why, followed;
  Json verified, projections;

  friend bool operator==(const Answers&, const Answers&) = default;
};

std::string said(const Sandbox& banger, const std::vector<std::string>& words) {
  const Ran ran = banger.ctl(words);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  return ran.out;
}

Answers ask(const Sandbox& banger, std::uint64_t last) {
  const std::string until = std::to_string(last);
  Answers answers{
      .listed = said(banger, {"events", "ls", "--until", until, "-o", "json"}),
      .reversed = said(banger, {"events", "ls", "--until", until, "-r", "--limit", "5000", "-o", "json"}),
      .history = said(banger, {"vm", "history", "web", "-o", "json"}),
      .shown = said(banger, {"vm", "show", "web", "--at", "1234", "-o", "json"}),
      .why = said(banger, {"events", "why", "2345", "-o", "json"}),
      .followed = said(banger, {"events", "follow", "--since", "1", "--limit", until, "-o", "json"}),
      .verified = banger.json({"log", "verify"}),
      .projections = banger.json({"projection", "verify"})};
  CHECK(answers.verified.at("ok") == true);
  CHECK(answers.projections.at("drifted") == 0);
  for (const char* moving : {"events", "blocks", "head_sequence", "chain", "rows", "folded_to"}) {
    answers.verified.erase(moving);
  }
  answers.projections = answers.projections.at("drifted");
  return answers;
}

TEST_CASE("a daemon that archives half of its log gives the same answers, also after a restart") {
  Sandbox banger(kConfig);
  banger.make_stub_image();
  REQUIRE(banger.ctl({"vm", "create", "--name", "web", "--image", "base", "--memory", "256MiB", "--no-start"}).code == 0);
  live_long(banger, "web");
  const std::uint64_t last = banger.json({"log", "stat"}).at("last_sequence");
  REQUIRE(last > kChanges);
  const Answers before = ask(banger, last);
  REQUIRE(banger::test::json_lines(before.listed).size() == last);

  const Json none = banger.json({"log", "archive", "--before", "2"});
  CHECK(none.at("events") == 0);
  CHECK(none.at("file").is_null());
  const Json dry = banger.json({"log", "archive", "--before", "now", "--dry-run"});
  CHECK(dry.at("events").get<std::uint64_t>() > last / 2);
  CHECK(dry.at("last_sequence").get<std::uint64_t>() <= 4096);  // the times of what is newer are still being kept
  CHECK(dry.at("recorded_as").is_null());
  const fs::path directory = banger.data() + "/log/archive";
  CHECK_FALSE(fs::exists(directory));
  CHECK(ask(banger, last) == before);

  const Json first = banger.json({"log", "archive", "--before", "2000"});
  CHECK(first.at("first_sequence") == 1);
  CHECK(first.at("last_sequence").get<std::uint64_t>() < 2000);
  const Json second = banger.json({"log", "archive", "--before", "now"});
  CHECK(second.at("first_sequence") == first.at("last_sequence").get<std::uint64_t>() + 1);
  CHECK(second.at("last_sequence") == dry.at("last_sequence"));
  const std::string file = directory / second.at("file").get<std::string>();
  CHECK(fs::file_size(file) == second.at("file_bytes"));
  CHECK(ask(banger, last) == before);
  const auto recorded =
      banger::test::json_lines(said(banger, {"events", "ls", "--kind", "log_archived", "-o", "json"}));
  REQUIRE(recorded.size() == 2);
  CHECK(recorded[1].at("sequence") == second.at("recorded_as"));
  CHECK(recorded[1].at("data").at("file") == second.at("file"));
  const Json stat = banger.json({"log", "stat"});
  CHECK(stat.at("first_sequence") == 1);
  CHECK(stat.at("archives").size() == 2);
  const Json df = banger.json({"df"});
  CHECK(std::ranges::any_of(df, [](const Json& each) { return each.at("class") == "archives" && each.at("files") >= 2; }));

  banger.kill_daemon();
  CHECK(ask(banger, last) == before);

  // Moved away, a part of the past is missing, and everybody says so.
  const std::string away = banger.dir() + "/cold";
  fs::rename(file, away);
  const Ran damaged = banger.ctl({"log", "verify"});
  CHECK(damaged.code == 1);
  CHECK(damaged.out.find(second.at("file").get<std::string>()) != std::string::npos);
  CHECK(damaged.out.find("put it back") != std::string::npos);
  const std::string gap = "\"gap\":{\"from\":1,\"to\":" + second.at("last_sequence").dump() + "}";
  banger.kill_daemon();
  const Ran listed = banger.ctl({"events", "ls", "--since", "1", "--limit", "1", "-o", "json"});
  CHECK(listed.code == 0);
  CHECK(listed.out.find(gap) != std::string::npos);
  const Ran followed = banger.ctl({"events", "follow", "--since", "1", "--limit", "1", "-o", "json"});
  CHECK(followed.code == 0);
  CHECK(followed.out.find(gap) != std::string::npos);
  const Ran shown = banger.ctl({"events", "show", "3000"});
  CHECK(shown.code != 0);
  CHECK(shown.err.find(second.at("file").get<std::string>()) != std::string::npos);
  CHECK(banger.json({"vm", "show", "web"}).at("name") == "web");
  CHECK_FALSE(banger.json({"log", "stat"}).at("archives")[1].at("problem").is_null());
  fs::rename(away, file);
  CHECK(ask(banger, last) == before);

  CHECK(banger.ctl({"vm", "rm", "web"}).code == 0);
  CHECK(banger.leave() == "");
}

}  // namespace
}  // namespace banger::e2e
