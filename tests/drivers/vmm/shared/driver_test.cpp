// The life of a VMM as the daemon's effects see it: the same cases for every kind.
#include <sys/wait.h>

#include <csignal>
#include <filesystem>

#include "drivers/observe/process.h"
#include "tests/drivers/vmm/shared/vmm_host.h"

using namespace banger;
using namespace banger::test;
namespace fs = std::filesystem;

namespace {

VmmKind any_kind() { return GENERATE(VmmKind::kQemu, VmmKind::kFirecracker); }

// A start that fails at the VMM, with these words; and nothing of it runs.
void fails_to_start(VmmHost& host, const std::string& words) {
  const EffectEnd end = host.done(SpawnVmm{host.vm});
  REQUIRE(end.outcomes.size() == 1);
  REQUIRE(std::holds_alternative<ReportSpawnFailed>(end.outcomes[0]));
  const auto& failed = std::get<ReportSpawnFailed>(end.outcomes[0]);
  INFO(failed.message);
  CHECK(failed.fence == host.vm.fence);
  CHECK(failed.stage == StartStage::kVmm);
  CHECK(failed.message.contains(words));
  CHECK(host.seen().empty());
}

}  // namespace

TEST_CASE("a VMM comes up, is provably this VM's, and goes down when its guest is asked to") {
  const VmmKind kind = any_kind();
  INFO(name_of(kind));
  VmmHost host(kind);
  const pid_t pid = host.started();
  const auto seen = host.seen();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].process.pid == pid);
  CHECK(seen[0].incarnation == 1);
  CHECK(seen[0].kind == kind);
  const auto scratch = observe::read_handles(host.paths().handles);
  REQUIRE(scratch);
  CHECK((*scratch)->vmm == seen[0].process);
  CHECK((*scratch)->incarnation == 1);

  const ReportGone gone = host.gone(StopVmm{host.vm});
  CHECK(gone.by == StoppedBy::kRequest);
  CHECK(gone.incarnation == 1);
  CHECK(host.seen().empty());
  CHECK(host.effects().live(kVm) == nullptr);
  CHECK(host.content(host.paths().console_log).contains(": up"));
}

TEST_CASE("a start that finds its VMM running adopts it, and the adopted one can be stopped") {
  const VmmKind kind = any_kind();
  INFO(name_of(kind));
  VmmHost host(kind);
  const pid_t pid = host.started();
  host.restart_daemon();
  const EffectEnd end = host.done(SpawnVmm{host.vm});
  REQUIRE(end.outcomes.size() == 1);
  REQUIRE(std::holds_alternative<ReportSpawned>(end.outcomes[0]));
  CHECK(std::get<ReportSpawned>(end.outcomes[0]).adopted);
  CHECK(host.effects().live(kVm)->sighting().process.pid == pid);
  CHECK(host.gone(StopVmm{host.vm}).by == StoppedBy::kRequest);
  CHECK(host.seen().empty());
}

TEST_CASE("a stop finds a VMM that nobody watches") {
  const VmmKind kind = any_kind();
  INFO(name_of(kind));
  VmmHost host(kind);
  host.started();
  host.restart_daemon();
  CHECK(host.gone(StopVmm{host.vm}).by == StoppedBy::kRequest);
  CHECK(host.seen().empty());
}

TEST_CASE("a VMM of an earlier incarnation is ended by the next start, whoever started it") {
  const VmmKind kind = any_kind();
  INFO(name_of(kind));
  VmmHost host(kind);
  const pid_t before = host.started();
  host.restart_daemon();
  host.vm.incarnation = 2;
  CHECK(host.started() != before);
  CHECK(::waitpid(before, nullptr, 0) == before);  // of another daemon it would not be our child
  const auto seen = host.seen();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].incarnation == 2);
}

TEST_CASE("a guest that does not obey is ended with its VMM when the time is over") {
  const VmmKind kind = any_kind();
  INFO(name_of(kind));
  const Misbehaving deaf(kind, kind == VmmKind::kQemu ? "--ignore-powerdown" : "--ignore-ctrl-alt-del");
  VmmHost host(kind);
  host.started();
  host.vm.stop_timeout_ms = 50;
  CHECK(host.gone(StopVmm{host.vm}).by == StoppedBy::kForce);
  CHECK(host.seen().empty());
}

TEST_CASE("a forced stop asks nobody") {
  const VmmKind kind = any_kind();
  INFO(name_of(kind));
  VmmHost host(kind);
  host.started();
  host.vm.stop_mode = StopMode::kForced;
  CHECK(host.gone(StopVmm{host.vm}).by == StoppedBy::kForce);
  CHECK(host.seen().empty());
}

TEST_CASE("a VMM that takes its time comes up all the same") {
  const VmmKind kind = any_kind();
  INFO(name_of(kind));
  const Misbehaving slow(kind, "--start-delay-ms 300");
  VmmHost host(kind);
  host.started();
  CHECK(host.seen().size() == 1);
}

TEST_CASE("a VMM that dies while it starts fails the start with its last words, and the next one succeeds") {
  const VmmKind kind = any_kind();
  INFO(name_of(kind));
  VmmHost host(kind);
  {
    const Misbehaving dying(kind, "--die-at-start");
    fails_to_start(host, "exited with code 1: ");
  }
  host.vm.incarnation = 2;
  host.started();
}

TEST_CASE("a VMM that is not to be had fails the start") {
  const VmmKind kind = any_kind();
  INFO(name_of(kind));
  VmmHost host(kind);
  host.config.vmm_program = host.config.firecracker_program = "/nowhere/firecracker";
  fails_to_start(host, "/nowhere/firecracker");
}

TEST_CASE("a VMM whose guest switches itself off is told of, with who did it") {
  const VmmKind kind = any_kind();
  INFO(name_of(kind));
  VmmHost host(kind);
  const pid_t pid = host.started();
  SECTION("to the daemon that started it") {}
  SECTION("to one that adopted it") {
    host.restart_daemon();
    (void)host.done(SpawnVmm{host.vm});
  }
  REQUIRE(::kill(pid, SIGUSR1) == 0);
  const ReportGone gone = host.noticed();
  CHECK(gone.by == StoppedBy::kGuest);
  CHECK(gone.incarnation == 1);
}

TEST_CASE("a VMM that is killed behind our back is told of as dead") {
  const VmmKind kind = any_kind();
  INFO(name_of(kind));
  VmmHost host(kind);
  const pid_t pid = host.started();
  REQUIRE(::kill(pid, SIGKILL) == 0);
  const ReportGone gone = host.noticed();
  CHECK_FALSE(gone.by);
  CHECK(gone.cause == DeathCause::kSignalled);
  CHECK(gone.code == SIGKILL);
  host.vm.incarnation = 2;  // over whatever it left
  host.started();
}

TEST_CASE("a deleted VM leaves nothing, whatever it was doing") {
  const VmmKind kind = any_kind();
  INFO(name_of(kind));
  VmmHost host(kind);
  host.started();
  const EffectEnd end = host.done(TearDownVm{host.vm});
  REQUIRE(end.outcomes.size() == 1);
  CHECK(std::holds_alternative<ReportTornDown>(end.outcomes[0]));
  CHECK(host.seen().empty());
  CHECK_FALSE(fs::exists(host.paths().dir));
}

TEST_CASE("a guest's disk keeps what was written to it from one start to the next") {
  const VmmKind kind = any_kind();
  INFO(name_of(kind));
  VmmHost host(kind);
  host.started();
  const std::string disk = kind == VmmKind::kQemu ? host.paths().overlay : host.paths().raw;
  REQUIRE(fs::exists(disk));
  (void)host.gone(StopVmm{host.vm});
  const auto size = fs::file_size(disk);
  if (kind == VmmKind::kFirecracker) CHECK(size == 2 << 20);
  const auto written = fs::last_write_time(disk);
  host.vm.incarnation = 2;
  host.started();
  CHECK(fs::file_size(disk) == size);
  CHECK(fs::last_write_time(disk) == written);
}
