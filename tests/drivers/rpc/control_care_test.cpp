// LogCare over the wire: what is asked arrives, what is answered comes back, and nonsense is refused.
#include "events/codec_values.h"
#include "tests/drivers/rpc/control_fixture.h"

using namespace banger;
using namespace banger::rpc::test;

TEST_CASE("the log's head, and a bundle page by page") {
  Controlled c;
  auto care = c.control.logCareRequest().send().getCare();
  auto head = care.headRequest().send().wait(c.io.waitScope);
  CHECK(text_of(head.getHead().getStoreId()) == "00000000000000070000000000000009");
  CHECK(head.getHead().getEpoch() == 3);
  CHECK(head.getHead().getFirstSequence() == 5);
  CHECK(head.getHead().getSequence() == 20);
  CHECK(head.getHead().getChain().size() == 32);

  auto request = care.bundlePartRequest();
  auto selection = request.initSelection();
  selection.setFirst(8);
  selection.setLast(9);
  selection.setMoreOthers(true);
  auto others = selection.initOthers(2);
  others.set(0, 3);
  others.set(1, 6);
  request.setCursor(4);
  auto part = request.send().wait(c.io.waitScope);
  CHECK(part.getNext() == 12);
  CHECK(part.getRecords().size() == 7);
  const auto asked = c.on_loop([&] { return c.service.log_care.selection; });
  CHECK(asked.first == 8);
  CHECK(asked.last == 9);
  CHECK(asked.others == std::vector<Sequence>{3, 6});
  CHECK(asked.more_others);
  CHECK(c.on_loop([&] { return c.service.log_care.cursor; }) == 4);
}

TEST_CASE("chosen events that do not ascend, or are too many, and a log that cannot be read") {
  Controlled c;
  auto care = c.control.logCareRequest().send().getCare();
  auto request = care.bundlePartRequest();
  auto others = request.initSelection().initOthers(2);
  others.set(0, 6);
  others.set(1, 6);
  CHECK_THROWS_WITH(request.send().wait(c.io.waitScope), Catch::Contains("must ascend"));
  auto many = care.bundlePartRequest();
  auto all = many.initSelection().initOthers(40'000);
  for (unsigned i = 0; i < all.size(); ++i) all.set(i, i + 1);
  CHECK_THROWS_WITH(many.send().wait(c.io.waitScope), Catch::Contains("too many"));
  c.on_loop([&] { c.service.log_care.part = fail("the disk is gone"); });
  CHECK_THROWS_WITH(care.bundlePartRequest().send().wait(c.io.waitScope), Catch::Contains("the disk is gone"));
}

TEST_CASE("projections are checked and rebuilt, with what differs as far as it fits a message") {
  Controlled c;
  auto care = c.control.logCareRequest().send().getCare();
  c.on_loop([&] {
    rpc::CheckReport report{.sequence = 20, .projections = {{"vm_runtime", 9, 900, 5}}, .rows = {}};
    for (int i = 0; i < 5; ++i) {
      report.rows.push_back({"vm_runtime", "key" + std::to_string(i), std::string(80 << 10, 's'), "f"});
    }
    c.service.log_care.report = report;
  });
  auto request = care.checkProjectionsRequest();
  request.setName("vm_runtime");
  auto checked = request.send().wait(c.io.waitScope);
  REQUIRE(checked.getReply().isAccepted());
  CHECK(checked.getReport().getSequence() == 20);
  REQUIRE(checked.getReport().getProjections().size() == 1);
  CHECK(checked.getReport().getProjections()[0].getDrifted() == 5);
  CHECK(checked.getReport().getRows().size() == 3);
  CHECK(checked.getReport().getLeftOut() == 2);
  CHECK(checked.getReport().getRows()[0].getFolded().size() == 1);
  c.on_loop([&] {
    c.service.log_care.report = std::unexpected(Rejection{Refusal::kNotFound, "there is no projection 'x'", "see ls"});
  });
  CHECK(care.checkProjectionsRequest().send().wait(c.io.waitScope).getReply().isRefused());
  auto rebuilt = care.rebuildProjectionsRequest().send().wait(c.io.waitScope);
  CHECK(rebuilt.getWritten() == 3);
  CHECK(rebuilt.getSequence() == 9);
  CHECK(c.on_loop([&] { return c.service.log_care.happened; }) ==
        std::vector<std::string>{"check vm_runtime", "check ", "rebuild "});
}

TEST_CASE("backups and erasures reach the daemon, with its answer or its refusal") {
  Controlled c;
  auto care = c.control.logCareRequest().send().getCare();
  auto backup = care.backupRequest();
  backup.setDirectory("/copy");
  auto refused = backup.send().wait(c.io.waitScope);
  REQUIRE(refused.getReply().isRefused());
  CHECK(refused.getReply().getRefused().getMessage() == "it exists already");
  auto erase = care.eraseRequest();
  erase.setVmId(0xab);
  erase.setName("web");
  auto erased = erase.send().wait(c.io.waitScope);
  CHECK(erased.getReply().isAccepted());
  CHECK(erased.getEvents() == 2);
  CHECK(erased.getSequence() == 21);
  CHECK(c.on_loop([&] { return c.service.log_care.happened; }) ==
        std::vector<std::string>{"backup /copy", "erase 00000000000000ab web"});
}

struct Told final : schema::ProgressSink::Server {
  explicit Told(std::vector<std::uint64_t>& into) : numbers(into) {}
  kj::Promise<void> report(ReportContext context) override {
    numbers.push_back(context.getParams().getDone());
    numbers.push_back(context.getParams().getTotal());
    return kj::READY_NOW;
  }
  std::vector<std::uint64_t>& numbers;
};

TEST_CASE("archiving is asked for by event or time, tells how far it is, and what came of it") {
  Controlled c;
  auto care = c.control.logCareRequest().send().getCare();
  std::vector<std::uint64_t> told;
  auto request = care.archiveRequest();
  request.initBefore().setSequence(9);
  request.setProgress(kj::heap<Told>(told));
  auto done = request.send().wait(c.io.waitScope);
  REQUIRE(done.getReply().isAccepted());
  CHECK(done.getArchived().getFirst() == 1);
  CHECK(done.getArchived().getLast() == 8);
  CHECK(done.getArchived().getBlockBytes() == 900);
  CHECK(done.getArchived().getFile() == "some.archive");
  CHECK(done.getArchived().getFileBytes() == 1000);
  CHECK(done.getArchived().getSequence() == 22);
  CHECK(told == std::vector<std::uint64_t>{3, 8});
  auto dry = care.archiveRequest();
  dry.initBefore().setTimeNs(77);
  dry.setDryRun(true);
  c.on_loop([&] {
    c.service.log_care.archived = std::unexpected(Rejection{Refusal::kInUse, "another is at it", ""});
    return 0;
  });
  auto refused = dry.send().wait(c.io.waitScope);
  REQUIRE(refused.getReply().isRefused());
  CHECK(refused.getReply().getRefused().getMessage() == "another is at it");
  CHECK(c.on_loop([&] { return c.service.log_care.happened; }) ==
        std::vector<std::string>{"archive 9 0", "archive 0 77 dry"});
  auto listed = care.archivesRequest().send().wait(c.io.waitScope);
  REQUIRE(listed.getArchives().size() == 2);
  CHECK(listed.getArchives()[0].getDigest()[0] == 7);
  CHECK(listed.getArchives()[1].getFirst() == 9);
  CHECK(listed.getArchives()[1].getProblem() == "it is not there");
}
