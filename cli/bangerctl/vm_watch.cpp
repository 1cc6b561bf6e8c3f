#include "cli/bangerctl/vm_watch.h"

#include <algorithm>

#include "engine/command.h"
#include "events/capnp_bytes.h"
#include "projections/rows.h"

namespace banger::ctl {
namespace {

// One call waits no longer, so that progress can be shown.
constexpr std::uint64_t kLongestWaitMs = 20'000;
constexpr std::uint64_t kProgressWaitMs = 500;

Failure start_failed(const VmRuntime& vm, std::string what) {
  if (!vm.last_error.empty()) what += ": " + vm.last_error;
  return {kFailed, std::move(what), "bangerctl vm logs " + vm.name};
}

std::optional<Answer<void>> not_going_up(const VmRuntime& vm) {
  switch (vm.state) {
    case VmState::kStarting:
    case VmState::kRunning:
      return std::nullopt;
    case VmState::kStopping:
      if (vm.then_start) return std::nullopt;
      return failed(vm.name + " is being stopped");
    case VmState::kError:
      return std::unexpected(start_failed(vm, vm.name + " did not start"));
    case VmState::kCreated:
    case VmState::kStopped:
      return failed(vm.name + " is " + std::string(name_of(vm.state)),
                    "bangerctl vm start " + vm.name);
    case VmState::kDeleting:
      return failed(vm.name + " is being deleted");
  }
  return std::nullopt;
}

struct Look {
  bool gone = false;
  VmRuntime row;
};

Answer<Look> look_from(Answer<capnp::Response<schema::Control::VmResults>>& answer) {
  if (!answer) return std::unexpected(answer.error());
  if (answer->getReply().isRefused()) {
    const auto refused = answer->getReply().getRefused();
    if (is_not_found(refused)) return Look{true, {}};
    return std::unexpected(refusal(refused));
  }
  auto row = parse_vm_row(bytes_of(answer->getDetails().getRow()));
  if (!row) return std::unexpected(to_failure(std::move(row).error()));
  return Look{false, *std::move(row)};
}

// The VMs that have no verdict yet, and their last rows.
struct Pending {
  std::size_t index = 0;
  std::string vm;  // its id once known: names can be given away again
  VmRuntime row;
};

// Looks at each once; those with a verdict leave.
void look(Session& session, std::vector<Pending>& pending, const std::vector<Watched>& all,
          std::vector<std::optional<Answer<void>>>& verdicts) {
  auto answers =
      session.call_each(pending.size(), [&](schema::Control::Client control, std::size_t i) {
        auto request = control.vmRequest();
        request.setVm(pending[i].vm);
        return request.send();
      });
  for (std::size_t i = 0; i < pending.size(); ++i) {
    Pending& one = pending[i];
    auto& verdict = verdicts[one.index];
    auto seen = look_from(answers[i]);
    if (!seen) {
      verdict = std::unexpected(seen.error());
      continue;
    }
    verdict = all[one.index].verdict(seen->gone ? nullptr : &seen->row);
    if (!verdict && seen->gone) verdict = failed("there is no VM " + all[one.index].vm);
    one.row = std::move(seen->row);
    if (one.row.id) one.vm = one.row.id.hex();
  }
  std::erase_if(pending, [&](const Pending& one) { return verdicts[one.index].has_value(); });
}

}  // namespace

Failure refusal(schema::Refused::Reader refused) {
  return {kFailed, text_of(refused.getMessage()), text_of(refused.getHint())};
}

bool is_not_found(schema::Refused::Reader refused) {
  return refused.getKind() == static_cast<std::uint16_t>(Refusal::kNotFound);
}

std::vector<Answer<Accepted>> submit_each(Session& session, std::size_t count, const Fill& fill) {
  std::vector<CommandId> ids;
  for (std::size_t i = 0; i < count; ++i) ids.push_back(fresh_command_id());
  auto replies = session.call_each(count, [&](schema::Control::Client control, std::size_t i) {
    auto request = control.submitRequest();
    write_id(request.initCommandId(), ids[i]);
    fill(request.initIntent(), i);
    return request.send();
  });
  std::vector<Answer<Accepted>> answers;
  for (auto& reply : replies) {
    if (!reply) {
      answers.push_back(std::unexpected(reply.error()));
    } else if (reply->getReply().isRefused()) {
      answers.push_back(std::unexpected(refusal(reply->getReply().getRefused())));
    } else {
      const auto accepted = reply->getReply().getAccepted();
      answers.push_back(
          Accepted{{static_cast<StreamKind>(accepted.getStreamKind()), accepted.getStreamId()},
                   accepted.getLastSequence()});
    }
  }
  return answers;
}

Answer<Accepted> submit(Session& session,
                        const std::function<void(schema::Intent::Builder)>& fill) {
  return submit_each(session, 1, [&](schema::Intent::Builder intent, std::size_t) { fill(intent); })
      .front();
}

Answer<VmView> view_vm(Session& session, const std::string& vm) {
  auto answer = session.call([&](schema::Control::Client control) {
    auto request = control.vmRequest();
    request.setVm(vm);
    return request.send();
  });
  if (!answer) return std::unexpected(answer.error());
  if (answer->getReply().isRefused())
    return std::unexpected(refusal(answer->getReply().getRefused()));
  const auto details = answer->getDetails();
  auto row = parse_vm_row(bytes_of(details.getRow()));
  if (!row) return std::unexpected(to_failure(std::move(row).error()));
  return VmView{.row = *std::move(row),
                .dir = text_of(details.getDir()),
                .api_socket = text_of(details.getApiSocket()),
                .overlay = text_of(details.getOverlay()),
                .console_log = text_of(details.getConsoleLog()),
                .handles_file = text_of(details.getHandlesFile()),
                .dns_name = text_of(details.getDnsName()),
                .guest_ip = text_of(details.getGuestIp()),
                .pid = details.getPid(),
                .process_since_ns = details.getProcessSinceNs(),
                .disk_used_bytes = details.getDiskUsedBytes()};
}

std::vector<Answer<void>> watch_each(Session& session, const std::vector<Watched>& all,
                                     std::uint64_t timeout_ms, Progress& progress) {
  std::vector<std::optional<Answer<void>>> verdicts(all.size());
  std::vector<Pending> pending;
  for (std::size_t i = 0; i < all.size(); ++i) pending.push_back({i, all[i].vm, {}});
  const kj::TimePoint began = session.timer().now();
  const std::uint64_t longest = is_terminal(2) ? kProgressWaitMs : kLongestWaitMs;
  for (;;) {
    look(session, pending, all, verdicts);
    if (pending.empty()) break;
    const auto gone =
        static_cast<std::uint64_t>((session.timer().now() - began) / kj::MILLISECONDS);
    if (gone >= timeout_ms) break;
    const VmRuntime& first = pending.front().row;
    progress.show(first.name + " is " + std::string(name_of(first.state)) +
                  (pending.size() > 1 ? " (" + std::to_string(pending.size()) + " left)" : ""));
    const std::uint64_t wait = std::min(longest, timeout_ms - gone);
    // What a failing call means shows at the next look.
    (void)session.call_each(pending.size(), [&](schema::Control::Client control, std::size_t i) {
      auto request = control.awaitStreamRequest();
      request.setStreamKind(static_cast<std::uint16_t>(StreamKind::kVm));
      request.setStreamId(pending[i].row.id.value);
      request.setAfterSequence(pending[i].row.last_sequence);
      request.setTimeoutMs(wait);
      return request.send();
    });
  }
  progress.clear();
  for (const Pending& one : pending) {
    verdicts[one.index] = failed(one.row.name + " is still " + std::string(name_of(one.row.state)) +
                                     (one.row.last_error.empty() ? "" : ": " + one.row.last_error),
                                 "bangerctl vm show " + one.row.name);
  }
  std::vector<Answer<void>> answers;
  for (auto& verdict : verdicts) answers.push_back(*std::move(verdict));
  return answers;
}

std::optional<Answer<void>> ready_yet(const VmRuntime* vm) {
  if (!vm) return std::nullopt;
  // Readiness is this incarnation's only while it runs: in a restart the old one's is still there.
  if (vm->state != VmState::kRunning) return not_going_up(*vm);
  // Without a network there is nobody to ask whether the guest is ready.
  if (vm->ready || !ssh_endpoint(*vm)) return Answer<void>();
  if (!vm->ready_missed) return std::nullopt;
  return std::unexpected(start_failed(*vm, vm->name + " runs, but its guest did not answer in " +
                                               std::to_string(vm->ready_timeout_ms / 1000) + " s"));
}

std::optional<Answer<void>> running_yet(const VmRuntime* vm) {
  if (!vm) return std::nullopt;
  if (vm->state == VmState::kRunning) return Answer<void>();
  return not_going_up(*vm);
}

std::optional<Answer<void>> down_yet(const VmRuntime* vm) {
  if (!vm) return Answer<void>();
  const bool down = vm->state == VmState::kCreated || vm->state == VmState::kStopped ||
                    vm->state == VmState::kError;
  return down ? std::optional(Answer<void>()) : std::nullopt;
}

std::optional<Answer<void>> gone_yet(const VmRuntime* vm) {
  return vm ? std::nullopt : std::optional(Answer<void>());
}

}  // namespace banger::ctl
