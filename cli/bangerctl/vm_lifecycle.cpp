#include <CLI/CLI.hpp>
#include <algorithm>
#include <set>

#include "cli/bangerctl/sizes.h"
#include "cli/bangerctl/terminal.h"
#include "cli/bangerctl/vm_verbs.h"
#include "cli/bangerctl/vm_watch.h"

namespace banger::ctl {
namespace {

constexpr std::uint64_t kDefaultStopMs = 10'000;  // as docker
// For proofs of absence and for a guest that has been given its time.
constexpr std::uint64_t kSettleMs = 120'000;

struct ManyOptions {
  std::vector<std::string> vms;
  std::string timeout;
  bool force = false;
  bool detach = false;
  std::string state = "ready";
};

std::vector<std::string> without_repeats(const std::vector<std::string>& names) {
  std::vector<std::string> once;
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (seen.insert(name).second) once.push_back(name);
  }
  return once;
}

// Prints what went well in the order in which it was asked for, and complains about the rest.
Answer<int> tell_each(const std::vector<std::string>& names,
                      const std::vector<Answer<void>>& ends) {
  int code = kOk;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (ends[i]) {
      const auto printed = print(escape(names[i]) + "\n");
      if (!printed) return std::unexpected(printed.error());
      continue;
    }
    complain(ends[i].error());
    code = std::max(code, ends[i].error().exit);
  }
  return code;
}

struct Errand {
  std::function<void(schema::Intent::Builder, const std::string& vm)> fill;
  Verdict until;  // null: it is done once accepted
  std::uint64_t timeout_ms = kForever;
};

// One intent for each name, all at once; then waits for all that were accepted.
Answer<int> run_errand(Context& context, const std::vector<std::string>& names,
                       const Errand& errand) {
  Session& session = context.session();
  const auto accepted = submit_each(
      session, names.size(),
      [&](schema::Intent::Builder intent, std::size_t i) { errand.fill(intent, names[i]); });
  std::vector<Answer<void>> ends(names.size());
  std::vector<Watched> watched;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!accepted[i]) {
      ends[i] = std::unexpected(accepted[i].error());
    } else if (errand.until) {
      watched.push_back({to_hex(accepted[i]->stream.id), errand.until});
      places.push_back(i);
    }
  }
  Progress progress;
  auto verdicts = watch_each(session, watched, errand.timeout_ms, progress);
  for (std::size_t i = 0; i < places.size(); ++i) ends[places[i]] = std::move(verdicts[i]);
  return tell_each(names, ends);
}

Answer<std::uint64_t> timeout_of(const ManyOptions& options, std::uint64_t otherwise) {
  if (options.timeout.empty()) return otherwise;
  const auto timeout = parse_duration_ms(options.timeout);
  if (!timeout) return misused("the timeout: " + timeout.error().message);
  return *timeout;
}

Answer<int> start(Context& context, const ManyOptions& options) {
  return run_errand(
      context, without_repeats(options.vms),
      {[](schema::Intent::Builder intent, const std::string& vm) { intent.setStartVm(vm); },
       options.detach ? Verdict() : Verdict(ready_yet)});
}

Answer<int> stop(Context& context, const ManyOptions& options, bool forced, bool again) {
  const auto timeout = timeout_of(options, kDefaultStopMs);
  if (!timeout) return std::unexpected(timeout.error());
  Errand errand;
  errand.fill = [&, forced, again](schema::Intent::Builder intent, const std::string& vm) {
    auto out = again ? intent.initRestartVm() : intent.initStopVm();
    out.setVm(vm);
    out.setForced(forced);
    out.setTimeoutMs(forced ? 0 : *timeout);
  };
  if (!options.detach) errand.until = again ? ready_yet : down_yet;
  if (!again) errand.timeout_ms = *timeout + kSettleMs;
  return run_errand(context, without_repeats(options.vms), errand);
}

Answer<int> remove(Context& context, const ManyOptions& options) {
  Errand errand;
  errand.fill = [&](schema::Intent::Builder intent, const std::string& vm) {
    auto out = intent.initDeleteVm();
    out.setVm(vm);
    out.setForce(options.force);
  };
  errand.until = gone_yet;
  errand.timeout_ms = kSettleMs;
  return run_errand(context, without_repeats(options.vms), errand);
}

Verdict verdict_for(const std::string& state) {
  if (state == "running") return running_yet;
  if (state == "stopped") return down_yet;
  if (state == "deleted") return gone_yet;
  return ready_yet;
}

Answer<int> wait(Context& context, const ManyOptions& options) {
  const auto timeout = timeout_of(options, kForever);
  if (!timeout) return std::unexpected(timeout.error());
  const std::vector<std::string> names = without_repeats(options.vms);
  std::vector<Watched> watched;
  for (const std::string& name : names) watched.push_back({name, verdict_for(options.state)});
  Progress progress;
  return tell_each(names, watch_each(context.session(), watched, *timeout, progress));
}

using Errands = Answer<int> (*)(Context&, const ManyOptions&);

CLI::App* add_many(const Verbs& verbs, CLI::App& vm, const std::string& name,
                   const std::string& about, const std::shared_ptr<ManyOptions>& options,
                   Errands errands) {
  CLI::App* verb = add_verb(vm, name, about);
  verb->add_option("vm", options->vms, "Names, ids or prefixes of ids")->required();
  on_chosen(verbs, verb,
            [options, errands](Context& context) { return errands(context, *options); });
  return verb;
}

}  // namespace

void add_lifecycle_verbs(const Verbs& verbs, CLI::App& vm) {
  auto options = std::make_shared<ManyOptions>();
  CLI::App* verb =
      add_many(verbs, vm, "start", "Start VMs and wait until their guests answer", options, start);
  verb->add_flag("-d,--detach", options->detach, "Do not wait");

  options = std::make_shared<ManyOptions>();
  verb = add_many(verbs, vm, "stop", "Ask guests to power off; kill those that do not in time",
                  options, [](Context& context, const ManyOptions& given) {
                    return stop(context, given, given.force, false);
                  });
  verb->add_option("-t,--time,--timeout", options->timeout, "How long a guest may take (10)");
  verb->add_flag("-f,--force", options->force, "Kill at once");
  verb->add_flag("-d,--detach", options->detach, "Do not wait");

  options = std::make_shared<ManyOptions>();
  verb = add_many(verbs, vm, "restart", "Stop and start again", options,
                  [](Context& context, const ManyOptions& given) {
                    return stop(context, given, given.force, true);
                  });
  verb->add_option("-t,--time,--timeout", options->timeout,
                   "How long a guest may take to stop (10)");
  verb->add_flag("-f,--force", options->force, "Kill at once");
  verb->add_flag("-d,--detach", options->detach, "Do not wait");

  options = std::make_shared<ManyOptions>();
  add_many(
      verbs, vm, "kill", "Stop VMs without asking their guests", options,
      [](Context& context, const ManyOptions& given) { return stop(context, given, true, false); });

  options = std::make_shared<ManyOptions>();
  verb = add_many(verbs, vm, "rm", "Delete VMs and their disks", options, remove);
  verb->add_flag("-f,--force", options->force, "Even those that run");

  options = std::make_shared<ManyOptions>();
  verb = add_many(verbs, vm, "wait", "Wait for what VMs become", options, wait);
  verb->add_option("--for", options->state, "ready, running, stopped or deleted")
      ->check(CLI::IsMember({"ready", "running", "stopped", "deleted"}))
      ->capture_default_str();
  verb->add_option("--timeout", options->timeout, "Give up after this long: 90, 5m");
}

}  // namespace banger::ctl
