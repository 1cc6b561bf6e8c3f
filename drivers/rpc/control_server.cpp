#include "drivers/rpc/control_server.h"

#include <algorithm>

#include "drivers/rpc/control_access.h"
#include "drivers/rpc/control_care.h"
#include "drivers/rpc/control_events.h"
#include "drivers/rpc/control_exec.h"
#include "drivers/rpc/control_intent.h"
#include "drivers/rpc/control_past.h"
#include "drivers/rpc/control_results.h"
#include "drivers/rpc/promise.h"
#include "events/codec_values.h"

namespace banger::rpc {
namespace {

constexpr std::uint64_t kMaxWaitMs = 600'000;
constexpr std::uint32_t kMaxConsoleBytes = 256 << 10;
constexpr std::uint32_t kMaxRows = 256;
constexpr std::uint32_t kMaxSequences = 16384;

// A callback for the service that gives its one argument to whoever waits.
template <class T>
auto giving(const Fulfiller<T>& fulfiller) {
  return [fulfiller](T value) { fulfiller.fulfill(std::move(value)); };
}
template <class T>
auto settling(const Fulfiller<T>& fulfiller) {
  return [fulfiller](Result<T> result) { fulfiller.settle(std::move(result)); };
}

// What a client asks for, bounded; 0 is "as much as there may be".
std::uint32_t at_most(std::uint32_t asked, std::uint32_t most) {
  return asked == 0 ? most : std::min(asked, most);
}

const Rejection kTooManyExecs{Refusal::kExhausted, "this client has too many execs open",
                              "end some of them first"};

class ControlServer final : public RoleChecked<schema::Control> {
 public:
  explicit ControlServer(std::shared_ptr<Session> session)
      : RoleChecked(std::move(session)), service_(session_->service) {}

 protected:
  kj::Promise<void> hello(HelloContext context) override;
  kj::Promise<void> submit(SubmitContext context) override;
  kj::Promise<void> openExec(OpenExecContext context) override;
  kj::Promise<void> resumeExec(ResumeExecContext context) override;
  kj::Promise<void> vm(VmContext context) override;
  kj::Promise<void> awaitStream(AwaitStreamContext context) override;
  kj::Promise<void> console(ConsoleContext context) override;
  kj::Promise<void> projections(ProjectionsContext context) override;
  kj::Promise<void> projectionRows(ProjectionRowsContext context) override;
  kj::Promise<void> events(EventsContext context) override;
  kj::Promise<void> follow(FollowContext context) override;
  kj::Promise<void> streamEvents(StreamEventsContext context) override;
  kj::Promise<void> verify(VerifyContext context) override;
  kj::Promise<void> reconcilePlan(ReconcilePlanContext context) override;
  kj::Promise<void> reconcileStatus(ReconcileStatusContext context) override;
  kj::Promise<void> imageProgress(ImageProgressContext context) override;
  kj::Promise<void> stop(StopContext context) override;
  kj::Promise<void> ping(PingContext context) override;
  kj::Promise<void> stateAt(StateAtContext context) override;
  kj::Promise<void> statesAt(StatesAtContext context) override;
  kj::Promise<void> findStreams(FindStreamsContext context) override;
  kj::Promise<void> search(SearchContext context) override;
  kj::Promise<void> logCare(LogCareContext context) override;

 private:
  // Waiting for the service never makes a client idle.
  [[nodiscard]] KeepAlive keep_alive() const { return session_->client.keep_alive(); }

  ControlService& service_;
};


kj::Promise<void> ControlServer::hello(HelloContext context) {
  return guarded(context, [this](HelloContext call) -> kj::Promise<void> {
    session_->introduce(client_name(call.getParams().getClient()));
    write(call.getResults().initInfo(), service_.info());
    return kj::READY_NOW;
  });
}

kj::Promise<void> ControlServer::submit(SubmitContext context) {
  return guarded(context, [this](SubmitContext call) -> kj::Promise<void> {
    auto request = read_submit(call.getParams());
    call.releaseParams();
    if (!request) {
      refuse(call.getResults().initReply(), request.error());
      return kj::READY_NOW;
    }
    require_role(session_->client, request->ask);
    auto pending = make_pending<Answer>();
    service_.submit(session_->caller(), request->id, request->bytes, std::move(request->ask),
                    giving(pending.fulfiller));
    return pending.promise
        .then([call](Answer answer) mutable { write(call.getResults().initReply(), answer); })
        .attach(keep_alive());
  });
}

kj::Promise<void> ControlServer::openExec(OpenExecContext context) {
  return guarded(context, [this](OpenExecContext call) -> kj::Promise<void> {
    auto request = read_open_exec(call.getParams());
    call.releaseParams();
    Hold slot = session_->execs.take();
    if (!request || slot == nullptr) {
      refuse(call.getResults().initReply(), request ? kTooManyExecs : request.error());
      return kj::READY_NOW;
    }
    struct Opened {
      Answer answer;
      Result<ControlService::Exec> exec;
    };
    auto pending = make_pending<Opened>();
    service_.open_exec(
        session_->caller(), request->id, request->bytes, std::move(request->start),
        [fulfiller = pending.fulfiller](Answer answer, Result<ControlService::Exec> exec) {
          fulfiller.fulfill(Opened{std::move(answer), std::move(exec)});
        });
    return pending.promise
        .then([call, slot, session = session_](Opened opened) mutable -> kj::Promise<void> {
          if (opened.answer && !opened.exec) return to_exception(opened.exec.error());
          auto results = call.getResults();
          write(results.initReply(), opened.answer);
          if (!opened.answer) return kj::READY_NOW;
          ControlService::Exec& exec = *opened.exec;
          results.setExec(exec.exec.value);
          results.setVmId(exec.vm.value);
          write(results.initAccess(), exec.access);
          results.setKey(make_key_file(std::move(exec.access.client_key), slot));
          results.setLease(make_lease(session, {exec.vm, exec.exec, std::move(exec.lease), slot}));
          return kj::READY_NOW;
        })
        .attach(keep_alive());
  });
}

kj::Promise<void> ControlServer::resumeExec(ResumeExecContext context) {
  return guarded(context, [this](ResumeExecContext call) -> kj::Promise<void> {
    const VmId vm{call.getParams().getVmId()};
    const ExecId exec{call.getParams().getExec()};
    Hold slot = session_->execs.take();
    if (slot == nullptr) return to_exception({kTooManyExecs.message});
    auto pending = make_pending<Hold>();
    service_.resume_exec(vm, exec, giving(pending.fulfiller));
    return pending.promise
        .then([call, vm, exec, slot, session = session_](Hold lease) mutable {
          if (lease.use_count() == 0) return;  // not get(): a hold may own nothing but its end
          call.getResults().setOpen(true);
          call.getResults().setLease(make_lease(session, {vm, exec, std::move(lease), slot}));
        })
        .attach(keep_alive());
  });
}

kj::Promise<void> ControlServer::vm(VmContext context) {
  return guarded(context, [this](VmContext call) -> kj::Promise<void> {
    const auto reference = read_reference(call.getParams().getVm());
    if (!reference) {
      refuse(call.getResults().initReply(), reference.error());
      return kj::READY_NOW;
    }
    auto pending = make_pending<std::expected<VmDetails, Rejection>>();
    service_.vm(*reference, giving(pending.fulfiller));
    return pending.promise
        .then([call](std::expected<VmDetails, Rejection> details) mutable {
          if (!details) return refuse(call.getResults().initReply(), details.error());
          call.getResults().initReply().initAccepted();
          write(call.getResults().initDetails(), *details);
        })
        .attach(keep_alive());
  });
}

kj::Promise<void> ControlServer::awaitStream(AwaitStreamContext context) {
  return guarded(context, [this](AwaitStreamContext call) -> kj::Promise<void> {
    auto params = call.getParams();
    const auto stream = read_stream(params.getStreamKind(), params.getStreamId());
    if (!stream) return to_exception({"there is no such kind of stream"});
    auto pending = make_pending<StreamChange>();
    Hold wait = service_.await_stream(*stream, params.getAfterSequence(),
                                      std::min(params.getTimeoutMs(), kMaxWaitMs),
                                      giving(pending.fulfiller));
    return pending.promise
        .then([call](StreamChange change) mutable {
          call.getResults().setChanged(change.changed);
          call.getResults().setExists(change.exists);
          call.getResults().setLastSequence(change.last);
        })
        .attach(std::move(wait), keep_alive());
  });
}

kj::Promise<void> ControlServer::console(ConsoleContext context) {
  return guarded(context, [this](ConsoleContext call) -> kj::Promise<void> {
    auto params = call.getParams();
    const auto reference = read_reference(params.getVm());
    if (!reference) {
      refuse(call.getResults().initReply(), reference.error());
      return kj::READY_NOW;
    }
    auto pending = make_pending<std::expected<ConsoleBytes, Rejection>>();
    service_.console(*reference, params.getOffset(),
                     at_most(params.getMaxBytes(), kMaxConsoleBytes), giving(pending.fulfiller));
    return pending.promise
        .then([call](std::expected<ConsoleBytes, Rejection> console) mutable {
          auto results = call.getResults();
          if (!console) return refuse(results.initReply(), console.error());
          results.initReply().initAccepted();
          results.setOffset(console->offset);
          results.setSize(console->size);
          results.setData(data_of(console->data));
        })
        .attach(keep_alive());
  });
}

kj::Promise<void> ControlServer::projections(ProjectionsContext context) {
  return guarded(context, [this](ProjectionsContext call) -> kj::Promise<void> {
    auto pending = make_pending<std::vector<ProjectionSummary>>();
    service_.projections(giving(pending.fulfiller));
    return pending.promise
        .then([call](std::vector<ProjectionSummary> all) mutable {
          auto out = call.getResults().initProjections(static_cast<unsigned>(all.size()));
          for (unsigned i = 0; i < out.size(); ++i) write(out[i], all[i]);
        })
        .attach(keep_alive());
  });
}

kj::Promise<void> ControlServer::projectionRows(ProjectionRowsContext context) {
  return guarded(context, [this](ProjectionRowsContext call) -> kj::Promise<void> {
    auto params = call.getParams();
    const auto name = read_reference(params.getName());
    if (!name) {
      refuse(call.getResults().initReply(), name.error());
      return kj::READY_NOW;
    }
    const auto after = params.getAfterKey().asChars();
    auto pending = make_pending<std::expected<RowPage, Rejection>>();
    service_.projection_rows(*name, {after.begin(), after.size()},
                             at_most(params.getLimit(), kMaxRows), giving(pending.fulfiller));
    return pending.promise
        .then([call](std::expected<RowPage, Rejection> page) mutable {
          auto results = call.getResults();
          if (!page) return refuse(results.initReply(), page.error());
          results.initReply().initAccepted();
          write_rows(results, std::move(*page));
        })
        .attach(keep_alive());
  });
}

kj::Promise<void> ControlServer::events(EventsContext context) {
  return guarded(context, [this](EventsContext call) -> kj::Promise<void> {
    auto params = call.getParams();
    const Sequence from = std::max<Sequence>(params.getFrom(), 1);
    auto pending = make_pending<EventBatch>();
    service_.events(from, at_most(params.getMaxBytes(), kMaxBatchBytes), params.getKnownActors(),
                    params.getKnownBoots(), settling(pending.fulfiller));
    return pending.promise
        .then([call, from](EventBatch batch) mutable {
          fit(batch, from);
          write_batch(call.getResults().initBatch(), batch);
        })
        .attach(keep_alive());
  });
}

kj::Promise<void> ControlServer::follow(FollowContext context) {
  return guarded(context, [this](FollowContext call) -> kj::Promise<void> {
    if (!call.getParams().hasSink()) return to_exception({"a follower needs a sink"});
    Hold slot = session_->follows.take();
    if (slot == nullptr) return to_exception({"this client follows too often already"});
    const Sequence from = call.getParams().getFrom();
    auto sink = call.getParams().getSink();
    call.releaseParams();
    call.getResults().setHandle(make_follower(session_, std::move(slot), from, kj::mv(sink)));
    return kj::READY_NOW;
  });
}

kj::Promise<void> ControlServer::streamEvents(StreamEventsContext context) {
  return guarded(context, [this](StreamEventsContext call) -> kj::Promise<void> {
    auto params = call.getParams();
    const auto stream = read_stream(params.getStreamKind(), params.getStreamId());
    if (!stream) return to_exception({"there is no such kind of stream"});
    auto pending = make_pending<std::vector<Sequence>>();
    service_.stream_events(*stream, params.getFromVersion(),
                           at_most(params.getLimit(), kMaxSequences), settling(pending.fulfiller));
    return pending.promise
        .then([call](std::vector<Sequence> all) mutable {
          auto out = call.getResults().initSequences(static_cast<unsigned>(all.size()));
          for (unsigned i = 0; i < out.size(); ++i) out.set(i, all[i]);
        })
        .attach(keep_alive());
  });
}

kj::Promise<void> ControlServer::verify(VerifyContext context) {
  return guarded(context, [this](VerifyContext call) -> kj::Promise<void> {
    Hold slot = session_->verifies.take();
    if (slot == nullptr) return to_exception({"this client has a verify running already"});
    auto progress = make_progress(call.getParams().getProgress());
    call.releaseParams();  // they hold the sink, too, and stay until the client lets go of the
                           // answer
    auto pending = make_pending<VerifySummary>();
    // The slot stays with the work, which goes on without the client; the sink with the call.
    service_.verify(
        [weak = std::weak_ptr(progress)](std::uint64_t done, std::uint64_t total) {
          if (const auto alive = weak.lock()) alive->report(done, total);
        },
        [fulfiller = pending.fulfiller, slot](Result<VerifySummary> result) {
          fulfiller.settle(std::move(result));
        });
    return pending.promise
        .then([call](VerifySummary summary) mutable {
          write(call.getResults().initReport(), summary);
        })
        .attach(std::move(progress), keep_alive());
  });
}

kj::Promise<void> ControlServer::reconcilePlan(ReconcilePlanContext context) {
  return guarded(context, [this](ReconcilePlanContext call) -> kj::Promise<void> {
    auto pending = make_pending<std::vector<PlanLine>>();
    service_.reconcile_plan(giving(pending.fulfiller));
    return pending.promise
        .then([call](std::vector<PlanLine> lines) mutable { write_plan(call.getResults(), lines); })
        .attach(keep_alive());
  });
}

kj::Promise<void> ControlServer::reconcileStatus(ReconcileStatusContext context) {
  return guarded(context, [this](ReconcileStatusContext call) -> kj::Promise<void> {
    write(call.getResults().initStatus(), service_.reconcile_status());
    return kj::READY_NOW;
  });
}

kj::Promise<void> ControlServer::imageProgress(ImageProgressContext context) {
  return guarded(context, [this](ImageProgressContext call) -> kj::Promise<void> {
    auto params = call.getParams();
    auto pending = make_pending<ImageLines>();
    Hold wait = service_.image_progress(ImageId{params.getImageId()}, params.getFromLine(),
                                        std::min(params.getTimeoutMs(), kMaxWaitMs),
                                        giving(pending.fulfiller));
    return pending.promise
        .then([call](ImageLines lines) mutable { write_lines(call.getResults(), lines); })
        .attach(std::move(wait), keep_alive());
  });
}

kj::Promise<void> ControlServer::stop(StopContext context) {
  return guarded(context, [this](StopContext) -> kj::Promise<void> {
    auto pending = make_pending<void>();
    service_.stop(session_->caller(), [fulfiller = pending.fulfiller] { fulfiller.fulfill(); });
    return pending.promise.attach(keep_alive());
  });
}

kj::Promise<void> ControlServer::ping(PingContext) {
  return kj::READY_NOW;
}

kj::Promise<void> ControlServer::stateAt(StateAtContext context) {
  return guarded(context, [this](auto call) { return answer_state_at(session_, call); });
}
kj::Promise<void> ControlServer::statesAt(StatesAtContext context) {
  return guarded(context, [this](auto call) { return answer_states_at(session_, call); });
}
kj::Promise<void> ControlServer::findStreams(FindStreamsContext context) {
  return guarded(context, [this](auto call) { return answer_find_streams(session_, call); });
}
kj::Promise<void> ControlServer::search(SearchContext context) {
  return guarded(context, [this](auto call) { return answer_search(session_, call); });
}
kj::Promise<void> ControlServer::logCare(LogCareContext context) {
  return guarded(context, [this](LogCareContext call) -> kj::Promise<void> {
    call.getResults().setCare(make_log_care(session_));
    return kj::READY_NOW;
  });
}

}  // namespace

Server::Bootstrap make_controls(ControlService& service) {
  return [&service, batches = std::make_shared<SharedBatches>(service)](
             const Client& client) -> Result<capnp::Capability::Client> {
    if (client.peer().role == Role::kNone) return fail(turned_away(client.peer()));
    auto session = std::make_shared<Session>(service, batches, client);
    return capnp::Capability::Client(kj::heap<ControlServer>(std::move(session)));
  };
}

}  // namespace banger::rpc
