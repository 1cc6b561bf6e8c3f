// A daemon on a log of millions of events: how soon it answers after a start, what it weighs.
#include <fcntl.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>

#include "events/log/files.h"
#include "tests/bench/bench.h"
#include "tests/bench/log_load.h"
#include "tests/bench/private_daemon.h"
#include "tests/bench/unsynced_env.h"

namespace banger::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kChunk = 8'192;
constexpr auto kDeadline = std::chrono::minutes(2);

// A past of that many events, at the end of which every VM is stopped or deleted.
Status write_past(const std::string& data_dir, std::size_t events, std::size_t vms) {
  std::filesystem::create_directories(data_dir);
  std::filesystem::permissions(data_dir, std::filesystem::perms::owner_all);
  const auto env = make_unsynced_env();
  auto load = LogLoad::open(data_dir, vms, env.get());
  if (!load) return std::unexpected(std::move(load).error());
  for (std::size_t written = 0; written < events; written += kChunk) {
    const auto done =
        (*load)->append((*load)->make_requests(std::min(kChunk, events - written)), kChunk);
    if (!done) return std::unexpected(done.error());
  }
  if (const auto done = (*load)->append((*load)->settling_requests(), kChunk); !done) {
    return std::unexpected(done.error());
  }
  return (*load)->close();
}

Result<double> ms_of(const PrivateDaemon& daemon, const std::vector<std::string>& words) {
  const auto begun = Clock::now();
  const auto done = daemon.ctl(words, kDeadline);
  if (!done) return std::unexpected(done.error());
  return std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
}

struct Told {
  std::vector<double> restart_ms, crash_restart_ms, list_ms;
  double idle_mib = 0;
};

Result<Told> ask(const std::string& dir, std::size_t rounds) {
  Told told;
  const auto daemon = PrivateDaemon::start(dir, "");
  if (!daemon) return std::unexpected(daemon.error());
  const auto note = [&](std::vector<double>& into,
                        const std::vector<std::string>& words) -> Status {
    const auto ms = ms_of(**daemon, words);
    if (!ms) return std::unexpected(ms.error());
    into.push_back(*ms);
    return {};
  };
  const auto names = (*daemon)->ctl({"vm", "ls", "-q"}, kDeadline);
  if (!names) return std::unexpected(names.error());
  const std::string some = names->substr(0, names->find('\n'));
  for (std::size_t i = 0; i < rounds; ++i) {
    if (const auto stopped = (*daemon)->ctl({"daemon", "stop"}, kDeadline); !stopped) {
      return std::unexpected(stopped.error());
    }
    BANGER_TRY(note(told.restart_ms, {"vm", "show", some, "-o", "json"}));
    const auto pid = (*daemon)->pid();
    if (!pid) return std::unexpected(pid.error());
    ::kill(*pid, SIGKILL);
    BANGER_TRY(note(told.crash_restart_ms, {"vm", "show", some, "-o", "json"}));
    BANGER_TRY(note(told.list_ms, {"vm", "ls"}));
  }
  const auto mib = (*daemon)->own_mib();
  if (!mib) return std::unexpected(mib.error());
  told.idle_mib = *mib;
  return told;
}

using Before = std::function<Status(const std::string& data_dir)>;

// `before`: what is asked of the log before a daemon has it.
Result<Told> measure(const std::string& dir, std::size_t events, std::size_t vms, std::size_t rounds,
                     const Before& before = {}) {
  Report::progress("big_log: writing " + std::to_string(events) + " events of " +
                   std::to_string(vms) + " VMs");
  BANGER_TRY(write_past(dir + "/daemon/data", events, vms));
  if (before) BANGER_TRY(before(dir + "/daemon/data"));
  auto told = ask(dir, rounds);
  std::filesystem::remove_all(dir + "/daemon");
  return told;
}

void at_most(Report& report, const std::string& name, double ours, double most,
             std::vector<std::pair<std::string, double>> details) {
  report.add(
      {.name = name, .ours = ours, .rival = most, .target = 1, .details = std::move(details)});
}

}  // namespace

Status big_log(const Options& options, Report& report) {
  const auto events = options.pick<std::size_t>(4'000, 200'000, 10'000'000);
  const auto many = options.pick<std::size_t>(50, 1'000, 10'000);
  const auto rounds = options.pick<std::size_t>(1, 3, 5);
  const auto small = measure(options.dir, events / 10, many, rounds);
  if (!small) return std::unexpected(small.error());
  const auto large = measure(options.dir, events, many, rounds,
                             [&](const std::string& data_dir) { return ask_past(data_dir, report); });
  if (!large) return std::unexpected(large.error());
  const auto some = options.pick<std::size_t>(50, 1'000, 1'000);
  const auto fleet = measure(options.dir, events, some, rounds);
  if (!fleet) return std::unexpected(fleet.error());
  const auto young = measure(options.dir, events / 10, some, rounds);
  if (!young) return std::unexpected(young.error());

  const auto count = static_cast<double>(events);
  at_most(report, "restart_to_answer_ms", median(large->restart_ms), 1'000,
          {{"events", count},
           {"vms", static_cast<double>(many)},
           {"a_tenth_of_the_events_ms", median(small->restart_ms)}});
  at_most(report, "restart_after_kill_ms", median(large->crash_restart_ms), 2'000,
          {{"events", count}});
  at_most(report, "vm_ls_1000_ms", median(fleet->list_ms), 15, {});
  at_most(report, "daemon_mib", fleet->idle_mib, 64,
          {{"with_10_times_the_vms_mib", large->idle_mib}});
  report.add({.name = "daemon_growth_mib",
              .ours = fleet->idle_mib,
              .rival = young->idle_mib,
              .target = 1.2,
              .details = {{"times_the_events", 10}}});
  return {};
}

}  // namespace banger::bench
