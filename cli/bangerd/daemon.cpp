#include "cli/bangerd/daemon.h"

#include <pwd.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <mutex>

#include "cli/bangerd/access.h"
#include "cli/bangerd/adapters.h"
#include "cli/bangerd/bridging.h"
#include "cli/bangerd/metrics/publisher.h"
#include "cli/bangerd/service.h"
#include "cli/bangerd/supervisor.h"
#include "drivers/observe/process.h"
#include "drivers/rpc/control_server.h"
#include "drivers/rpc/kj_loop.h"
#include "drivers/uv/signal_watcher.h"

namespace banger::bangerd {
namespace {

// Durability comes from the writer's thread, often; the loop needs to hear of the latest only.
class DurabilityRelay {
 public:
  explicit DurabilityRelay(uv::Loop& loop) : loop_(loop) {}

  void told(log::Durable durable) {  // any thread
    std::lock_guard lock(mutex_);
    latest_ = durable;
    if (!std::exchange(posted_, true)) loop_.post([this] { deliver(); });
  }
  void listen(std::function<void(log::Durable)> hear) { hear_ = std::move(hear); }

 private:
  void deliver() {
    log::Durable durable;
    {
      std::lock_guard lock(mutex_);
      durable = latest_;
      posted_ = false;
    }
    if (hear_) hear_(durable);
  }

  uv::Loop& loop_;
  std::mutex mutex_;
  log::Durable latest_;
  bool posted_ = false;
  std::function<void(log::Durable)> hear_;
};

// A failed append or sync: what it left behind is only known once the log is opened again. Nothing is cleaned up.
[[noreturn]] void die_of_log(const Error& error) {
  spdlog::critical("the event log failed, and the daemon stops: {}", error.message);
  spdlog::shutdown();
  ::_exit(70);
}

Actor self() {
  const passwd* entry = ::getpwuid(::geteuid());
  return {::geteuid(), entry ? entry->pw_name : std::to_string(::geteuid()), ""};
}

Result<RuntimeOptions> runtime_options(const Config& config) {
  auto boot = observe::boot_id();
  if (!boot) return std::unexpected(boot.error());
  auto kernel = observe::kernel_release();
  if (!kernel) return std::unexpected(kernel.error());
  return RuntimeOptions{.limits = config.limits,
                        .self = self(),
                        .boot = *boot,
                        .kernel_release = *kernel,
                        .version = BANGER_VERSION,
                        .tick_ms = config.tick_ms,
                        .sweep = config.sweep_leftovers,
                        .exec_grace_ms = config.exec_grace_ms};
}

// What a restore or a repair did while no daemon ran; the log's first epoch is no news.
Result<std::vector<LogEpochBegan>> later_epochs(const log::EventLog& log) {
  auto epochs = log.epochs();
  if (!epochs) return std::unexpected(epochs.error());
  std::vector<LogEpochBegan> later;
  for (const log::Epoch& epoch : *epochs) {
    if (epoch.reason == EpochReason::kCreated) continue;
    later.push_back({epoch.number, epoch.reason, epoch.begins_after, epoch.anchored});
  }
  return later;
}

effects::HostConfig host_config(const Config& config, const Layout& layout, BootId boot) {
  effects::HostConfig host{.layout = layout,
                           .boot = boot,
                           .vmm = config.vmm,
                           .vmm_program = config.vmm_program,
                           .firecracker_program = config.firecracker_program,
                           .jailer = config.jailer,
                           .first_jail_uid = static_cast<std::uint32_t>(config.first_jail_uid),
                           .jail_uids = static_cast<std::uint32_t>(config.jail_uids),
                           .accel = config.accel,
                           .console_bytes = config.console_bytes,
                           .resolver_port = static_cast<std::uint16_t>(config.resolver_port)};
  for (const std::string& program : {config.vmm_program, config.firecracker_program}) {
    host.where.vmm_programs.push_back(program);
  }
  return host;
}

observe::LookSpec look_spec(const effects::HostConfig& host, const disk::Disks& disks,
                            const effects::GuestLinks& links, StoreId store) {
  observe::LookSpec spec{.layout = host.layout, .boot = host.boot, .where = host.where};
  if (disks.hold_kernel_devices()) spec.disks_of = store;
  if (links.settings()) {
    spec.links_of = store;
    spec.network = [&links] { return links.look(); };
  }
  return spec;
}

Result<std::unique_ptr<log::EventLog>> open_log(const Config& config, const Layout& layout, DurabilityRelay& relay) {
  return log::EventLog::open({.paths = {layout.log_dir(), layout.anchor_dir()},
                              .on_durable = [&relay](log::Durable durable) { relay.told(durable); },
                              .on_failure = die_of_log,
                              .low_water_bytes = config.low_water_mib << 20,
                              .ballast_bytes = config.ballast_mib << 20});
}

}  // namespace

Status serve(const Config& config, const Layout& layout, const std::function<void()>& serving) {
  SystemClock clock;
  SystemEntropy entropy;
  auto options = runtime_options(config);
  if (!options) return std::unexpected(options.error());
  auto access = access_of(config);
  if (!access) return std::unexpected(access.error());
  auto images = image::ImageStore::open(layout.images_dir());
  if (!images) return std::unexpected(images.error());

  uv::Loop loop;
  rpc::KjLoop kj(loop);
  DurabilityRelay relay(loop);
  auto log = open_log(config, layout, relay);
  if (!log) return std::unexpected(log.error());
  auto epochs = later_epochs(**log);
  if (!epochs) return std::unexpected(epochs.error());
  options->log_epochs = *std::move(epochs);
  StoredLog stored(**log, clock);
  auto store = load_store(stored);
  if (!store) return std::unexpected(store.error());

  const effects::HostConfig host = host_config(config, layout, options->boot);
  effects::Accelerator accelerator(config.accel, layout.data_dir);
  const effects::VmmDrivers vmms(host, accelerator);
  const disk::Disks disks(config.disk, (*log)->store_id(), disk::snapshots_usable());
  const auto bridged = link_settings(config, (*log)->store_id());
  if (bridged) options->limits.subnet = bridged->subnet;
  effects::GuestLinks links(bridged ? std::optional(*bridged) : std::nullopt);
  observe::HandleCache handles(layout);
  LoopTimers timers(loop);
  auto eyes = std::make_unique<uv::WorkerPool>(loop, 1);
  auto quick = std::make_unique<uv::WorkerPool>(loop, 4, 65'536);
  auto slow = std::make_unique<uv::WorkerPool>(loop, 1);
  auto readers = std::make_unique<uv::WorkerPool>(loop, 2);
  std::unique_ptr<Runtime> runtime;
  auto effects = std::make_unique<effects::HostEffects>(
      loop, *quick, *slow, effects::StepTools{host, vmms, *images, handles, disks, links},
      [&runtime](Ask outcome) { runtime->notice(std::move(outcome)); });
  HostObserver observer(config.observer, loop, *eyes, look_spec(host, disks, links, (*log)->store_id()),
                        [&runtime, &effects](const Observation& observation) {
                          if (effects && runtime) effects->saw(observation, runtime->fleet());
                        });
  runtime = std::make_unique<Runtime>(Ports{clock, entropy, timers, stored, observer, *effects}, *options,
                                      *std::move(store));
  relay.listen([&runtime, &stored](log::Durable durable) {
    stored.durable(durable);
    runtime->on_durable(durable);
  });

  Supervisor supervisor(loop);
  auto stop = [&runtime, &loop, &supervisor, stopping = false]() mutable {
    if (std::exchange(stopping, true)) return;
    spdlog::info("stopping; VMs go on");
    supervisor.stopping();
    runtime->stop([&loop] { loop.stop(); });
  };
  std::function<void()> stop_once = stop;
  const std::int64_t began_ns = clock.wall_ns();
  auto service = std::make_unique<Service>(ServiceParts{loop, config, layout, *runtime, **log, *effects, accelerator, vmms,
                                                        disks, describe(bridged), *slow, *readers, began_ns, [&stop_once] { stop_once(); }});
  auto server = rpc::Server::listen(
      loop, config.socket, *access, {.idle_ms = config.idle_ms},
      rpc::make_controls(*service),
      [](std::string_view line) { spdlog::warn("{}", line); });
  if (!server) return std::unexpected(server.error());
  auto signals = uv::SignalWatcher::open(loop, {SIGTERM, SIGINT}, [&stop_once](int) { stop_once(); });
  if (!signals) return std::unexpected(signals.error());
  auto publisher = Publisher::start(
      {loop, config, layout, *runtime, **log, stored, *server, *quick, began_ns});
  if (!publisher) return std::unexpected(publisher.error());
  uv::Timer water(loop, [&runtime, &log, &publisher] {
    auto low = (*log)->low_water();
    if (low && *low != runtime->low_water()) spdlog::warn("disk space is {}", *low ? "low" : "enough again");
    if (low) runtime->set_low_water(*low);
    (*publisher)->tick();
  });
  water.start_every(config.tick_ms);

  runtime->start();
  spdlog::info("bangerd {} serves {} on {}", BANGER_VERSION, layout.data_dir, config.socket);
  serving();
  supervisor.serving("serves " + layout.data_dir + " on " + config.socket);
  loop.run();

  // Clients first, then what acts on the host, then the runtime, and the log last: its anchor is exact after this. Timers still fire
  // while the loop is drained.
  water.stop();
  publisher->reset();
  server->stop();
  service.reset();
  effects.reset();
  observer.stop();
  eyes.reset();
  quick.reset();
  slow.reset();
  readers.reset();
  loop.drain();
  relay.listen(nullptr);
  runtime.reset();
  auto closed = (*log)->shutdown();
  spdlog::info("stopped");
  return closed;
}

}  // namespace banger::bangerd
