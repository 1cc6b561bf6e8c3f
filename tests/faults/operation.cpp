#include "tests/faults/operation.h"

namespace banger::faults {
namespace {

using ctl::Answer;
using ctl::Session;

constexpr std::uint64_t kLongestMs = 60'000;

Answer<Told> told(schema::Reply::Reader reply) {
  if (reply.isRefused()) return std::unexpected(ctl::refusal(reply.getRefused()));
  const auto accepted = reply.getAccepted();
  return Told{accepted.getStreamId(), accepted.getFirstSequence(), accepted.getLastSequence()};
}

template <class Fill>
Answer<Told> submit(Session& session, const CommandId& id, Fill fill) {
  auto answer = session.call([&](schema::Control::Client control) {
    auto request = control.submitRequest();
    ctl::write_id(request.initCommandId(), id);
    fill(request.initIntent());
    return request.send();
  });
  if (!answer) return std::unexpected(answer.error());
  return told(answer->getReply());
}

Answer<Told> create(Session& session, const CommandId& id) {
  return submit(session, id, [](schema::Intent::Builder intent) {
    auto create = intent.initCreateVm();
    create.setName(kVm);
    create.setImage("base");
    auto settings = create.initSettings();
    settings.setVcpus(1);
    settings.setMemoryMib(64);
    settings.setDiskMib(16);
    settings.setNet(static_cast<std::uint16_t>(NetMode::kUser));
  });
}

Answer<Told> start(Session& session, const CommandId& id) {
  return submit(session, id, [](schema::Intent::Builder intent) { intent.setStartVm(kVm); });
}

Answer<Told> stop(Session& session, const CommandId& id) {
  return submit(session, id, [](schema::Intent::Builder intent) {
    auto stop = intent.initStopVm();
    stop.setVm(kVm);
    stop.setTimeoutMs(kLongestMs);
  });
}

Answer<Told> remove(Session& session, const CommandId& id) {
  return submit(session, id, [](schema::Intent::Builder intent) {
    auto remove = intent.initDeleteVm();
    remove.setVm(kVm);
    remove.setForce(true);
  });
}

// A command that is let into the guest, and has ended well. The answer to one that is over does not say again where it is.
Answer<Told> exec(Session& session, const CommandId& id) {
  auto answer = session.call([&](schema::Control::Client control) {
    auto request = control.openExecRequest();
    ctl::write_id(request.initCommandId(), id);
    request.setVm(kVm);
    request.initArgv(1).set(0, "true");
    return request.send();
  });
  if (!answer && answer.error().message.ends_with("it is over already")) return Told{};
  if (!answer) return std::unexpected(answer.error());
  const auto reply = told(answer->getReply());
  if (!reply) return reply;
  auto finished = session.call([&](schema::Control::Client) {
    auto request = answer->getLease().finishRequest();
    request.setOutcome(static_cast<std::uint16_t>(ExecOutcome::kExited));
    return request.send();
  });
  if (!finished) return std::unexpected(finished.error());
  return reply;
}

std::optional<Answer<void>> no_exec_yet(const VmRuntime* vm) {
  return vm && !vm->execs.empty() ? std::nullopt : ctl::ready_yet(vm);
}

}  // namespace

const std::vector<Operation>& operations() {
  static const std::vector<Operation> all{{"create", Prepared::kEmpty, 0, create, ctl::down_yet},
                                          {"start", Prepared::kCreated, 1, start, ctl::ready_yet},
                                          {"exec", Prepared::kReady, 1, exec, no_exec_yet},
                                          {"stop", Prepared::kReady, 0, stop, ctl::down_yet},
                                          {"delete", Prepared::kReady, 0, remove, ctl::gone_yet}};
  return all;
}

const Operation& removal() { return operations().back(); }

std::unique_ptr<Session> connect(const Stage& stage) {
  return std::make_unique<Session>(Session::Options{.socket = stage.socket(), .client = "faults"});
}

Answer<void> await(Session& session, const ctl::Verdict& done) {
  ctl::Progress progress;
  return ctl::watch_each(session, {{kVm, done}}, kLongestMs, progress).front();
}

}  // namespace banger::faults
