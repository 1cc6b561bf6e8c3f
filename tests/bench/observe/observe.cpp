// A look at the host and the plan that follows, by both observers in turn, on the same made-up host.
#include <chrono>
#include <optional>

#include "drivers/observe/native.h"
#include "drivers/observe/tools/tool_observer.h"
#include "engine/plan.h"
#include "tests/bench/bench.h"
#include "tests/bench/observe/synthetic_host.h"

namespace banger::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kBoundMs = 20;       // of a thousand VMs
constexpr std::size_t kBoundVms = 1'000;
constexpr double kTimesQuicker = 30;  // native than tools

double ms_since(Clock::time_point then) {
  return std::chrono::duration<double, std::milli>(Clock::now() - then).count();
}

// As the daemon runs it.
class Tools {
 public:
  Tools(const observe::LookSpec& spec, const observe::ToolOptions& options) : observer_(loop_, *pool_, spec, options) {}
  Tools(const Tools&) = delete;
  Tools& operator=(const Tools&) = delete;
  ~Tools() {
    pool_.reset();
    loop_.drain();
  }
  observe::Look look() {
    std::optional<observe::Look> told;
    observer_.observe([&](observe::Look look) {
      told = std::move(look);
      loop_.stop();
    });
    loop_.run();
    return *std::move(told);
  }

 private:
  uv::Loop loop_;
  std::unique_ptr<uv::WorkerPool> pool_ = std::make_unique<uv::WorkerPool>(loop_, 1);
  observe::ToolObserver observer_;
};

// One pass; an Error where it did not see every VM, or would do anything.
template <class Looks>
Result<double> pass(const SyntheticHost& host, Looks look) {
  const auto since = Clock::now();
  const observe::Look seen = look();
  const Plan planned = plan(host.fleet(), seen.seen, {});
  const double ms = ms_since(since);
  if (!seen.unknown.empty()) return fail(seen.unknown.front());
  if (seen.seen.vmms.size() != host.fleet().vms.size()) {
    return fail(std::to_string(seen.seen.vmms.size()) + " of " + std::to_string(host.fleet().vms.size()) + " VMs were seen");
  }
  if (!planned.effects.empty()) return fail("a host that is as it should be was not left alone");
  return ms;
}

struct Passes {
  double native_ms = 0, tools_ms = 0;
};

Result<Passes> measure(const Options& options, std::size_t vms, std::size_t rounds) {
  SyntheticHost host(options.dir, vms);
  auto pgrep = host.pgrep();
  if (!pgrep) return std::unexpected(pgrep.error());
  Tools tools(host.spec(), {.pgrep = *std::move(pgrep), .deadline_ms = 120'000});
  std::vector<double> native_ms, tools_ms;
  for (std::size_t round = 0; round <= rounds; ++round) {
    auto native = pass(host, [&] { return observe::observe_native(host.spec()); });
    if (!native) return with_context("native", native.error());
    auto by_tools = pass(host, [&] { return tools.look(); });
    if (!by_tools) return with_context("tools", by_tools.error());
    if (round == 0) continue;  // the files come into the cache
    native_ms.push_back(*native);
    tools_ms.push_back(*by_tools);
  }
  return Passes{median(native_ms), median(tools_ms)};
}

}  // namespace

Status observe_host(const Options& options, Report& report) {
  const std::vector<std::size_t> sizes = options.pick<std::vector<std::size_t>>(
      {10, 20}, {10, 100, kBoundVms}, {10, 100, kBoundVms, 10'000});
  const std::size_t rounds = options.pick<std::size_t>(1, 5, 15);
  std::vector<double> each_us;
  for (const std::size_t vms : sizes) {
    Report::progress("observe: " + std::to_string(vms) + " VMs");
    const auto passes = measure(options, vms, rounds);
    if (!passes) return std::unexpected(passes.error());
    const auto count = static_cast<double>(vms);
    each_us.push_back(passes->native_ms * 1000 / count);
    report.add({.name = "observe_" + std::to_string(vms) + "_ms",
                .ours = passes->native_ms,
                .rival = passes->tools_ms,
                .sense = Target::kAtMost,
                .target = 1 / kTimesQuicker,
                .details = {{"native_us_a_vm", each_us.back()}, {"tools_times_native", passes->tools_ms / passes->native_ms}}});
    if (vms != kBoundVms) continue;
    report.add({.name = "observe_1000_bound_ms",
                .ours = passes->native_ms,
                .rival = kBoundMs,
                .sense = Target::kAtMost,
                .target = 1});
  }
  // Linear: with ten times the VMs a VM costs no more.
  report.add({.name = "observe_growth_us_a_vm",
              .ours = each_us.back(),
              .rival = each_us[each_us.size() - 2],
              .sense = Target::kAtMost,
              .target = 1.2});
  return {};
}

}  // namespace banger::bench
