#include "cli/bangerd/metrics/measures.h"

namespace banger::bangerd {
namespace {

std::vector<std::pair<Label, double>> by_state(const std::map<std::string_view, std::uint64_t>& all) {
  std::vector<std::pair<Label, double>> samples;
  for (const auto& [state, count] : all) {
    samples.push_back({{"state", std::string(state)}, static_cast<double>(count)});
  }
  return samples;
}

}  // namespace

void count_fleet(const Fleet& fleet, Measures& measures) {
  for (const VmState state : {VmState::kCreated, VmState::kStarting, VmState::kRunning, VmState::kStopping,
                              VmState::kStopped, VmState::kError, VmState::kDeleting}) {
    measures.vms[name_of(state)] = 0;
  }
  for (const auto& [id, vm] : fleet.vms) ++measures.vms[name_of(vm.state)];
  for (const ImageState state : {ImageState::kMaking, ImageState::kReady, ImageState::kFailed, ImageState::kDeleting}) {
    measures.images[name_of(state)] = 0;
  }
  for (const auto& [id, image] : fleet.images) ++measures.images[name_of(image.state)];
}

Histogram commit_latency_histogram() {
  return Histogram({0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5});
}

std::string metrics_text(const Measures& m, const Histogram& commit_latency) {
  Exposition out;
  out.gauges("banger_build_info", "1, with the daemon's version.", {{{"version", m.version}, 1}});
  out.gauge("banger_start_time_seconds", "When the daemon started, since 1970.",
            static_cast<double>(m.started_at_ns) / 1e9);
  out.gauge("banger_log_head_sequence", "Last durable event of the log.", static_cast<double>(m.head_sequence));
  out.gauge("banger_log_epoch", "The log's epoch; it rises by a restore or an accepted loss.",
            static_cast<double>(m.epoch));
  out.counter("banger_log_events_appended_total", "Events that this process has made durable.", m.appended);
  out.histogram("banger_log_commit_seconds", "From a request's append until it is synced.", commit_latency);
  out.gauge("banger_log_queue_depth", "Requests that are not durable yet.", static_cast<double>(m.queue_depth));
  out.gauge("banger_log_bytes", "What the log takes on disk.", static_cast<double>(m.log_bytes));
  out.gauge("banger_log_low_water", "1 while the disk is so full that only stops and deletes are taken.",
            m.low_water ? 1 : 0);
  out.gauges("banger_vms", "VMs by state.", by_state(m.vms));
  out.gauges("banger_images", "Images by state.", by_state(m.images));
  out.gauge("banger_parked_streams", "Streams that an inconsistent event has stopped.", static_cast<double>(m.parked));
  out.counter("banger_shadow_folds_total", "How often this process held the stored rows against a fold of the log.",
              m.shadow_folds);
  out.gauge("banger_shadow_fold_time_seconds", "When the last shadow fold ended, since 1970; 0: none yet.",
            static_cast<double>(m.last_shadow_fold_ns) / 1e9);
  out.gauge("banger_shadow_fold_sequence", "The event up to which the last shadow fold went.",
            static_cast<double>(m.shadow_fold_to));
  out.gauge("banger_drifted_rows", "Rows that the last shadow fold found other than the log makes them.",
            static_cast<double>(m.drifted_rows));
  out.counter("banger_reconcile_corrections_total", "Corrections of the host, or of what was believed of it.",
              m.corrections);
  out.summary("banger_reconcile_observation_seconds", "Looks at the host.", m.observations, m.observed_us);
  out.gauge("banger_effects_in_flight", "Effects on the host that are under way.", static_cast<double>(m.in_flight));
  out.gauge("banger_effects_held", "Subjects whose effects wait for the next tick.", static_cast<double>(m.held));
  out.gauge("banger_rpc_connections", "Clients that are connected.", static_cast<double>(m.connections));
  return out.text();
}

}  // namespace banger::bangerd
