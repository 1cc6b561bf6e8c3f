// The log and its projections taken care of, as a user does it: bundles out and in, drift found and mended, a copy,
// an erasure, a stream that cannot be read. No guest is booted here.
#include <csignal>
#include <filesystem>
#include <fstream>

#include "events/log/maintain.h"
#include "projections/rows.h"
#include "tests/catch.h"
#include "tests/e2e/offline_log.h"
#include "tests/e2e/sandbox.h"
#include "tests/support/json_lines.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const std::string kConfig = "tick_ms = 500\n[vmm]\nprogram = \"" BANGER_STUB_VMM
                            "\"\naccel = \"tcg\"\n[log]\nballast_mib = 1\nshadow_fold_s = ";

void create(const Sandbox& banger, const std::string& name) {
  const Ran ran = banger.ctl({"vm", "create", "--name", name, "--image", "base", "--memory", "256MiB", "--no-start"});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
}

TEST_CASE("a VM's events leave as a bundle that is replayed elsewhere, and a whole log is made of one") {
  Sandbox banger(kConfig + "0\n");
  banger.make_stub_image();
  create(banger, "web");
  create(banger, "other");
  const std::string incident = banger.dir() + "/incident.bundle", whole = banger.dir() + "/whole.bundle";
  const Json about = banger.json({"events", "export", incident, "--vm", "web"});
  CHECK(about.at("events") == 1);
  CHECK(about.at("about") == "vm web");
  const auto events = banger::test::json_lines(banger.ctl({"replay", incident, "-o", "json"}).out);
  REQUIRE(events.size() == 1);
  CHECK(events[0].at("kind") == "vm_created");
  CHECK(events[0].at("state").at("state") == "created");
  CHECK(events[0].at("digest").get<std::string>().size() == 64);
  CHECK(banger.ctl({"events", "export", incident, "--vm", "web"}).code == 1);  // nobody's file is overwritten

  const auto last = banger::test::json_lines(banger.ctl({"events", "ls", "-r", "--limit", "1", "-o", "json"}).out).at(0);
  CHECK(banger.json({"events", "export", banger.dir() + "/times.bundle", "--since", "yesterday", "--until", "now"})
            .at("about") == "events 1 to " + last.at("sequence").dump());
  const Json since = banger.json({"events", "export", banger.dir() + "/since.bundle", "--since",
                                  last.at("time").get<std::string>(), "--until", "#" + last.at("sequence").dump()});
  CHECK(since.at("last_sequence") == last.at("sequence"));
  CHECK(since.at("about").get<std::string>().ends_with(" to " + last.at("sequence").dump()));
  CHECK(banger.ctl({"events", "export", banger.dir() + "/none.bundle", "--until", "2001-01-01"})
            .err.find("no events within these times") != std::string::npos);
  CHECK(banger.ctl({"events", "export", banger.dir() + "/none.bundle", "--since", "soon"}).code == 2);
  CHECK(banger.ctl({"events", "export", banger.dir() + "/none.bundle", "--since", "99999"})
            .err.find("the last is") != std::string::npos);
  CHECK_FALSE(fs::exists(banger.dir() + "/none.bundle"));
  const Json all = banger.json({"events", "export", whole});
  const auto vms = banger.json({"vm", "ls"});
  CHECK(banger.ctl({"events", "import", whole}).err.find("open in another process") != std::string::npos);
  REQUIRE(banger.ctl({"daemon", "stop"}).code == 0);
  REQUIRE(eventually([&] { return banger.daemon() == 0; }));
  CHECK(banger.ctl({"events", "import", whole}).err.find("empty data directory") != std::string::npos);
  fs::remove_all(banger.data() + "/log");
  fs::remove_all(banger.data() + "/anchor");
  CHECK(banger.ctl({"events", "import", incident}).code == 1);
  const Json imported = banger.json({"events", "import", whole});
  CHECK(imported.at("head") == all.at("last_sequence"));
  CHECK(imported.at("epoch").at("number") == 2);
  CHECK(banger.json({"vm", "ls"}) == vms);
  CHECK(banger.json({"log", "verify"}).at("ok") == true);
  const auto epochs = banger::test::json_lines(banger.ctl({"events", "ls", "--kind", "log_epoch_began", "-o", "json"}).out);
  REQUIRE(epochs.size() == 1);
  CHECK(epochs[0].at("data").at("reason") == "restored");
  CHECK(banger.ctl({"vm", "rm", "web", "other"}).code == 0);
  CHECK(banger.leave() == "");
}

TEST_CASE("rows that somebody changed are found by the daemon itself, shown, and written anew") {
  Sandbox banger(kConfig + "1\n");
  banger.make_stub_image();
  create(banger, "web");
  CHECK(banger.json({"projection", "verify"}).at("drifted") == 0);
  {
    OfflineLog offline(banger);
    log::AppendRequest request;
    REQUIRE(offline.log->rows(kVmRuntime.name, kVmRuntime.version, [&](std::string_view key, std::string_view value) {
      auto vm = parse_vm_row(value);
      REQUIRE(vm);
      vm->settings.memory_mib = 4096;
      request.rows.push_back({std::string(kVmRuntime.name), kVmRuntime.version, std::string(key), row_bytes(*vm)});
      return true;
    }));
    REQUIRE(request.rows.size() == 1);
    offline.log->append(std::move(request));
  }
  CHECK(banger.json({"vm", "show", "web"}).at("settings").at("memory_mib") == 4096);
  CHECK(eventually([&] {
    return !banger::test::json_lines(banger.ctl({"events", "ls", "--kind", "projection_drifted", "-o", "json"}).out).empty();
  }));
  CHECK(banger.json({"reconcile", "status"}).at("drifted_rows") == 1);
  // A check that runs by itself at that moment is waited for.
  Ran diff;
  CHECK(eventually([&] {
    diff = banger.ctl({"projection", "diff"});
    return diff.err.find("being checked already") == std::string::npos;
  }));
  INFO(diff.out << diff.err);
  CHECK(diff.code == 1);
  CHECK(diff.out.find("settings.memory_mib: stored 4096, the log makes it 256") != std::string::npos);
  CHECK(eventually([&] { return banger.ctl({"projection", "rebuild"}).code == 0; }));
  CHECK(banger.json({"vm", "show", "web"}).at("settings").at("memory_mib") == 256);
  CHECK(eventually([&] { return banger.ctl({"log", "verify"}).code == 0; }));
  const auto alarms = banger::test::json_lines(banger.ctl({"events", "ls", "--kind", "projection_drifted", "-o", "json"}).out);
  CHECK(alarms.size() == 1);  // said once, however often it was found
  CHECK(banger.ctl({"vm", "rm", "web"}).code == 0);
  CHECK(banger.leave() == "");
}

TEST_CASE("an image whose event cannot be read is parked, and image ls says so as vm ls does") {
  Sandbox banger(kConfig + "0\n");
  banger.make_stub_image();
  banger.make_stub_image("second");
  const Json images = banger.json({"image", "ls"});
  REQUIRE(images.size() == 2);
  for (const Json& image : images) CHECK(image.at("parked").is_null());
  const StreamId stream{StreamKind::kImage, *parse_hex64(images[0].at("id").get<std::string>())};
  {
    OfflineLog offline(banger);
    const auto events = offline.log->stream_events(stream, 1, 100);
    REQUIRE(events);
    log::AppendRequest request;
    request.events.push_back({.sequence = offline.log->next_sequence(),
                              .stream = stream,
                              .stream_version = events->size() + 1,
                              .kind = ImageReady::kKind,
                              .public_bytes = "poison"});
    offline.log->append(std::move(request));
  }
  const Ran table = banger.ctl({"image", "ls"});
  REQUIRE(table.code == 0);
  CHECK(table.out.find("parked") != std::string::npos);
  CHECK(table.out.find("ready") != std::string::npos);  // the other one
  CHECK(table.err.find("cannot be read") != std::string::npos);
  const Json after = banger.json({"image", "ls"});
  CHECK(after[0].at("parked").get<std::string>().find("cannot be read") != std::string::npos);
  CHECK(after[1].at("parked").is_null());
  CHECK(banger.ctl({"image", "rm", images[0].at("name").get<std::string>()}).code == 1);
  CHECK(banger.ctl({"image", "rm", images[1].at("name").get<std::string>()}).code == 0);
  CHECK(banger.leave() == "");
}

TEST_CASE("an event that cannot be read parks its VM and nothing else, and every view says so") {
  Sandbox banger(kConfig + "0\n");
  banger.make_stub_image();
  create(banger, "web");
  create(banger, "other");
  const Json web = banger.json({"vm", "show", "web"});
  {
    OfflineLog offline(banger);
    log::AppendRequest request;
    request.events.push_back({.sequence = offline.log->next_sequence(),
                              .stream = stream_of(*VmId::parse(web.at("id").get<std::string>())),
                              .stream_version = web.at("version").get<std::uint64_t>() + 1,
                              .kind = VmStopped::kKind,
                              .public_bytes = "poison"});
    offline.log->append(std::move(request));
  }
  const Ran table = banger.ctl({"vm", "ls"});
  REQUIRE(table.code == 0);
  CHECK(table.out.find("parked") != std::string::npos);
  CHECK(table.err.find("cannot be read") != std::string::npos);
  CHECK(banger.json({"vm", "show", "web"}).at("parked").get<std::string>().find("cannot be read") != std::string::npos);
  CHECK(banger.json({"vm", "show", "other"}).at("parked").is_null());
  CHECK(banger.json({"reconcile", "status"}).at("parked") == 1);
  CHECK(banger.ctl({"vm", "rm", "web"}).code == 1);
  CHECK(banger.ctl({"vm", "rm", "other"}).code == 0);
  CHECK(banger.json({"log", "verify"}).at("ok") == true);
  CHECK(banger.leave() == "");
}

// Those below a directory that hold this text.
std::vector<std::string> files_with(const std::string& dir, const std::string& text) {
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    if (bytes.find(text) != std::string::npos) found.push_back(entry.path());
  }
  return found;
}

// What every view says once the VM's only command was erased.
void check_erased(const Sandbox& banger, const std::string& secret, const Json& exec) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"vm", "history", "web"},
           {"vm", "history", "web", "-o", "json"},
           {"events", "ls"},
           {"events", "ls", "-o", "json"},
           {"events", "show", exec.dump()},
           {"events", "why", exec.dump()}}) {
    const Ran ran = banger.ctl(words);
    INFO(words[0] << " " << words[1] << ": " << ran.out << ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.out.find(secret) == std::string::npos);
    CHECK(ran.out.find("erased") != std::string::npos);
  }
  CHECK(banger.ctl({"vm", "history", "web"}).out.find("command started (what was typed is erased)") !=
        std::string::npos);
  const Json shown = banger.json({"events", "show", exec.dump()});
  CHECK(shown.at("erased") == true);
  CHECK(shown.at("data").at("argv").empty());
  CHECK_FALSE(banger.json({"events", "show", std::to_string(exec.get<std::uint64_t>() - 1)}).contains("erased"));
  CHECK(banger.json({"log", "verify"}).at("ok") == true);
}

TEST_CASE("what was typed about a VM is erased from every file of the log, and every view says so") {
  Sandbox banger("exec_grace_ms = 100\n" + kConfig + "0\n");
  banger.make_stub_image();
  REQUIRE(banger.ctl({"vm", "create", "--name", "web", "--image", "base", "--memory", "256MiB"}).code == 0);
  REQUIRE(banger.ctl({"vm", "wait", "web", "--for", "ready"}).code == 0);
  const std::string secret = "hunter2-93f1c07ab6de5248-tell-nobody";
  // The stand-in's guest greets and says nothing more: the command stays under way until its client goes.
  const pid_t client = banger.begin({"vm", "exec", "web", "--", "login", "--password=" + secret}, banger.dir() + "/exec");
  const auto execs = [&](const std::string& kind) {
    return banger::test::json_lines(banger.ctl({"events", "ls", "--kind", kind, "-o", "json"}).out);
  };
  REQUIRE(eventually([&] { return !execs("exec_started").empty(); }));
  ::kill(client, SIGKILL);
  (void)Sandbox::finish(client);
  REQUIRE(eventually([&] { return !execs("exec_finished").empty(); }));
  const Json exec = execs("exec_started").at(0).at("sequence");
  REQUIRE(execs("exec_started").at(0).at("data").at("argv").at(1) == "--password=" + secret);
  REQUIRE_FALSE(files_with(banger.data() + "/log", secret).empty());

  CHECK(banger.json({"log", "erase", "--vm", "web"}).at("events") == 1);
  CHECK(files_with(banger.data() + "/log", secret).empty());
  CHECK(files_with(banger.data() + "/anchor", secret).empty());
  check_erased(banger, secret, exec);
  CHECK(banger.json({"log", "erase", "--vm", "web"}).at("events") == 0);
  REQUIRE(banger.ctl({"daemon", "stop"}).code == 0);
  REQUIRE(eventually([&] { return banger.daemon() == 0; }));
  CHECK(files_with(banger.data() + "/log", secret).empty());
  check_erased(banger, secret, exec);
  banger.kill_daemon();
  check_erased(banger, secret, exec);
  const std::string bundle = banger.dir() + "/erased.bundle";
  REQUIRE(banger.ctl({"events", "export", bundle}).code == 0);
  CHECK(files_with(banger.dir(), secret).empty());
  REQUIRE(banger.ctl({"vm", "rm", "-f", "web"}).code == 0);
  CHECK(banger.ctl({"vm", "history", "web"}).out.find(secret) == std::string::npos);
  CHECK(banger.leave() == "");
}

TEST_CASE("a backup is made beside the running daemon, and takes the log's place in a new epoch") {
  Sandbox banger(kConfig + "0\n");
  banger.make_stub_image();
  create(banger, "web");
  const std::string copy = banger.dir() + "/copy";
  CHECK(banger.json({"log", "backup", copy}).at("backup") == copy);
  CHECK(banger.ctl({"log", "backup", copy}).code == 1);
  CHECK(banger.ctl({"log", "restore", copy}).err.find("open in another process") != std::string::npos);
  create(banger, "later");
  REQUIRE(banger.ctl({"daemon", "stop"}).code == 0);
  REQUIRE(eventually([&] { return banger.daemon() == 0; }));
  CHECK(banger.json({"log", "repair"}).at("replaced") == false);
  CHECK(banger.json({"log", "restore", copy}).at("epoch").at("number") == 2);
  CHECK(banger.json({"vm", "ls"}).size() == 1);
  CHECK(banger.ctl({"vm", "rm", "web"}).code == 0);
  CHECK(banger.leave() == "");
}

}  // namespace
}  // namespace banger::e2e
