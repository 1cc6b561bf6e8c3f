// bangerd whose starts fail at the first, the second, and so on to the last thing that they acquire: each leaves nothing,
// says at which stage it failed, and the next start succeeds.
#include <sys/mman.h>

#include <set>

#include "tests/kernel/daemon/guest.h"
#include "tests/kernel/daemon/fail_nth.h"

using namespace banger;
using namespace banger::test;
namespace fs = std::filesystem;

namespace {

constexpr int kMostAcquisitions = 200;  // a start that takes more never ends here

// The plan that the daemon shares (fail_nth.h).
class SharedPlan {
 public:
  SharedPlan() {
    const Fd fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    REQUIRE(fd);
    REQUIRE(::ftruncate(fd.get(), sizeof(FailPlan)) == 0);
    void* at = ::mmap(nullptr, sizeof(FailPlan), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    REQUIRE(at != MAP_FAILED);
    plan_ = static_cast<FailPlan*>(at);
  }
  SharedPlan(const SharedPlan&) = delete;
  SharedPlan& operator=(const SharedPlan&) = delete;
  ~SharedPlan() {
    ::munmap(plan_, sizeof(FailPlan));
    ::unlink(path_.c_str());
  }
  FailPlan* operator->() { return plan_; }
  [[nodiscard]] std::vector<std::string> environment() const {
    return {"LD_PRELOAD=/test/libbanger_fail_nth.so", std::string(kFailPlanVariable) + "=" + path_,
            // The library comes before the sanitizer's, whose functions it calls.
            "ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0"};
  }

 private:
  std::string path_ = "/tmp/fail-plan";
  FailPlan* plan_ = nullptr;
};

std::string left_but_the_daemon() {
  std::string left = left_in_kernel();
  // It sleeps or runs; and a zombie of a VMM that it has not reaped would be told besides.
  for (const char* state : {"S", "R", "D"}) {
    const std::string line = std::string("process (bangerd) ") + state + "\n";
    if (const auto at = left.find(line); at != std::string::npos) left.erase(at, line.size());
  }
  return left;
}

}  // namespace

TEST_CASE("a start that fails at its Nth acquisition leaves nothing, for every N", "[boot2]") {
  SharedPlan plan;
  GuestDaemon guest("/tmp/failing", plan.environment());
  const e2e::Sandbox& banger = guest.banger();
  // Once all is loaded that is loaded once.
  guest.up(GuestDaemon::create_words("warm"), "warm");
  guest.ctl({"vm", "rm", "-f", "warm"});
  const std::size_t files_before = open_files(banger.daemon()).size();

  std::set<std::string> failed;
  std::size_t refused = 0;
  int n = 1;
  for (; n < kMostAcquisitions; ++n) {
    const std::string vm = "vm" + std::to_string(n);
    plan->left = n;
    const e2e::Ran ran = guest.try_up(GuestDaemon::create_words(vm), vm);
    const bool all_passed = plan->left.exchange(0) > 0;
    const std::string what = all_passed ? "" : plan->failed;
    INFO(n << ": " << what << "\n" << ran.err);
    if (all_passed) {
      CHECK(ran.code == 0);
      guest.ctl({"vm", "rm", "-f", vm});
      break;
    }
    failed.insert(what.substr(0, what.find('/')));
    if (ran.code != 0) {
      ++refused;
      const Json row = guest.show(vm);
      CHECK(row.at("state") == "error");
      CHECK(row.at("details").at("pid").is_null());
      CHECK(e2e::eventually([] { return left_but_the_daemon().empty(); }));  // with the last guest the rules go
      guest.up(GuestDaemon::start_words(vm), vm);
    }
    guest.ctl({"vm", "rm", "-f", vm});
    CHECK(e2e::eventually([] { return left_but_the_daemon().empty(); }));
  }
  INFO("acquisitions " << n - 1 << ", refused " << refused);
  CHECK(n < kMostAcquisitions);
  // The sweep went through what it is about: nearly all of it, for the network is set beside the start, and so the Nth is not
  // always the same thing.
  std::string missed;
  std::size_t seen = 0;
  for (const char* what : {"mkdir ", "open ", "rename ", "ftruncate ", "ioctl LOOP_CTL_GET_FREE", "ioctl LOOP_CONFIGURE",
                           "ioctl DM_DEV_CREATE", "ioctl DM_TABLE_LOAD", "ioctl DM_DEV_SUSPEND", "mkfifo ", "posix_spawnp ",
                           "ioctl TUNSETIFF", "ioctl TUNSETPERSIST", "netlink RTM_NEWLINK", "netlink RTM_SETLINK", "netlink RTM_NEWADDR",
                           "netlink nf_tables"}) {
    failed.contains(what) ? void(++seen) : void(missed += std::string(what) + "\n");
  }
  INFO("not failed:\n" << missed);
  CHECK(seen >= 13);
  std::set<std::string> stages;
  const auto failures = guest.events("vm_start_failed");
  CHECK(failures.size() == refused);
  for (const Json& event : failures) {
    stages.insert(event.at("data").at("stage").get<std::string>());
    CHECK(event.at("data").at("message") != "");
  }
  CHECK(stages == std::set<std::string>{"directory", "keys", "disk", "network", "vmm"});
  CHECK(e2e::eventually([&] { return open_files(banger.daemon()).size() == files_before; }));
  std::string drift;  // nothing was left that only a later look at the host had to put right
  for (const Json& event : guest.events("drift_corrected")) {
    // The rules are all guests' together: where it is they that fail, the start goes on, that is told, and they are set again.
    if (event.at("data").at("resource") != "network") drift += event.dump() + "\n";
  }
  CHECK(drift == "");
  guest.leave();
}
