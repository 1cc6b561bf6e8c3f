#include <fcntl.h>

#include <chrono>

#include "events/log/files.h"
#include "tests/bench/bench.h"
#include "tests/bench/private_daemon.h"

namespace banger::bench {
namespace {

using Clock = std::chrono::steady_clock;

Result<double> run_ms(const std::vector<std::string>& argv,
                      const std::vector<std::string>& environment, int null) {
  const auto begun = Clock::now();
  const auto child = spawn(argv, environment, null, null);
  if (!child) return std::unexpected(child.error());
  BANGER_TRY(await_success(*child, argv[0]));
  return std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
}

}  // namespace

Status cli_start(const Options& options, Report& report) {
  const auto runs = options.pick<std::size_t>(2, 50, 300);
  Report::progress("bangerctl vm ls, " + std::to_string(runs) + " times");
  const auto daemon = PrivateDaemon::start(options.dir, "");
  if (!daemon) return std::unexpected(daemon.error());
  const log::Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  const std::vector<std::string> list = PrivateDaemon::argv({"--no-autostart", "vm", "ls"});
  std::vector<double> ours;
  std::vector<double> theirs;
  for (std::size_t i = 0; i < runs; ++i) {
    const auto listed = run_ms(list, (*daemon)->environment(), null.get());
    if (!listed) return std::unexpected(listed.error());
    const auto done = run_ms({"/bin/true"}, (*daemon)->environment(), null.get());
    if (!done) return std::unexpected(done.error());
    ours.push_back(*listed);
    theirs.push_back(*done);
  }
  report.add({.name = "cli_start_vm_ls_ms",
              .ours = median(ours),
              .rival = median(theirs),
              .sense = Target::kAtMost,
              .target = 3,
              .details = {{"p90_ms", quantile(ours, 0.9)},
                          {"true_p90_ms", quantile(theirs, 0.9)},
                          {"fastest_ms", quantile(ours, 0)},
                          {"true_fastest_ms", quantile(theirs, 0)}}});
  return {};
}

}  // namespace banger::bench
