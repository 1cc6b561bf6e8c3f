// banger-bench: runs benchmarks and prints what they found. scripts/bench builds and starts it.
// Whatever the ratios, it exits 0; 1 says that a benchmark could not be run.
#include <CLI/CLI.hpp>
#include <map>

#include "tests/bench/bench.h"

namespace {

using namespace banger;
using namespace banger::bench;

using Benchmark = Status (*)(const Options&, Report&);

const std::vector<std::pair<std::string, Benchmark>> kBenchmarks = {
    {"log_append", log_append}, {"replay", replay},   {"rpc", rpc},
    {"follow", follow},         {"past", past},       {"big_log", big_log},
    {"observe", observe_host},  {"cli_start", cli_start},   {"vm_run", vm_run}};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  bool quick = false;
  bool smoke = false;
  bool json = false;
  std::vector<std::string> names;
  std::set<std::string> known;
  for (const auto& [name, run] : kBenchmarks) known.insert(name);
  CLI::App app("banger-bench: banger beside its rivals");
  app.add_flag("--quick", quick, "Less of everything");
  app.add_flag("--smoke", smoke, "Only see that it runs: the figures mean nothing")
      ->excludes("--quick");
  app.add_flag("--json", json, "One JSON object a line");
  app.add_option("--dir", options.dir, "An empty directory, on the disk to be measured")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("benchmark", names, "Which; without any, all")->check(CLI::IsMember(known));
  CLI11_PARSE(app, argc, argv);
  options.size = smoke ? Size::kSmoke : quick ? Size::kQuick : Size::kFull;

  Report report(json);
  bool failed = false;
  for (const auto& [name, run] : kBenchmarks) {
    if (!names.empty() && std::ranges::count(names, name) == 0) continue;
    if (auto done = run(options, report); !done) {
      std::fprintf(stderr, "banger-bench: %s: %s\n", name.c_str(), done.error().message.c_str());
      failed = true;
    }
  }
  return failed ? 1 : 0;
}
