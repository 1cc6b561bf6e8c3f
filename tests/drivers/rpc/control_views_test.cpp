// What clients read: a VM's details and console, rows of projections, the reconciler's plan; each fits a message.
#include "tests/drivers/rpc/control_fixture.h"

using namespace banger;
using namespace banger::rpc::test;

TEST_CASE("a VM's details and console are given, or refused") {
  Controlled c;
  auto vm = c.control.vmRequest();
  vm.setVm("web");
  auto details = vm.send().wait(c.io.waitScope);
  CHECK(details.getReply().isAccepted());
  CHECK(details.getDetails().getDir() == "/vms/web");
  CHECK(details.getDetails().getPid() == 17);
  REQUIRE(details.getDetails().getRow().size() == 4);
  CHECK(details.getDetails().getRow()[3] == 'w');
  for (const std::uint32_t asked : {0u, 100u, 0xffffffffu}) {
    auto console = c.control.consoleRequest();
    console.setVm("web");
    console.setOffset(3);
    console.setMaxBytes(asked);
    auto bytes = console.send().wait(c.io.waitScope);
    CHECK(bytes.getReply().isAccepted());
    CHECK(bytes.getOffset() == 3);
    CHECK(bytes.getSize() == 99);
    CHECK(bytes.getData().size() == 3);
    CHECK(c.on_loop([&] { return c.service.limit; }) == (asked == 100 ? 100u : 256u << 10));
  }
  c.on_loop([&] { c.service.refuse_reads = true; });
  auto again = c.control.vmRequest();
  auto refused = again.send().wait(c.io.waitScope);
  REQUIRE(refused.getReply().isRefused());
  CHECK(refused.getReply().getRefused().getHint() == "bangerctl vm ls");
  CHECK(c.control.consoleRequest().send().wait(c.io.waitScope).getReply().isRefused());
}

TEST_CASE("projections are listed, and their rows come in pages that fit a message") {
  Controlled c;
  auto all = c.control.projectionsRequest().send().wait(c.io.waitScope);
  REQUIRE(all.getProjections().size() == 2);
  CHECK(all.getProjections()[1].getName() == "images");
  CHECK(all.getProjections()[1].getCheckpoint() == 6);

  struct Case {
    std::size_t rows, bytes;
    bool more;
    unsigned expected;
    bool expected_more;
  };
  for (const Case& each : {Case{3, 10, false, 3, false}, Case{3, 10, true, 3, true},
                           Case{10, 100 << 10, false, 3, true}, Case{2, 500 << 10, false, 1, true},
                           Case{0, 0, false, 0, false}}) {
    c.on_loop([&] {
      c.service.page = {};
      for (std::size_t i = 0; i < each.rows; ++i) {
        c.service.page.rows.emplace_back("k" + std::to_string(i), std::string(each.bytes, 'v'));
      }
      c.service.page.more = each.more;
    });
    auto request = c.control.projectionRowsRequest();
    request.setName("vm_runtime");
    request.setAfterKey(kj::StringPtr("key").asBytes());
    request.setLimit(0xffffffff);
    auto page = request.send().wait(c.io.waitScope);
    CHECK(page.getReply().isAccepted());
    REQUIRE(page.getRows().size() == each.expected);
    CHECK(page.getMore() == each.expected_more);
    if (each.expected > 0) {
      CHECK(page.getRows()[0].getKey() == kj::StringPtr("k0").asBytes());
      CHECK(page.getRows()[0].getValue().size() == each.bytes);
    }
  }
  CHECK(c.on_loop([&] { return c.service.limit; }) == 256);
  CHECK(c.happened().front() == "rows after key");
  c.on_loop([&] { c.service.refuse_reads = true; });
  CHECK(c.control.projectionRowsRequest().send().wait(c.io.waitScope).getReply().isRefused());
}

TEST_CASE("what the reconciler would do is told as far as it fits, and how much is left out") {
  Controlled c;
  c.on_loop([&] { c.service.plan = {{"vm web", "7", "running", "absent", "spawn", ""}}; });
  auto one = c.control.reconcilePlanRequest().send().wait(c.io.waitScope);
  REQUIRE(one.getLines().size() == 1);
  CHECK(one.getLines()[0].getObserved() == "absent");
  CHECK(one.getLines()[0].getAction() == "spawn");
  CHECK(one.getLeftOut() == 0);
  c.on_loop([&] { c.service.plan.resize(20'000, {"vm web", "7", std::string(100, 'd')}); });
  auto many = c.control.reconcilePlanRequest().send().wait(c.io.waitScope);
  CHECK(many.getLines().size() > 1000);
  CHECK(many.getLeftOut() > 0);
  CHECK(many.getLines().size() + many.getLeftOut() == 20'000);
  auto status = c.control.reconcileStatusRequest().send().wait(c.io.waitScope);
  CHECK(status.getStatus().getObservations() == 3);
  CHECK(status.getStatus().getLastError() == "none");
}
