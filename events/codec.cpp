#include "events/codec.h"

#include "events/codec_values.h"
#include "events/upcast.h"

namespace banger {
namespace {

using Payload = schema::Event::Payload;

std::uint16_t number(auto value) { return static_cast<std::uint16_t>(value); }

void write_payload(Payload::Builder out, const Event& event) {
  std::visit(
      Overloaded{
          [&](const VmCreated& e) {
            auto to = out.initVmCreated();
            to.setName(as_text(e.name));
            to.setImage(e.image.value);
            to.setImageName(as_text(e.image_name));
            write_settings(to.initSettings(), e.settings);
            to.setSshPort(e.ssh_port);
            to.setRemoveAfterExec(e.remove_after_exec);
          },
          [&](const VmStartRequested& e) {
            auto to = out.initVmStartRequested();
            to.setIncarnation(e.incarnation);
            to.setStartTimeoutMs(e.start_timeout_ms);
            to.setReadyTimeoutMs(e.ready_timeout_ms);
          },
          [&](const VmStopRequested& e) {
            auto to = out.initVmStopRequested();
            to.setMode(number(e.mode));
            to.setTimeoutMs(e.timeout_ms);
            to.setThenStart(e.then_start);
          },
          [&](const VmDeleteRequested& e) { out.initVmDeleteRequested().setForce(e.force); },
          [&](const VmChanged& e) { write_settings(out.initVmChanged().initSettings(), e.settings); },
          [&](const VmStarted& e) {
            auto to = out.initVmStarted();
            to.setIncarnation(e.incarnation);
            to.setAdopted(e.adopted);
          },
          [&](const VmReady& e) {
            auto to = out.initVmReady();
            to.setIncarnation(e.incarnation);
            to.setAfterMs(e.after_ms);
          },
          [&](const VmReadyMissed& e) {
            auto to = out.initVmReadyMissed();
            to.setIncarnation(e.incarnation);
            to.setTimeoutMs(e.timeout_ms);
          },
          [&](const VmStartFailed& e) {
            auto to = out.initVmStartFailed();
            to.setIncarnation(e.incarnation);
            to.setStage(number(e.stage));
            to.setMessage(as_text(e.message));
          },
          [&](const VmStopped& e) {
            auto to = out.initVmStopped();
            to.setIncarnation(e.incarnation);
            to.setBy(number(e.by));
          },
          [&](const VmDied& e) {
            auto to = out.initVmDied();
            to.setIncarnation(e.incarnation);
            to.setReason(as_text(e.reason));
            to.setCause(number(e.cause));
            to.setCode(e.code);
          },
          [&](const VmHostRebooted& e) { out.initVmHostRebooted().setIncarnation(e.incarnation); },
          [&](const VmDeleted&) { out.setVmDeleted(); },
          [&](const VmPortReassigned& e) {
            auto to = out.initVmPortReassigned();
            to.setGuestPort(e.guest_port);
            to.setBusyPort(e.busy_port);
            to.setHostPort(e.host_port);
          },
          [&](const VmAddressAssigned& e) { out.initVmAddressAssigned().setAddress(as_text(e.address)); },
          [&](const VmTearDownStalled& e) { out.initVmTearDownStalled().setMessage(as_text(e.message)); },
          [&](const DriftCorrected& e) {
            auto to = out.initDriftCorrected();
            to.setResource(number(e.resource));
            to.setCondition(number(e.condition));
            to.setAction(number(e.action));
            to.setDerivedName(as_text(e.derived_name));
            to.setWhy(as_text(e.why));
          },
          [&](const ExecStarted& e) {
            auto to = out.initExecStarted();
            to.setExec(e.exec.value);
            to.setIncarnation(e.incarnation);
            to.setTty(e.tty);
            to.setTimeoutMs(e.timeout_ms);
          },
          [&](const ExecFinished& e) {
            auto to = out.initExecFinished();
            to.setExec(e.exec.value);
            to.setOutcome(number(e.outcome));
            to.setCode(e.code);
          },
          [&](const ImageRequested& e) {
            auto to = out.initImageRequested();
            to.setName(as_text(e.name));
            to.setSource(number(e.source));
            to.setRecipe(as_text(e.recipe));
          },
          [&](const ImageReady& e) {
            auto to = out.initImageReady();
            to.setDigest(data_of(e.digest));
            to.setVirtualBytes(e.virtual_bytes);
            to.setDiskBytes(e.disk_bytes);
          },
          [&](const ImageFailed& e) { out.initImageFailed().setMessage(as_text(e.message)); },
          [&](const ImageDeleteRequested&) { out.setImageDeleteRequested(); },
          [&](const ImageDeleted&) { out.setImageDeleted(); },
          [&](const HostBooted& e) {
            auto to = out.initHostBooted();
            to.setBootHi(e.boot.hi);
            to.setBootLo(e.boot.lo);
            to.setKernelRelease(as_text(e.kernel_release));
          },
          [&](const DaemonStarted& e) { out.initDaemonStarted().setVersion(as_text(e.version)); },
          [&](const DaemonStopped&) { out.setDaemonStopped(); },
          [&](const LogEpochBegan& e) {
            auto to = out.initLogEpochBegan();
            to.setNumber(e.number);
            to.setReason(number(e.reason));
            to.setBeginsAfter(e.begins_after);
            to.setAnchored(e.anchored);
          },
          [&](const ProjectionDrifted& e) {
            auto to = out.initProjectionDrifted();
            to.setProjection(as_text(e.projection));
            to.setRows(e.rows);
            to.setCheckedTo(e.checked_to);
            to.setExample(as_text(e.example));
          },
          [&](const PersonalErased& e) {
            auto to = out.initPersonalErased();
            to.setVm(e.vm.value);
            to.setName(as_text(e.name));
            to.setEvents(e.events);
          },
          [&](const LogArchived& e) {
            auto to = out.initLogArchived();
            to.setFirst(e.first);
            to.setLast(e.last);
            to.setFile(as_text(e.file));
            to.setBytes(e.bytes);
            to.setDigest(data_of(e.digest));
          },
      },
      event);
}

// The personal part of a kind that has one, or no bytes.
std::string personal_bytes(const Event& event, const Salt& salt) {
  const auto* exec = std::get_if<ExecStarted>(&event);
  const auto* image = std::get_if<ImageRequested>(&event);
  if (!(exec && !exec->argv.empty()) && !(image && !image->path.empty())) return {};
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<schema::Personal>();
  out.setSalt({salt.data(), salt.size()});
  if (exec) {
    auto argv = out.initArgv(static_cast<unsigned>(exec->argv.size()));
    for (unsigned i = 0; i < argv.size(); ++i) argv.set(i, as_text(exec->argv[i]));
  }
  if (image) out.setPath(as_text(image->path));
  return canonical_bytes<schema::Personal>(out);
}

Status read_personal(std::string_view bytes, Event& event) {
  if (bytes.empty()) return {};
  return read_message<schema::Personal>(bytes, [&](schema::Personal::Reader in) -> Status {
    if (auto* exec = std::get_if<ExecStarted>(&event)) {
      for (auto argument : in.getArgv()) exec->argv.push_back(text_of(argument));
    } else if (auto* image = std::get_if<ImageRequested>(&event)) {
      image->path = text_of(in.getPath());
    } else {
      return fail("a personal part on an event of a kind that has none");
    }
    return {};
  });
}

// An enum field, or the Error to its caller: the event must not be guessed at.
#define BANGER_READ_ENUM(variable, Enum, raw, what)              \
  auto variable = read_enum<Enum>(raw, what);                    \
  if (!variable) return std::unexpected(variable.error())

Result<Event> read_drift(schema::DriftCorrected::Reader in) {
  BANGER_READ_ENUM(resource, ResourceClass, in.getResource(), "the resource class");
  BANGER_READ_ENUM(condition, Condition, in.getCondition(), "the condition");
  BANGER_READ_ENUM(action, CorrectiveAction, in.getAction(), "the corrective action");
  return DriftCorrected{*resource, *condition, text_of(in.getDerivedName()), *action, text_of(in.getWhy())};
}

Result<Event> read_vm_created(schema::VmCreated::Reader in) {
  auto settings = read_settings(in.getSettings());
  if (!settings) return std::unexpected(settings.error());
  return VmCreated{text_of(in.getName()),  ImageId{in.getImage()}, text_of(in.getImageName()),
                   *std::move(settings),   in.getSshPort(),        in.getRemoveAfterExec()};
}

Result<Event> read_vm_died(schema::VmDied::Reader in, std::uint16_t version) {
  VmDied died{in.getIncarnation(), text_of(in.getReason()), DeathCause::kUnknown, in.getCode()};
  if (version < kCauseOfDeathSince) return died;
  BANGER_READ_ENUM(cause, DeathCause, in.getCause(), "the cause of a death");
  died.cause = *cause;
  return died;
}

Result<Event> read_payload(Payload::Reader in, std::uint16_t version) {
  switch (in.which()) {
    case Payload::VM_CREATED: return read_vm_created(in.getVmCreated());
    case Payload::VM_START_REQUESTED: {
      auto e = in.getVmStartRequested();
      return VmStartRequested{e.getIncarnation(), e.getStartTimeoutMs(), e.getReadyTimeoutMs()};
    }
    case Payload::VM_STOP_REQUESTED: {
      auto e = in.getVmStopRequested();
      BANGER_READ_ENUM(mode, StopMode, e.getMode(), "the stop mode");
      return VmStopRequested{*mode, e.getTimeoutMs(), e.getThenStart()};
    }
    case Payload::VM_DELETE_REQUESTED: return VmDeleteRequested{in.getVmDeleteRequested().getForce()};
    case Payload::VM_CHANGED: {
      auto settings = read_settings(in.getVmChanged().getSettings());
      if (!settings) return std::unexpected(settings.error());
      return VmChanged{*std::move(settings)};
    }
    case Payload::VM_STARTED:
      return VmStarted{in.getVmStarted().getIncarnation(), in.getVmStarted().getAdopted()};
    case Payload::VM_READY: return VmReady{in.getVmReady().getIncarnation(), in.getVmReady().getAfterMs()};
    case Payload::VM_READY_MISSED:
      return VmReadyMissed{in.getVmReadyMissed().getIncarnation(), in.getVmReadyMissed().getTimeoutMs()};
    case Payload::VM_START_FAILED: {
      auto e = in.getVmStartFailed();
      BANGER_READ_ENUM(stage, StartStage, e.getStage(), "the start stage");
      return VmStartFailed{e.getIncarnation(), *stage, text_of(e.getMessage())};
    }
    case Payload::VM_STOPPED: {
      auto e = in.getVmStopped();
      BANGER_READ_ENUM(by, StoppedBy, e.getBy(), "who stopped it");
      return VmStopped{e.getIncarnation(), *by};
    }
    case Payload::VM_DIED: return read_vm_died(in.getVmDied(), version);
    case Payload::VM_HOST_REBOOTED: return VmHostRebooted{in.getVmHostRebooted().getIncarnation()};
    case Payload::VM_DELETED: return VmDeleted{};
    case Payload::VM_PORT_REASSIGNED: {
      auto e = in.getVmPortReassigned();
      return VmPortReassigned{e.getGuestPort(), e.getBusyPort(), e.getHostPort()};
    }
    case Payload::VM_ADDRESS_ASSIGNED: return VmAddressAssigned{text_of(in.getVmAddressAssigned().getAddress())};
    case Payload::VM_TEAR_DOWN_STALLED:
      return VmTearDownStalled{text_of(in.getVmTearDownStalled().getMessage())};
    case Payload::DRIFT_CORRECTED: return read_drift(in.getDriftCorrected());
    case Payload::EXEC_STARTED: {
      auto e = in.getExecStarted();
      return ExecStarted{ExecId{e.getExec()}, e.getIncarnation(), e.getTty(), e.getTimeoutMs(), {}};
    }
    case Payload::EXEC_FINISHED: {
      auto e = in.getExecFinished();
      BANGER_READ_ENUM(outcome, ExecOutcome, e.getOutcome(), "the outcome of an exec");
      return ExecFinished{ExecId{e.getExec()}, *outcome, e.getCode()};
    }
    case Payload::IMAGE_REQUESTED: {
      auto e = in.getImageRequested();
      BANGER_READ_ENUM(source, ImageSource, e.getSource(), "the source of an image");
      return ImageRequested{text_of(e.getName()), *source, text_of(e.getRecipe()), {}};
    }
    case Payload::IMAGE_READY: {
      auto digest = read_digest(in.getImageReady().getDigest());
      if (!digest) return std::unexpected(digest.error());
      return ImageReady{*digest, in.getImageReady().getVirtualBytes(), in.getImageReady().getDiskBytes()};
    }
    case Payload::IMAGE_FAILED: return ImageFailed{text_of(in.getImageFailed().getMessage())};
    case Payload::IMAGE_DELETE_REQUESTED: return ImageDeleteRequested{};
    case Payload::IMAGE_DELETED: return ImageDeleted{};
    case Payload::HOST_BOOTED: {
      auto e = in.getHostBooted();
      return HostBooted{BootId{e.getBootHi(), e.getBootLo()}, text_of(e.getKernelRelease())};
    }
    case Payload::DAEMON_STARTED: return DaemonStarted{text_of(in.getDaemonStarted().getVersion())};
    case Payload::DAEMON_STOPPED: return DaemonStopped{};
    case Payload::LOG_EPOCH_BEGAN: {
      auto e = in.getLogEpochBegan();
      BANGER_READ_ENUM(reason, EpochReason, e.getReason(), "the reason of an epoch");
      return LogEpochBegan{e.getNumber(), *reason, e.getBeginsAfter(), e.getAnchored()};
    }
    case Payload::PROJECTION_DRIFTED: {
      auto e = in.getProjectionDrifted();
      return ProjectionDrifted{text_of(e.getProjection()), e.getRows(), e.getCheckedTo(), text_of(e.getExample())};
    }
    case Payload::PERSONAL_ERASED: {
      auto e = in.getPersonalErased();
      return PersonalErased{VmId{e.getVm()}, text_of(e.getName()), e.getEvents()};
    }
    case Payload::LOG_ARCHIVED: {
      auto e = in.getLogArchived();
      auto digest = read_digest(e.getDigest());
      if (!digest) return std::unexpected(digest.error());
      return LogArchived{e.getFirst(), e.getLast(), text_of(e.getFile()), e.getBytes(), *digest};
    }
  }
  return fail("its kind is not known here: the log was written by a newer banger; run that version");
}

#undef BANGER_READ_ENUM

Result<EventRecord> read_event(schema::Event::Reader in, const Interned& interned) {
  if (in.getSchemaVersion() > kSchemaVersion) {
    return fail("its schema version " + std::to_string(in.getSchemaVersion()) +
                " is newer than this banger's " + std::to_string(kSchemaVersion));
  }
  auto kind = in.getStreamKind();
  if (kind < number(StreamKind::kHost) || kind > number(StreamKind::kImage)) {
    return fail("its kind of stream is not known");
  }
  const Actor* actor = interned.actor(in.getActor());
  const BootId* boot = interned.boot(in.getBoot());
  if (!actor || !boot) return fail("it names an actor or a boot that the log does not have");
  auto event = read_payload(in.getPayload(), in.getSchemaVersion());
  if (!event) return std::unexpected(event.error());
  upcast(*event, in.getSchemaVersion());
  return EventRecord{{.sequence = in.getSequence(),
                      .stream = {static_cast<StreamKind>(kind), in.getStreamId()},
                      .version = in.getStreamVersion(),
                      .command = {in.getCommandHi(), in.getCommandLo()},
                      .correlation = {in.getCorrelationHi(), in.getCorrelationLo()},
                      .causation = in.getCausation(),
                      .actor = *actor,
                      .time_ns = in.getTimeNs(),
                      .boot = *boot,
                      .schema_version = in.getSchemaVersion()},
                     *std::move(event)};
}

}  // namespace

EventBytes encode(const EventRecord& record, Interned& interned, const Salt& salt) {
  const Envelope& envelope = record.envelope;
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<schema::Event>();
  out.setSequence(envelope.sequence);
  out.setStreamKind(number(envelope.stream.kind));
  out.setStreamId(envelope.stream.id);
  out.setStreamVersion(envelope.version);
  out.setCommandHi(envelope.command.hi);
  out.setCommandLo(envelope.command.lo);
  out.setCorrelationHi(envelope.correlation.hi);
  out.setCorrelationLo(envelope.correlation.lo);
  out.setCausation(envelope.causation);
  out.setActor(interned.number_of(envelope.actor));
  out.setBoot(interned.number_of(envelope.boot));
  out.setTimeNs(envelope.time_ns);
  out.setSchemaVersion(envelope.schema_version);
  write_payload(out.initPayload(), record.event);
  return {canonical_bytes<schema::Event>(out), personal_bytes(record.event, salt)};
}

Result<EventRecord> decode(std::string_view open, std::string_view personal, const Interned& interned) {
  auto record = read_message<schema::Event>(
      open, [&](schema::Event::Reader in) { return read_event(in, interned); });
  if (!record) return record;
  BANGER_TRY(read_personal(personal, record->event));
  return record;
}

}  // namespace banger
