#include "drivers/effects/vm_steps.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>

#include "drivers/effects/vmm/guest_facts.h"
#include "drivers/guest/keys.h"
#include "drivers/host/durable.h"
#include "drivers/host/joined.h"
#include "drivers/image/image_store.h"
#include "drivers/image/seed.h"
#include "drivers/uv/spawn.h"
#include "drivers/vmm/console.h"
#include "drivers/vmm/host_ports.h"

namespace banger::effects {
namespace {

constexpr int kKillWaitMs = 10'000;
// What the kernel still does for a VMM that has just ended; whoever else has a VM's disk open may keep it for long.
constexpr std::chrono::seconds kReleasePatience{5};

std::unexpected<StartFailure> failed(StartStage stage, std::string message) {
  return std::unexpected(StartFailure{stage, std::move(message)});
}

Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno("mkdir " + path, errno);
  return {};
}

// Both key pairs and the seed disk, made at the first start. The seed is written last: where it is, all is.
Status ensure_keys(const VmPaths& paths, const VmRuntime& vm) {
  if (::access(paths.seed.c_str(), F_OK) == 0) return {};
  auto host = guest::make_key_pair(vm.name);
  if (!host) return std::unexpected(host.error());
  auto client = guest::make_key_pair("banger");
  if (!client) return std::unexpected(client.error());
  BANGER_TRY(guest::write_private_file(paths.client_key, client->private_openssh));
  BANGER_TRY(guest::write_private_file(paths.host_key_public, host->public_line));
  return image::write_seed(paths.seed, {.hostname = vm.name,
                                        .authorized_key = client->public_line,
                                        .host_key_openssh = host->private_openssh,
                                        .host_key_dropbear = host->private_dropbear,
                                        .host_key_public = host->public_line});
}

// For one that nothing watches: were it our child, it would stay a zombie for as long as we live.
Status end_unwatched(const ProcessIdentity& process) {
  BANGER_TRY(kill_process(process));
  (void)::waitpid(process.pid, nullptr, WNOHANG);  // ECHILD: an earlier daemon's, which somebody else reaps
  return {};
}

// A busy port is an outcome of its own: it may lead to another allocation.
std::expected<void, StartFailure> check_ports(const VmRuntime& vm) {
  auto busy = vmm::busy_ports(forwards_of(vm));
  if (!busy) return failed(StartStage::kPorts, busy.error().message);
  if (busy->empty()) return {};
  return std::unexpected(StartFailure{StartStage::kPorts, "a host port is busy", busy->front().host_port});
}

std::expected<Vmm, StartFailure> spawn_vmm(const StepTools& tools, const VmmDriver& driver, const VmPaths& paths,
                                           const VmRuntime& vm, const image::ImageInfo& image,
                                           const disk::VmmDisk& disk, VmHandles handles) {
  auto launch = driver.prepare({vm, paths, image, disk, handles, tools.links.address_of(vm)});
  if (!launch) return failed(StartStage::kVmm, launch.error().message);
  if (launch->runs_as && !handles.tap_device.empty()) {
    if (auto given = tools.links.acquire(vm, launch->runs_as); !given) return failed(StartStage::kNetwork, given.error().message);
  }
  auto console = vmm::open_console(paths.console_pipe);
  if (!console) return failed(StartStage::kVmm, console.error().message);
  Fd reader(*console);
  auto complaints = vmm::open_console_writer(paths.console_pipe);
  if (!complaints) return failed(StartStage::kVmm, complaints.error().message);
  Fd writer(*complaints);
  // A socket that a killed VMM left behind would look like a VMM that answers nobody.
  ::unlink(paths.api_socket.c_str());
  auto spawned = uv::spawn({.argv = std::move(launch->argv), .stdout_fd = writer.get(), .stderr_fd = writer.get()});
  if (!spawned) return failed(StartStage::kVmm, spawned.error().message);
  Vmm vmm{.sighting = {{tools.config.boot, spawned->pid, spawned->start_time_ticks},
                       vm.incarnation,
                       driver.kind(),
                       std::move(launch->jail)},
          .pidfd = std::move(spawned->pidfd),
          .console = std::move(reader),
          .set_up = std::move(launch->set_up)};
  // The scratch file before anything in memory: a crash from here on finds the process by it, or by its argv.
  handles.vmm = vmm.sighting.process;
  auto noted = tools.handles.put(vm.id, handles);
  if (!noted) {
    host::JoinedErrors errors;
    errors.add(noted);
    errors.add(end_unwatched(vmm.sighting.process));  // its disk cannot be let go before it has ended
    return failed(StartStage::kVmm, errors.status().error().message);
  }
  return vmm;
}

disk::DiskSpec disk_spec(const VmPaths& paths, const VmRuntime& vm, const image::ImageInfo& image, bool raw_only) {
  return {.vm = vm.id,
          .image = image.rootfs,
          .overlay = paths.overlay,
          .cow = paths.cow,
          .rest = paths.rest,
          .raw = paths.raw,
          .raw_only = raw_only,
          .size_bytes = vm.settings.disk_mib << 20};
}

// Before anything is acquired: what no VMM here can do for this VM is a refusal.
std::expected<const VmmDriver*, StartFailure> choose_vmm(const StepTools& tools, const VmPaths& paths,
                                                         const VmRuntime& vm, const image::ImageInfo& image) {
  auto chosen = tools.vmms.choose(vm, image, [&](bool raw_only) -> Status {
    auto disk = tools.disks.of(disk_spec(paths, vm, image, raw_only));
    if (!disk) return std::unexpected(disk.error());
    return {};
  });
  if (!chosen) return failed(StartStage::kPreflight, chosen.error().message);
  return *chosen;
}

std::expected<disk::VmmDisk, StartFailure> ensure_disk(const StepTools& tools, const disk::DiskSpec& spec,
                                                       VmHandles& handles) {
  auto disk = tools.disks.of(spec);
  if (!disk) return failed(StartStage::kDisk, disk.error().message);
  auto ready = (*disk)->ensure(spec, handles,
                               [&](const VmHandles& intended) { return tools.handles.put(spec.vm, intended); });
  if (!ready) return failed(StartStage::kDisk, ready.error().message);
  return *std::move(ready);
}

// Noted before it is there, as the disk's parts are: a crash in between leaves nothing that nobody knows of.
std::expected<void, StartFailure> ensure_tap(const StepTools& tools, const VmRuntime& vm, VmHandles& handles) {
  if (vm.settings.net != NetMode::kBridge) return {};
  handles.tap_device = tools.links.tap_of(vm.id);
  if (auto noted = tools.handles.put(vm.id, handles); !noted) return failed(StartStage::kNetwork, noted.error().message);
  if (auto tap = tools.links.acquire(vm); !tap) return failed(StartStage::kNetwork, tap.error().message);
  return {};
}

// What the kernel holds for a VM without a VMM; its files stay.
void let_go(const StepTools& tools, VmId vm, host::JoinedErrors& errors) {
  errors.add(tools.vmms.remove(vm));
  errors.add(tools.links.release(vm));
  errors.add(tools.disks.release(vm, kReleasePatience));
}

// From the disk on, what a start acquires is in the kernel's hands, and is let go again where it fails.
std::expected<Vmm, StartFailure> acquire_and_spawn(const StepTools& tools, const VmPaths& paths, const VmRuntime& vm,
                                                   const image::ImageInfo& image, const VmmDriver& driver,
                                                   const std::atomic<bool>& cancelled) {
  VmHandles handles{.vmm = {.boot = tools.config.boot}, .incarnation = vm.incarnation};
  auto disk = ensure_disk(tools, disk_spec(paths, vm, image, driver.raw_disks_only()), handles);
  if (!disk) return std::unexpected(disk.error());
  if (auto tap = ensure_tap(tools, vm, handles); !tap) return std::unexpected(tap.error());
  if (auto free = check_ports(vm); !free) return std::unexpected(free.error());
  if (cancelled) return failed(StartStage::kVmm, "the start was overtaken");
  return spawn_vmm(tools, driver, paths, vm, image, *disk, std::move(handles));
}

}  // namespace

std::expected<Vmm, StartFailure> start_vmm(const StepTools& tools, const VmRuntime& vm,
                                           const std::atomic<bool>& cancelled) {
  const VmPaths paths = vm_paths(tools.config.layout, vm.id);
  auto seen = look_for(tools.config, vm.id);
  if (!seen) return failed(StartStage::kPreflight, seen.error().message);
  for (const VmmSighting& each : *seen) {
    if (each.incarnation == vm.incarnation && tools.vmms.of(each.kind).was_started(paths, vm.id, each)) {
      auto adopted = adopt_vmm(tools.config, vm.id, each);
      if (adopted) return std::move(*adopted);
      continue;  // it ended while we looked
    }
    if (auto killed = kill_process(each.process); !killed) {
      return failed(StartStage::kPreflight, killed.error().message);
    }
  }
  auto image = tools.images.find(vm.image);
  if (!image) return failed(StartStage::kPreflight, image.error().message);
  auto driver = choose_vmm(tools, paths, vm, *image);
  if (!driver) return std::unexpected(driver.error());
  if (auto made = make_directory(paths.dir); !made) return failed(StartStage::kDirectory, made.error().message);
  if (auto keys = ensure_keys(paths, vm); !keys) return failed(StartStage::kKeys, keys.error().message);
  auto started = acquire_and_spawn(tools, paths, vm, *image, **driver, cancelled);
  if (started) return started;
  StartFailure failure = std::move(started).error();
  if (auto released = release_handles(tools, vm.id); !released) failure.message += "; " + released.error().message;
  return std::unexpected(std::move(failure));
}

Result<Vmm> adopt_vmm(const HostConfig& config, VmId vm, const VmmSighting& sighting) {
  auto hold = observe::ProcessHold::open(sighting.process);
  if (!hold) return std::unexpected(hold.error());
  Vmm vmm{.sighting = sighting, .pidfd = std::move(*hold).take(), .console = {}, .adopted = true, .set_up = {}};
  if (auto console = vmm::open_console(vm_paths(config.layout, vm).console_pipe)) vmm.console = Fd(*console);
  return vmm;
}

Result<std::vector<VmmSighting>> look_for(const HostConfig& config, VmId vm) {
  auto seen = observe::find_vmms(config.layout, config.boot, config.where);
  if (!seen) return with_context("the host's processes could not be read", seen.error());
  auto found = seen->vmms.find(vm);
  return found == seen->vmms.end() ? std::vector<VmmSighting>{} : found->second;
}

Status kill_process(const ProcessIdentity& process) {
  auto hold = observe::ProcessHold::open(process);
  if (!hold) {
    if (hold.error().sys_errno == ESRCH) return {};
    return std::unexpected(hold.error());
  }
  if (auto sent = hold->signal(SIGKILL); !sent && sent.error().sys_errno != ESRCH) return sent;
  pollfd ended{.fd = hold->pidfd(), .events = POLLIN, .revents = 0};
  if (::poll(&ended, 1, kKillWaitMs) == 1) return {};
  return fail("a VMM does not end, although it was killed");
}

bool may_hold_handles(const StepTools& tools, VmId vm) {
  const auto handles = tools.handles.find(vm);
  return tools.disks.hold_kernel_devices() || tools.vmms.leave_things() || (handles && !handles->tap_device.empty());
}

Status abandon_vmm(const StepTools& tools, VmId vm, const ProcessIdentity& process) {
  BANGER_TRY(end_unwatched(process));
  return release_handles(tools, vm);
}

Status release_handles(const StepTools& tools, VmId vm) {
  host::JoinedErrors errors;
  let_go(tools, vm, errors);
  BANGER_TRY(errors.status());
  const auto handles = tools.handles.find(vm);
  VmHandles without{.vmm = handles ? handles->vmm : ProcessIdentity{},
                    .incarnation = handles ? handles->incarnation : 0};
  return handles && *handles != without ? tools.handles.put(vm, without) : Status();
}

Result<std::vector<DriftCorrected>> release_stray(const StepTools& tools, const ReleaseHandles& stray) {
  auto disks = tools.disks.held();
  if (!disks) return std::unexpected(disks.error());
  auto tap = tools.links.holds(stray.vm);
  if (!tap) return std::unexpected(tap.error());
  std::vector<DriftCorrected> still;
  for (const DriftCorrected& finding : stray.findings) {
    if (finding.resource == ResourceClass::kTap ? *tap : disks->contains(stray.vm)) still.push_back(finding);
  }
  BANGER_TRY(release_handles(tools, stray.vm));
  return still;
}

Status remove_vm(const StepTools& tools, VmId vm) {
  const VmPaths paths = vm_paths(tools.config.layout, vm);
  auto seen = look_for(tools.config, vm);
  if (!seen) return std::unexpected(seen.error());
  for (const VmmSighting& each : *seen) BANGER_TRY(kill_process(each.process));
  host::JoinedErrors errors;
  let_go(tools, vm, errors);
  errors.add(tools.handles.drop(vm));
  std::error_code error;
  std::filesystem::remove_all(paths.dir, error);
  if (error) errors.add(fail_errno("remove " + paths.dir, error.value()));
  errors.add(host::sync_path(tools.config.layout.vms_dir()));
  BANGER_TRY(errors.status());
  // Rule 2: deleted is said only after proof of absence.
  seen = look_for(tools.config, vm);
  if (!seen) return std::unexpected(seen.error());
  if (!seen->empty()) return fail("a VMM of " + vm.hex() + " runs again");
  if (::access(paths.dir.c_str(), F_OK) == 0) return fail(paths.dir + " is there again");
  return {};
}

}  // namespace banger::effects
