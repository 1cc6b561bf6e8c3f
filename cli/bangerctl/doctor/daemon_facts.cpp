#include <set>

#include "cli/bangerctl/disk/leftovers.h"
#include "cli/bangerctl/doctor/gather.h"
#include "cli/bangerctl/event_reader.h"
#include "cli/bangerctl/render_event.h"
#include "cli/bangerctl/rows.h"
#include "engine/paths.h"
#include "events/capnp_bytes.h"
#include "projections/rows.h"

namespace banger::ctl::doctor {
namespace {

void gather_plan(Session& session, Facts& facts) {
  auto answer = session.call(
      [](schema::Control::Client control) { return control.reconcilePlanRequest().send(); });
  if (!answer) return;
  facts.plan.emplace();
  for (const auto line : answer->getLines()) {
    facts.plan->push_back({text_of(line.getSubject()), text_of(line.getDesired()),
                           text_of(line.getObserved()), text_of(line.getAction()),
                           text_of(line.getUnderWay())});
  }
}

void gather_reconciler(Session& session, DaemonFact& daemon) {
  auto answer = session.call(
      [](schema::Control::Client control) { return control.reconcileStatusRequest().send(); });
  if (!answer) return;
  const auto status = answer->getStatus();
  daemon.reconcile_error = text_of(status.getLastError());
  daemon.last_observation_ns = status.getLastObservationNs();
  daemon.tick_ms = status.getTickMs();
}

void gather_parked(Session& session, Facts& facts) {
  const auto rows = read_rows(session, std::string(kParkedStreams.name));
  if (!rows) return;
  for (const auto& [key, value] : *rows) {
    const auto row = parse_parked_row(value);
    if (row) facts.parked.push_back(stream_label(row->first, "") + ": " + row->second.reason);
  }
}

// What lies below the data directory and belongs to none of the log's VMs.
void gather_strays(Session& session, Facts& facts) {
  const std::string vms_dir = Layout{facts.data_dir}.vms_dir();
  const std::vector<VmmProcess> vmms = find_vmms(vms_dir);
  if (auto names = directories_of_nobody(session, vms_dir)) {
    facts.directories_of_nobody = *std::move(names);
  }
  // Asked after the look at the processes: a VM that is made meanwhile is known.
  const auto vms = read_vms(session);
  if (!vms) return;
  std::set<std::string> known;
  for (const VmRuntime& vm : *vms) known.insert(vm.id.hex());
  for (const VmmProcess& each : vmms) {
    if (known.contains(each.vm)) continue;
    facts.vmms_of_nobody.push_back("pid " + std::to_string(each.process) + ", VM " + each.vm);
  }
}

}  // namespace

bool gather_daemon(Session& session, Facts& facts) {
  const auto connected = session.connect(Session::Start::kNever);
  if (!connected) {
    facts.daemon_error = connected.error().message;
    return false;
  }
  const auto info = session.info();
  DaemonFact daemon{.version = text_of(info.getVersion()),
                    .process = info.getPid(),
                    .accelerator = text_of(info.getAccelerator()),
                    .disk = text_of(info.getDisk()),
                    .network = text_of(info.getNetwork()),
                    .observer = text_of(info.getObserver()),
                    .vmm = text_of(info.getVmm()),
                    .low_water = info.getLowWater()};
  facts.data_dir = text_of(info.getDataDir());
  facts.log = LogFact{.head = info.getHeadSequence(), .epoch = info.getEpoch()};
  if (info.getHeadSequence() != 0) {
    const auto last = EventReader(session).at(info.getHeadSequence());
    if (last) daemon.last_event_ns = last->envelope.time_ns;
    if (!last) facts.log->error = last.error().message;
  }
  gather_reconciler(session, daemon);
  facts.daemon = std::move(daemon);
  gather_plan(session, facts);
  gather_parked(session, facts);
  gather_strays(session, facts);
  if (const auto images = read_images(session)) {
    for (const Image& image : *images) {
      if (image.state == ImageState::kFailed) facts.failed_images.push_back(image.name);
    }
  }
  return true;
}

}  // namespace banger::ctl::doctor
