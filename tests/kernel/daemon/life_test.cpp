// A whole bangerd on a kernel with device-mapper: a VM's life, with the daemon and the VMM killed in the middle of it.
#include "tests/drivers/network/nat_support.h"
#include "tests/kernel/daemon/guest.h"

using namespace banger;
using namespace banger::test;
namespace fs = std::filesystem;

namespace {

bool holds_device(pid_t vmm, const std::string& node) {
  const auto files = open_files(vmm);
  return std::ranges::count(files, fs::canonical(node).string()) != 0 ||
         std::ranges::count(files, node) != 0;
}

}  // namespace

TEST_CASE("a VM outlives its daemon, is adopted, dies, starts again with its data and is deleted", "[boot2]") {
  GuestDaemon guest("/tmp/banger");
  guest.up(GuestDaemon::create_words("web"), "web");
  const std::string node = guest.node("web");
  const pid_t vmm = guest.show("web").at("details").at("pid");
  CHECK(holds_device(vmm, node));
  CHECK(read_at(node, 0x438, 2) == "\x53\xef");
  CHECK(write_at(node, 0, "of web"));
  CHECK(write_at(node, kImageBytes + kMiB, "beyond the image"));
  const std::string held = kernel_holds();
  CHECK(held.contains(fs::path(node).filename().string()));
  CHECK(guest.show("web").at("guest_ip") == "172.16.0.2");
  CHECK(links().size() == 2);  // the bridge and its tap
  CHECK(e2e::eventually([] { return network::test::nft("list ruleset").contains("172.16.0.2"); }));

  // The daemon alone is killed: the next one finds the same VMM and the same disk.
  const pid_t first = guest.banger().daemon();
  guest.banger().kill_daemon();
  CHECK(kernel_holds() == held);
  CHECK(links().size() == 2);
  CHECK(rules() != "");
  CHECK(guest.state("web") == "running");
  CHECK(guest.banger().daemon() != first);
  CHECK(e2e::eventually([&] { return guest.show("web").at("details").at("pid") == vmm; }));
  CHECK(guest.show("web").at("incarnation") == 1);
  CHECK(guest.events("vm_started", "web").size() == 1);
  CHECK(guest.events("vm_died", "web").empty());
  CHECK(guest.events("drift_corrected").empty());
  CHECK(kernel_holds() == held);

  // The VMM is killed: what it died of is recorded, and its disk is let go.
  kill_vmm(vmm);
  CHECK(e2e::eventually([&] { return guest.state("web") == "error"; }));
  CHECK(guest.events("vm_died", "web").size() == 1);
  CHECK(e2e::eventually([] { return kernel_holds().empty(); }));
  guest.up(GuestDaemon::start_words("web"), "web");
  CHECK(guest.show("web").at("incarnation") == 2);
  CHECK(read_at(node, 0, 6) == "of web");

  // Both are killed: only the next look at the host can tell.
  const pid_t second = guest.show("web").at("details").at("pid");
  guest.banger().kill_daemon();
  kill_vmm(second);
  CHECK(kernel_holds() != "");
  CHECK(e2e::eventually([&] { return guest.state("web") == "error"; }));
  CHECK(e2e::eventually([] { return kernel_holds().empty(); }));
  guest.up(GuestDaemon::start_words("web"), "web");
  CHECK(read_at(node, 0, 6) == "of web");
  CHECK(read_at(node, kImageBytes + kMiB, 16) == "beyond the image");

  guest.ctl({"vm", "stop", "web"});
  CHECK(kernel_holds() == "");
  CHECK(e2e::eventually([] { return links().empty() && rules().empty(); }));
  CHECK(guest.show("web").at("guest_ip") == "172.16.0.2");  // a stopped VM keeps its address
  guest.up(GuestDaemon::start_words("web"), "web");
  guest.ctl({"vm", "rm", "-f", "web"});
  CHECK(kernel_holds() == "");
  guest.leave();
}
