#include "cli/bangerd/service.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "cli/bangerd/plan_lines.h"
#include "drivers/uv/timer.h"
#include "events/log/hash.h"


namespace banger::bangerd {
namespace {

constexpr std::size_t kMaxWaits = 4096;

// When a process began, on the wall clock: its start ticks count from boot.
std::int64_t began_ns(std::uint64_t start_ticks) {
  timespec wall{}, boot{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  ::clock_gettime(CLOCK_BOOTTIME, &boot);
  auto ns = [](const timespec& t) { return t.tv_sec * 1'000'000'000 + t.tv_nsec; };
  auto since_boot = static_cast<std::int64_t>(start_ticks) * (1'000'000'000 / ::sysconf(_SC_CLK_TCK));
  return ns(wall) - ns(boot) + since_boot;
}

Result<std::string> read_small_file(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return fail_errno("open " + path, errno);
  char buffer[4096];
  ssize_t got = ::pread(fd.get(), buffer, sizeof buffer, 0);
  if (got < 0) return fail_errno("read " + path, errno);
  return std::string(buffer, static_cast<std::size_t>(got));
}

rpc::Answer to_rpc(const Answer& answer) {
  if (!answer) return std::unexpected(answer.error());
  return rpc::Accepted{answer->subject, answer->first, answer->last};
}

}  // namespace

struct Service::Wait {
  std::function<bool(bool)> settled;
  std::unique_ptr<uv::Timer> timer;
  bool done = false;

  void look(bool timed_out) {
    if (!done && settled(timed_out)) done = true;
  }
};

Service::Service(ServiceParts parts)
    : parts_(std::move(parts)),
      questions_(parts_.runtime, parts_.log, parts_.readers),
      care_({parts_.loop, parts_.runtime, parts_.log, parts_.slow, questions_, parts_.config.shadow_fold_s}) {
  subscription_ = parts_.runtime.subscribe([this](Sequence) { wake_waits(); });
  parts_.effects.on_image_line([this](ImageId) { wake_waits(); });
}

Service::~Service() {
  *here_ = false;
  parts_.runtime.unsubscribe(subscription_);
  parts_.effects.on_image_line(nullptr);
}

Actor Service::actor_of(const rpc::Caller& caller) {
  auto [name, fresh] = user_names_.try_emplace(caller.peer.uid);
  if (fresh) {
    passwd entry{};
    passwd* found = nullptr;
    std::vector<char> buffer(16384);
    ::getpwuid_r(caller.peer.uid, &entry, buffer.data(), buffer.size(), &found);
    name->second = found ? found->pw_name : std::to_string(caller.peer.uid);
  }
  return {caller.peer.uid, name->second, caller.client};
}

rpc::DaemonInfo Service::info() {
  auto head = parts_.log.head();
  return {.version = BANGER_VERSION,
          .store_id = parts_.log.store_id().hex(),
          .data_dir = parts_.config.data_dir,
          .socket = parts_.config.socket,
          .accelerator = parts_.accelerator.describe(),
          .config_file = parts_.config.file,
          .disk = parts_.disks.describe(),
          .network = parts_.network,
          .observer = describe(parts_.config.observer),
          .vmm = parts_.vmms.describe(),
          .pid = ::getpid(),
          .started_at_ns = parts_.started_at_ns,
          .head = head.sequence,
          .first = parts_.log.first_sequence(),
          .epoch = head.epoch,
          .low_water = parts_.runtime.low_water()};
}

// ---- intents ----

void Service::submit(const rpc::Caller& caller, CommandId id, std::string_view request, Ask ask,
                     std::function<void(rpc::Answer)> answer) {
  log::Hasher hasher;
  parts_.runtime.submit({id, hasher.of(request), actor_of(caller), std::move(ask)},
                        [answer = std::move(answer)](const Answer& result) { answer(to_rpc(result)); });
}

void Service::open_exec(const rpc::Caller& caller, CommandId id, std::string_view request, StartExec start,
                        ExecAnswer answer) {
  log::Hasher hasher;
  auto opened = [this, answer = std::move(answer)](const Answer& result) {
    if (!result) return answer(to_rpc(result), fail("refused"));
    VmId vm_id{result->subject.id};
    const VmRuntime* vm = parts_.runtime.fleet().vm(vm_id);
    // The exec is found by the place of its event: a repeated command finds the one that it began.
    auto exec = vm ? std::ranges::find(vm->execs, result->first, &OpenExec::started) : std::vector<OpenExec>::const_iterator{};
    if (!vm || exec == vm->execs.end()) return answer(to_rpc(result), fail("it is over already"));
    rpc::Hold lease = hold_exec(vm_id, exec->id);  // where the rest fails it is dropped, and the exec is soon lost
    const VmPaths paths = vm_paths(parts_.layout, vm_id);
    auto host_key = read_small_file(paths.host_key_public);
    if (!host_key) return answer(to_rpc(result), std::unexpected(host_key.error()));
    Fd key(::open(paths.client_key.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!key) return answer(to_rpc(result), fail_errno("open " + paths.client_key, errno));
    const Endpoint sshd = ssh_endpoint(*vm).value_or(Endpoint{});
    rpc::GuestAccess access{.host = sshd.host,
                            .user = "root",
                            .host_key = *host_key,
                            .port = sshd.port,
                            .client_key = std::move(key)};
    answer(to_rpc(result), Exec{exec->id, vm_id, std::move(access), std::move(lease)});
  };
  parts_.runtime.submit({id, hasher.of(request), actor_of(caller), std::move(start)}, std::move(opened));
}

rpc::Hold Service::hold_exec(VmId vm, ExecId exec) {
  parts_.runtime.hold_exec(vm, exec);
  return {this, [here = here_, vm, exec](Service* service) {
            if (*here) service->parts_.runtime.release_exec(vm, exec);
          }};
}

void Service::resume_exec(VmId vm_id, ExecId exec, std::function<void(rpc::Hold)> answer) {
  parts_.runtime.when_durable([this, vm_id, exec, answer = std::move(answer)] {
    const VmRuntime* vm = parts_.runtime.fleet().vm(vm_id);
    bool open = vm && std::ranges::count(vm->execs, exec, &OpenExec::id) != 0;
    answer(open ? hold_exec(vm_id, exec) : nullptr);
  });
}

void Service::finish_exec(const rpc::Caller& caller, VmId vm, ExecId exec, ExecOutcome outcome,
                          std::uint32_t code, std::function<void()> done) {
  // An exec ends once, whoever says so and how often: its own id makes the command's.
  parts_.runtime.submit({CommandId{vm.value, exec.value}, Digest{}, actor_of(caller), FinishExec{vm, exec, outcome, code}},
                        [done = std::move(done)](const Answer&) { done(); });
}

void Service::stop(const rpc::Caller&, std::function<void()> answer) {
  answer();
  parts_.loop.defer(parts_.stop);
}

// ---- views ----

std::expected<const VmRuntime*, Rejection> Service::find(std::string_view reference) const {
  auto id = resolve_vm(parts_.runtime.fleet(), reference);
  if (!id) return std::unexpected(id.error());
  return parts_.runtime.fleet().vm(*id);
}

rpc::VmDetails Service::details_of(const VmRuntime& vm) const {
  const VmPaths paths = vm_paths(parts_.layout, vm.id);
  rpc::VmDetails details{.row = row_bytes(vm),
                         .dir = paths.dir,
                         .api_socket = paths.api_socket,
                         .overlay = paths.overlay,
                         .console_log = paths.console_log,
                         .handles_file = paths.handles,
                         .dns_name = dns_name(vm.name),
                         .guest_ip = vm.settings.net == NetMode::kUser ? "10.0.2.15" : vm.guest_ip};
  if (const effects::LiveVmm* live = parts_.effects.live(vm.id)) {
    details.pid = live->sighting().process.pid;
    details.process_since_ns = began_ns(live->sighting().process.start_ticks);
  }
  for (const std::string& file : {paths.overlay, paths.cow, paths.rest, paths.raw}) {  // of the kind that it has not there is none
    struct stat info {};
    if (::stat(file.c_str(), &info) == 0) details.disk_used_bytes += static_cast<std::uint64_t>(info.st_blocks) * 512;
    if ((file == paths.cow || file == paths.raw) && info.st_size != 0) details.overlay = file;
  }
  return details;
}

void Service::vm(std::string_view reference,
                 std::function<void(std::expected<rpc::VmDetails, Rejection>)> answer) {
  parts_.runtime.when_durable([this, reference = std::string(reference), answer = std::move(answer)] {
    auto vm = find(reference);
    if (!vm) return answer(std::unexpected(vm.error()));
    answer(details_of(**vm));
  });
}

rpc::Hold Service::wait_until(std::uint64_t timeout_ms, std::function<bool(bool)> settled) {
  std::erase_if(waits_, [](const auto& wait) { return wait.expired(); });
  auto wait = std::make_shared<Wait>();
  wait->settled = std::move(settled);
  bool room = waits_.size() < kMaxWaits;
  wait->timer = std::make_unique<uv::Timer>(parts_.loop, [raw = wait.get()] { raw->look(true); });
  wait->timer->start_once(room ? timeout_ms : 0);
  if (room) waits_.push_back(wait);
  parts_.runtime.when_durable([weak = std::weak_ptr(wait)] {
    if (auto still = weak.lock()) still->look(false);
  });
  return wait;
}

void Service::wake_waits() {
  auto waits = waits_;
  for (const auto& weak : waits) {
    if (auto wait = weak.lock()) wait->look(false);
  }
}

rpc::Hold Service::await_stream(StreamId stream, Sequence after, std::uint64_t timeout_ms,
                                std::function<void(rpc::StreamChange)> answer) {
  return wait_until(timeout_ms, [this, stream, after, answer = std::move(answer)](bool timed_out) {
    const Fleet& fleet = parts_.runtime.fleet();
    rpc::StreamChange change;
    if (const VmRuntime* vm = stream.kind == StreamKind::kVm ? fleet.vm(VmId{stream.id}) : nullptr) {
      change = {false, true, vm->last_sequence};
    } else if (const Image* image = stream.kind == StreamKind::kImage ? fleet.image(ImageId{stream.id}) : nullptr) {
      change = {false, true, image->last_sequence};
    }
    // Only what is durable is told: a change that could still be lost has not happened.
    change.changed = !change.exists ? parts_.runtime.durable() >= fleet.last
                                    : change.last > after && change.last <= parts_.runtime.durable();
    if (!change.changed && !timed_out) return false;
    answer(change);
    return true;
  });
}

void Service::console(std::string_view reference, std::uint64_t offset, std::uint32_t max_bytes,
                      std::function<void(std::expected<rpc::ConsoleBytes, Rejection>)> answer) {
  auto vm = find(reference);
  if (!vm) return answer(std::unexpected(vm.error()));
  auto page = vmm::read_log(vm_paths(parts_.layout, (*vm)->id).console_log, offset, max_bytes);
  if (!page) return answer(rpc::ConsoleBytes{});  // its directory is going
  answer(rpc::ConsoleBytes{.offset = page->offset, .size = page->end, .data = std::move(page->bytes)});
}

void Service::reconcile_plan(std::function<void(std::vector<rpc::PlanLine>)> answer) {
  parts_.runtime.when_durable([this, answer = std::move(answer)] {
    answer(plan_lines(parts_.runtime.fleet(), parts_.runtime.observation(), parts_.runtime.plan_context()));
  });
}

rpc::ReconcileNumbers Service::reconcile_status() {
  ReconcileStatus status = parts_.runtime.status();
  return {.observations = status.observations,
          .last_duration_us = status.last_duration_us,
          .tick_ms = status.tick_ms,
          .corrections = status.corrections,
          .last_observation_ns = status.last_observation_ns,
          .in_flight = status.in_flight,
          .held = status.held,
          .parked = status.parked,
          .last_error = status.last_error,
          .shadow_folds = status.shadow_folds,
          .shadow_fold_to = status.shadow_fold_to,
          .drifted_rows = status.drifted_rows,
          .last_shadow_fold_ns = status.last_shadow_fold_ns};
}

rpc::Hold Service::image_progress(ImageId image, std::uint64_t from_line, std::uint64_t timeout_ms,
                                  std::function<void(rpc::ImageLines)> answer) {
  return wait_until(timeout_ms, [this, image, from_line, answer = std::move(answer)](bool timed_out) {
    const auto* log = parts_.effects.image_log(image);
    std::uint64_t end = log ? log->first + log->lines.size() : 0;
    bool running = log && log->running;
    if (running && end <= from_line && !timed_out) return false;
    rpc::ImageLines lines{.lines = {}, .next_line = std::max(from_line, end), .running = running};
    for (std::uint64_t at = log ? std::max(from_line, log->first) : end; at < end; ++at) {
      lines.lines.push_back(log->lines[at - log->first]);
    }
    answer(std::move(lines));
    return true;
  });
}

}  // namespace banger::bangerd
