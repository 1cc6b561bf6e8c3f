// Tools that are missing, fail, hang or babble: what each would have told is unknown, never empty.
#include "drivers/observe/tools/tool_observer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "drivers/observe/process.h"
#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"
#include "tests/drivers/observe/observers.h"
#include "tests/drivers/uv/support.h"
#include "tests/support/child.h"

namespace banger::observe {
namespace {

namespace fs = std::filesystem;
using banger::test::Child;
using test::await_argv;
using test::observe_with_tools;

constexpr StoreId kStore{0xaaaa, 0xbbbb};
constexpr VmId kVm{0xabc};

// Stand-ins for all four tools, each of which says that there is nothing.
struct Stage {
  banger::test::TempDir dir;
  LookSpec spec{.layout = {dir / "data"}, .boot = boot_id().value(), .disks_of = kStore, .links_of = kStore};
  ToolOptions tools{.pgrep = script("exit 1"),
                    .dmsetup = script("echo No devices found"),
                    .losetup = script("exit 0"),
                    .ip = script("echo []")};

  // The tool's own arguments come behind it.
  static Arguments script(const std::string& text) { return {"/bin/sh", "-c", text, "tool"}; }
  [[nodiscard]] Look look() const { return observe_with_tools(spec, tools); }
};

TEST_CASE("tools that find nothing tell that there is nothing") {
  const Look look = Stage().look();
  CHECK(look.unknown.empty());
  CHECK(look.seen == Observation{.processes_known = true, .directories_known = true, .disks_known = true, .links_known = true});
}

TEST_CASE("a tool that cannot be believed makes its part unknown, and says why") {
  Stage stage;
  stage.tools.deadline_ms = 5'000;
  struct Bad {
    Arguments program;
    std::string why;
  };
  const Bad bad = GENERATE(Bad{{"/nowhere/at/all"}, "No such file or directory"},
                           Bad{Stage::script("echo some; echo dying >&2; exit 3"), "it ended with 3: dying"},
                           Bad{Stage::script("kill -TERM $$"), "signal 15 ended it"},
                           Bad{Stage::script("echo '}odd{ thing'"), "says: "},
                           Bad{Stage::script("echo odd thing >&2; exit 1"), "it ended with 1: odd thing"});
  CAPTURE(bad.why);
  Observation expected{.processes_known = true, .directories_known = true, .disks_known = true, .links_known = true};
  SECTION("pgrep") {
    stage.tools.pgrep = bad.program;
    expected.processes_known = false;
  }
  SECTION("dmsetup") {
    stage.tools.dmsetup = bad.program;
    expected.disks_known = false;
  }
  SECTION("losetup") {
    stage.tools.losetup = bad.program;
    expected.disks_known = false;
  }
  SECTION("ip") {
    stage.tools.ip = bad.program;
    expected.links_known = false;
  }
  const Look look = stage.look();
  CHECK(look.seen == expected);
  REQUIRE(look.unknown.size() == 1);
  INFO(look.unknown[0]);
  CHECK(look.unknown[0].find(bad.why) != std::string::npos);
}

TEST_CASE("a tool that hangs is ended at its deadline, with what it has started") {
  Stage stage;
  stage.tools.deadline_ms = 50;
  stage.tools.losetup = Stage::script("sleep 60 & sleep 60");
  const Look look = stage.look();
  CHECK_FALSE(look.seen.disks_known);
  CHECK(look.unknown == std::vector<std::string>{"loops: losetup: it did not end in time"});
  CHECK_FALSE(uv::test::has_children());
}

TEST_CASE("a tool that says more than is read is not believed in part") {
  Stage stage;
  stage.tools.max_output_bytes = 1000;
  stage.tools.pgrep = Stage::script("while echo 1; do :; done | head -c 5000");
  CHECK(stage.look().unknown == std::vector<std::string>{"processes: pgrep: it said more than is read"});
}

TEST_CASE("what pgrep proposes is proved: strangers, the dead and numbers from nowhere are no VMMs") {
  Stage stage;
  const VmPaths paths = vm_paths(stage.spec.layout, kVm);
  fs::create_directories(paths.dir);
  stage.spec.where.vmm_programs = {"banger-stub-vmm"};
  const Child vmm(STUB_VMM, {"qemu", "-qmp", "unix:" + paths.api_socket, "--max-seconds", "60"});
  const Child bystander("/bin/sleep", {"sleep", "60"});
  await_argv(vmm.pid(), "--max-seconds");
  stage.tools.pgrep = Stage::script("echo 1; echo 4194303; echo " + std::to_string(bystander.pid()) + "; echo " +
                                    std::to_string(vmm.pid()) + "; echo " + std::to_string(::getpid()));
  const Look look = stage.look();
  REQUIRE(look.seen.vmms.size() == 1);
  CHECK(look.seen.vmms.at(kVm) == std::vector{VmmSighting{identity_of(vmm.pid(), stage.spec.boot).value(), 0}});
  CHECK(look.seen.vm_directories == std::set{kVm});
}

TEST_CASE("what ip proposes is proved: a tap with our mark that is not there is none") {
  Stage stage;
  stage.tools.ip = Stage::script("echo '[{\"ifname\":\"bg0123456789abc\",\"ifalias\":\"" + network::alias_of({kStore, kVm}) +
                                 "\",\"linkinfo\":{\"info_kind\":\"tun\",\"info_data\":{\"type\":\"tap\"}}}]'");
  const Look look = stage.look();
  CHECK(look.unknown.empty());
  CHECK(look.seen.links_known);
  CHECK(look.seen.taps.empty());
}

TEST_CASE("an observer that goes in the middle of a look takes its tools along, and tells nobody") {
  Stage stage;
  stage.tools.ip = Stage::script("sleep 60");
  const auto before = uv::test::open_fds();
  {
    uv::Loop loop;
    auto pool = std::make_unique<uv::WorkerPool>(loop, 1);
    bool told = false;
    {
      ToolObserver observer(loop, *pool, stage.spec, stage.tools);
      observer.observe([&](const Look&) { told = true; });
    }
    pool.reset();
    loop.drain();
    CHECK_FALSE(told);
  }
  CHECK_FALSE(uv::test::has_children());
  CHECK(uv::test::open_fds() == before);
}

TEST_CASE("programs are found by path, in PATH and where administrators have theirs") {
  CHECK(find_tool("/bin/sh") == "/bin/sh");
  CHECK_FALSE(find_tool("/nowhere/sh"));
  CHECK(find_tool("sh").value().ends_with("/sh"));
  CHECK(find_tool("losetup").value().ends_with("/losetup"));
  CHECK_FALSE(find_tool("no-such-tool-anywhere"));
}

}  // namespace
}  // namespace banger::observe
