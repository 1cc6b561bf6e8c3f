// handles.json is a hint: whatever it says, the host is asked. The daemon is killed, the file is changed, and the next
// daemon must find the truth; what a forged file names is never touched.
#include <spawn.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/catch.h"
#include "tests/e2e/sandbox.h"

extern char** environ;

namespace banger::e2e {
namespace {

const std::string kConfig =
    "tick_ms = 200\ndisk = \"qcow2\"\n[vmm]\nprogram = \"" BANGER_STUB_VMM "\"\naccel = \"tcg\"\n";

// A process of somebody else's, for a forged file to name.
class Bystander {
 public:
  Bystander() {
    const char* argv[] = {"sleep", "600", nullptr};
    REQUIRE(::posix_spawnp(&pid_, argv[0], nullptr, nullptr, const_cast<char**>(argv), environ) == 0);
  }
  ~Bystander() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Bystander(const Bystander&) = delete;
  Bystander& operator=(const Bystander&) = delete;
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool lives() const { return ::waitpid(pid_, nullptr, WNOHANG) == 0; }
  [[nodiscard]] std::uint64_t start_ticks() const {
    std::ifstream in("/proc/" + std::to_string(pid_) + "/stat");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    std::istringstream fields(text.substr(text.rfind(')') + 2));
    std::string word;
    for (int i = 0; i < 20; ++i) fields >> word;
    return std::stoull(word);
  }

 private:
  pid_t pid_ = 0;
};

std::string slurp(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("lost, corrupt, emptied or forged: the VMM that runs is found all the same, and nobody else is touched") {
  Sandbox banger(kConfig);
  banger.make_stub_image();
  REQUIRE(banger.ctl({"vm", "create", "-d", "--image", "base", "--name", "web"}).code == 0);
  REQUIRE(eventually([&] { return banger.json({"vm", "show", "web"}).at("state") == "running"; }));
  const std::string file = banger.json({"vm", "show", "web"}).at("details").at("handles_file");
  const auto vmms = banger.processes_of("banger-stub-vmm");
  REQUIRE(vmms.size() == 1);
  REQUIRE(std::filesystem::exists(file));
  const Bystander bystander;

  // As it is, but for the process: the bystander's, exact to its start.
  auto forged = nlohmann::json::parse(slurp(file));
  const auto forge = [&](auto&& self, nlohmann::json& node) -> void {
    if (!node.is_object()) return;
    if (node.contains("pid")) {
      node["pid"] = bystander.pid();
      node["start_ticks"] = bystander.start_ticks();
    }
    for (auto& [key, value] : node.items()) self(self, value);
  };
  forge(forge, forged);
  REQUIRE(forged.dump().find(std::to_string(bystander.pid())) != std::string::npos);

  const std::string content = GENERATE(std::string("lost"), "", "{", "\x00\xff\xfe garbage", "[[[[[[[[", "forged");
  bool vmm_dies = GENERATE(false, true);
  INFO("handles.json: " << content << ", VMM " << (vmm_dies ? "dies" : "lives"));
  banger.kill_daemon();
  if (content == "lost") {
    std::filesystem::remove(file);
  } else {
    std::ofstream(file, std::ios::trunc) << (content == "forged" ? forged.dump() : content);
  }
  if (vmm_dies) {
    ::kill(vmms.front(), SIGKILL);
    CHECK(eventually([&] { return banger.json({"vm", "show", "web"}).at("state") == "error"; }));
    CHECK(banger.processes_of("banger-stub-vmm").empty());
    REQUIRE(banger.ctl({"vm", "start", "-d", "web"}).code == 0);
    REQUIRE(eventually([&] { return banger.json({"vm", "show", "web"}).at("state") == "running"; }));
  } else {
    REQUIRE(eventually([&] { return !banger.json({"vm", "show", "web"}).at("details").at("pid").is_null(); }));
    CHECK(banger.json({"vm", "show", "web"}).at("details").at("pid") == vmms.front());
    CHECK(banger.processes_of("banger-stub-vmm") == vmms);
  }
  REQUIRE(banger.ctl({"vm", "stop", "-f", "web"}).code == 0);
  CHECK(banger.processes_of("banger-stub-vmm").empty());
  CHECK(banger.ctl({"vm", "rm", "web"}).code == 0);
  CHECK(bystander.lives());
  CHECK(banger.leave() == "");
}

TEST_CASE("what the log does not know is told of, and swept only on the configuration's word") {
  const bool sweep = GENERATE(false, true);
  Sandbox banger("sweep_leftovers = " + std::string(sweep ? "true" : "false") + "\n" + kConfig);
  banger.make_stub_image();
  REQUIRE(banger.ctl({"daemon", "stop"}).code == 0);
  const std::string nobody = banger.data() + "/vms/00000000deadbeef";
  std::filesystem::create_directories(nobody);
  std::ofstream(nobody + "/system.qcow2") << "precious";
  const std::string stranger = banger.data() + "/vms/not-an-id";
  std::filesystem::create_directories(stranger);
  const auto told = [&] {
    return banger.ctl({"events", "ls", "--kind", "drift_corrected", "-o", "json"}).out;
  };
  REQUIRE(eventually([&] { return told().find("vm-directory-00000000deadbeef") != std::string::npos; }));
  CHECK(told().find(sweep ? "\"removed\"" : "\"reported\"") != std::string::npos);
  CHECK(eventually([&] { return std::filesystem::exists(nobody) == !sweep; }));
  CHECK(std::filesystem::exists(stranger));
  std::filesystem::remove_all(nobody);
  std::filesystem::remove_all(stranger);
  CHECK(banger.leave() == "");
}

}  // namespace banger::e2e
