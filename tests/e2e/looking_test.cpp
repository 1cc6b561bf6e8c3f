// What looks at a whole installation: doctor, df, prune and the metrics, on a daemon with stand-in VMMs.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "drivers/uv/fd.h"
#include "tests/catch.h"
#include "tests/e2e/sandbox.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const std::string kConfig =
    "tick_ms = 200\nmetrics_listen = \"127.0.0.1:0\"\n[vmm]\nprogram = \"" BANGER_STUB_VMM "\"\naccel = \"tcg\"\n";

std::string slurp(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

// The findings of one check, and how doctor ended.
struct Diagnosis {
  int code = 0;
  json findings;

  [[nodiscard]] std::vector<json> of(const std::string& check) const {
    std::vector<json> found;
    for (const json& each : findings) {
      if (each.at("check") == check) found.push_back(each);
    }
    return found;
  }
  [[nodiscard]] bool wrong(const std::string& check) const {
    return std::ranges::any_of(of(check), [](const json& each) { return each.at("level") != "pass"; });
  }
};

Diagnosis doctor(const Sandbox& banger) {
  const Ran ran = banger.ctl({"doctor", "-o", "json"});
  INFO(ran.out << ran.err);
  return {ran.code, json::parse(ran.out)};
}

std::string fetch(std::uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  const std::string_view request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
  REQUIRE(::send(fd.get(), request.data(), request.size(), 0) == static_cast<ssize_t>(request.size()));
  std::string all;
  char buffer[4096];
  for (ssize_t got; (got = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0;) {
    all.append(buffer, static_cast<std::size_t>(got));
  }
  return all;
}

}  // namespace

TEST_CASE("reconcile plan tells what is desired, observed and to be done of each VM, and does nothing about it") {
  Sandbox banger("tick_ms = 3600000\n[vmm]\nprogram = \"" BANGER_STUB_VMM "\"\naccel = \"tcg\"\n");
  banger.make_stub_image();
  for (const char* vm : {"web", "db"}) {
    REQUIRE(banger.ctl({"vm", "create", "--name", vm, "--image", "base", "--memory", "64M", "--no-start"}).code == 0);
  }
  REQUIRE(banger.ctl({"vm", "start", "web"}).code == 0);
  // What is desired is the log's; what was observed is the last look's, which another daemon begins with.
  REQUIRE(banger.ctl({"daemon", "stop"}).code == 0);
  REQUIRE(eventually([&] { return banger.daemon() == 0; }));
  const auto looks = [&] { return banger.json({"reconcile", "status"}).at("observations").get<int>(); };
  REQUIRE(eventually([&] { return looks() > 0; }));
  const int before = looks();
  const json plan = banger.json({"reconcile", "plan"});
  std::map<std::string, json> lines;
  for (const json& each : plan) lines[each.at("subject")] = each;
  CHECK(lines.at("vm web").at("desired") == "incarnation 1 up");
  CHECK(lines.at("vm web").at("observed") == "VMM of incarnation 1");
  CHECK(lines.at("vm web").at("action") == "");
  CHECK(lines.at("vm db").at("desired") == "down");
  CHECK(lines.at("vm db").at("observed") == "nothing");
  CHECK(lines.at("vm db").at("action") == "");
  CHECK(lines.at("image base").at("observed") == "there");
  CHECK(banger.json({"reconcile", "plan", "--dry-run"}) == plan);
  CHECK(looks() == before);
  REQUIRE(banger.ctl({"vm", "rm", "-f", "web", "db"}).code == 0);
  CHECK(banger.leave() == "");
}

TEST_CASE("doctor examines a daemon that runs, and one that does not, and starts none") {
  Sandbox banger(kConfig);
  banger.make_stub_image();
  REQUIRE(banger.ctl({"vm", "create", "--name", "web", "--image", "base"}).code == 0);
  Diagnosis up = doctor(banger);
  INFO(up.findings.dump(1));
  CHECK(up.code == 0);
  for (const char* check : {"config", "daemon", "version", "directory", "log", "clock", "reconciler", "parked", "host", "strays"}) {
    INFO(check);
    CHECK_FALSE(up.of(check).empty());
    CHECK_FALSE(up.wrong(check));
  }
  // A directory that no VM owns.
  const std::string stray = banger.data() + "/vms/00000000deadbeef";
  fs::create_directory(stray);
  const Diagnosis strayed = doctor(banger);
  CHECK(strayed.wrong("strays"));
  CHECK(strayed.of("strays").front().at("mend") == "bangerctl prune");
  fs::remove(stray);

  REQUIRE(banger.ctl({"daemon", "stop"}).code == 0);
  const Diagnosis down = doctor(banger);
  INFO(down.findings.dump(1));
  CHECK(banger.daemon() == 0);  // it was not started
  CHECK(down.wrong("daemon"));
  CHECK(down.of("daemon").front().at("mend") == "bangerctl daemon start");
  CHECK_FALSE(down.wrong("log"));
  CHECK(down.of("log").front().at("message").get<std::string>().find("anchor ") != std::string::npos);
  CHECK(down.wrong("strays"));  // its VMM runs on
  REQUIRE(banger.ctl({"vm", "rm", "-f", "web"}).code == 0);
  CHECK(banger.leave() == "");
}

TEST_CASE("doctor tells what is wrong with the configuration, and with modes") {
  Sandbox banger(kConfig);
  fs::create_directories(banger.data());
  fs::permissions(banger.data(), fs::perms::owner_all | fs::perms::others_read);
  CHECK(doctor(banger).wrong("directory"));
  CHECK(doctor(banger).code == 1);
  fs::permissions(banger.data(), fs::perms::owner_all);
  std::ofstream(banger.dir() + "/banger.toml") << "tick = 3\n";
  const Diagnosis found = doctor(banger);
  CHECK(found.code == 1);
  CHECK(found.of("config").front().at("message").get<std::string>().find("tick is not a setting") != std::string::npos);
  std::ofstream(banger.dir() + "/banger.toml") << kConfig;
  CHECK(banger.leave() == "");
}

TEST_CASE("df says by class what is there; prune shows, asks, and removes what nobody owns") {
  Sandbox banger(kConfig);
  banger.make_stub_image();
  REQUIRE(banger.ctl({"vm", "create", "--name", "web", "--image", "base", "--no-start"}).code == 0);
  std::map<std::string, json> classes;
  for (const json& each : banger.json({"df"})) classes[each.at("class")] = each;
  CHECK(classes.at("images").at("apparent_bytes") >= 4 << 20);
  CHECK(classes.at("log").at("disk_bytes") > 0);
  CHECK(classes.at("total").at("files") > 3);
  std::uint64_t sum = 0;
  for (const auto& [name, each] : classes) {
    if (name != "total") sum += each.at("disk_bytes").get<std::uint64_t>();
  }
  CHECK(sum == classes.at("total").at("disk_bytes"));

  CHECK(banger.ctl({"prune"}).out == "nothing to remove\n");
  fs::create_directories(banger.dir() + "/broken");
  REQUIRE(banger.ctl({"image", "import", "broken", banger.dir() + "/broken"}).code == 1);
  const std::string stray = banger.data() + "/vms/00000000deadbeef";
  fs::create_directory(stray);
  std::ofstream(stray + "/system.qcow2") << std::string(100'000, 'x');
  std::ofstream(banger.data() + "/vms/notes.txt") << "somebody's";

  const json shown = banger.json({"prune", "--dry-run"});
  REQUIRE(shown.size() == 2);
  CHECK(shown[1].at("name") == "00000000deadbeef");
  CHECK(shown[1].at("disk_bytes") >= 100'000);
  const Ran unasked = banger.ctl({"prune"});  // no terminal: nobody to ask
  CHECK(unasked.code == 2);
  CHECK(unasked.err.find("prune -y") != std::string::npos);
  CHECK(fs::exists(stray));
  CHECK(banger.ctl({"prune", "-y"}).code == 0);
  CHECK_FALSE(fs::exists(stray));
  CHECK(fs::exists(banger.data() + "/vms/notes.txt"));
  CHECK(eventually([&] { return banger.json({"image", "ls"}).size() == 1; }));
  CHECK(banger.json({"vm", "ls"}).size() == 1);
  fs::remove(banger.data() + "/vms/notes.txt");
  REQUIRE(banger.ctl({"vm", "rm", "web"}).code == 0);
  CHECK(banger.leave() == "");
}

TEST_CASE("the metrics tell what happens, in the file and on the port") {
  const std::string file = "/tmp/banger-metrics-" + std::to_string(::getpid()) + ".prom";
  Sandbox banger("metrics_file = \"" + file + "\"\n" + kConfig);
  banger.make_stub_image();
  REQUIRE(banger.ctl({"vm", "create", "--name", "web", "--image", "base"}).code == 0);
  CHECK(eventually([&] { return slurp(file).find("banger_vms{state=\"running\"} 1\n") != std::string::npos; }));
  CHECK(fs::status(file).permissions() == static_cast<fs::perms>(0644));
  CHECK_FALSE(fs::exists(file + ".new"));
  const std::string log = slurp(banger.data() + "/bangerd.log");
  const auto told = log.find("metrics on port ");
  REQUIRE(told != std::string::npos);
  REQUIRE(banger.ctl({"projection", "verify"}).code == 0);
  const std::string page = fetch(static_cast<std::uint16_t>(std::stoi(log.substr(told + 16))));
  CHECK(page.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(page.find("banger_vms{state=\"running\"} 1\n") != std::string::npos);
  CHECK(page.find("banger_log_commit_seconds_count 0\n") == std::string::npos);
  CHECK(page.find("\nbanger_log_bytes ") != std::string::npos);
  CHECK(page.find("\nbanger_drifted_rows 0\n") != std::string::npos);
  CHECK(page.find("\nbanger_shadow_fold_sequence ") != std::string::npos);
  for (const std::string name : {"folds_total", "fold_sequence", "fold_time_seconds"})
    CHECK(page.find("\nbanger_shadow_" + name + " 0\n") == std::string::npos);
  REQUIRE(banger.ctl({"vm", "rm", "-f", "web"}).code == 0);
  CHECK(banger.leave() == "");
  fs::remove(file);
}

}  // namespace banger::e2e
