#include <kj/async-unix.h>
#include <CLI/CLI.hpp>

#include "cli/bangerctl/context.h"
#include "cli/bangerctl/render_json.h"
#include "cli/bangerctl/spawn.h"
#include "cli/bangerctl/table.h"
#include "cli/bangerctl/terminal.h"
#include "events/capnp_bytes.h"

namespace banger::ctl {
namespace {

constexpr auto kStopTimeout = 30 * kj::SECONDS;

Json info_json(schema::DaemonInfo::Reader info) {
  Json json{{"version", text_of(info.getVersion())},
            {"pid", info.getPid()},
            {"store_id", text_of(info.getStoreId())},
            {"data_dir", text_of(info.getDataDir())},
            {"socket", text_of(info.getSocket())}};
  add_field(json, "started_at_ns", info.getStartedAtNs());
  json["head_sequence"] = info.getHeadSequence();
  json["epoch"] = info.getEpoch();
  json["accelerator"] = text_of(info.getAccelerator());
  json["vmm"] = text_of(info.getVmm());
  json["disk"] = text_of(info.getDisk());
  json["network"] = text_of(info.getNetwork());
  json["observer"] = text_of(info.getObserver());
  json["low_water"] = info.getLowWater();
  json["config_file"] = text_of(info.getConfigFile());
  return json;
}

std::string info_text(schema::DaemonInfo::Reader info) {
  return describe(
      {{"Version", text_of(info.getVersion())},
       {"Pid", std::to_string(info.getPid())},
       {"Started", when_in_full(info.getStartedAtNs())},
       {"Data directory", text_of(info.getDataDir())},
       {"Socket", text_of(info.getSocket())},
       {"Configuration", text_of(info.getConfigFile())},
       {"Store", text_of(info.getStoreId())},
       {"Head of the log", std::to_string(info.getHeadSequence())},
       {"Epoch", std::to_string(info.getEpoch())},
       {"Accelerator", text_of(info.getAccelerator())},
       {"VMM", text_of(info.getVmm())},
       {"VMs' disks", text_of(info.getDisk())},
       {"Bridged VMs", text_of(info.getNetwork())},
       {"Observer", text_of(info.getObserver())},
       {"Disk", info.getLowWater() ? "nearly full: only deletes are taken" : "enough room"}});
}

Answer<int> tell(Context& context) {
  const auto info = context.session().info();
  return printed(context.json() ? dump(info_json(info)) + "\n" : info_text(info));
}

Answer<int> start(Context& context) {
  const auto connected = context.session().connect();
  if (!connected) return std::unexpected(connected.error());
  return tell(context);
}

Answer<int> status(Context& context) {
  const auto connected = context.session().connect(Session::Start::kNever);
  if (!connected) return std::unexpected(connected.error());
  return tell(context);
}

// Until the process is gone: only then may another one have the data directory.
Answer<int> stop(Context& context) {
  Session& session = context.session();
  const auto connected = session.connect(Session::Start::kNever);
  if (!connected) {
    remark("bangerctl: " + escape(connected.error().message));
    return kOk;
  }
  auto pidfd = open_pidfd(session.info().getPid());
  session.forbid_start();
  auto asked = session.control().stopRequest().send().ignoreResult().then(
      [] { return std::optional<Failure>(); },
      [](kj::Exception&& exception) { return lasting_failure(exception); });
  if (auto failure = asked.wait(session.io().waitScope))
    return std::unexpected(*std::move(failure));
  if (!pidfd) return kOk;  // it has ended already
  kj::UnixEventPort::FdObserver observer(session.io().unixEventPort, pidfd->get(),
                                         kj::UnixEventPort::FdObserver::OBSERVE_READ);
  bool ended = false;
  observer.whenBecomesReadable()
      .then([&ended] { ended = true; })
      .exclusiveJoin(session.timer().afterDelay(kStopTimeout))
      .wait(session.io().waitScope);
  if (ended) return kOk;
  return failed("the daemon was told to stop and has not ended after 30 s");
}

Answer<int> version(Context& context) {
  Session& session = context.session();
  const bool running = session.connect(Session::Start::kNever).has_value();
  const std::string daemon = running ? text_of(session.info().getVersion()) : "";
  if (context.json()) {
    return printed(dump(Json{{"bangerctl", BANGER_VERSION},
                             {"bangerd", running ? Json(daemon) : Json(nullptr)}}) +
                   "\n");
  }
  return printed(
      describe({{"bangerctl", BANGER_VERSION}, {"bangerd", running ? daemon : "not running"}}));
}

}  // namespace

void add_daemon_verbs(const Verbs& verbs) {
  CLI::App* noun =
      add_verb(verbs.app, "daemon", "The daemon, which other verbs start where none runs");
  noun->require_subcommand(1);
  CLI::App* verb = add_verb(*noun, "start", "Start it if it does not run");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, start);
  verb = add_verb(*noun, "stop", "Stop it; VMs go on running");
  on_chosen(verbs, verb, stop);
  verb = add_verb(*noun, "status", "Whether and how it runs");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, status);

  verb = add_verb(verbs.app, "version", "Versions of bangerctl and of the daemon that runs");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, version);
}

}  // namespace banger::ctl
