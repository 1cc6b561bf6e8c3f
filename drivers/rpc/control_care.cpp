#include "drivers/rpc/control_care.h"

#include "drivers/rpc/control_access.h"
#include "drivers/rpc/control_past.h"
#include "drivers/rpc/control_results.h"
#include "drivers/rpc/promise.h"
#include "drivers/rpc/shared_batches.h"
#include "events/codec_values.h"

namespace banger::rpc {
namespace {

constexpr std::size_t kMaxPartBytes = 256 << 10;  // of records; one large event may come on top
constexpr unsigned kMaxOthers = 32'768;

// The slot stays with the work, which goes on without the client.
template <class T>
[[nodiscard]] auto giving(const Fulfiller<T>& fulfiller, Hold slot) {
  return [fulfiller, slot = std::move(slot)](T value) { fulfiller.fulfill(std::move(value)); };
}

void write(schema::CheckReport::Builder out, const CheckReport& report) {
  out.setSequence(report.sequence);
  std::uint64_t drifted = 0;
  auto projections = out.initProjections(static_cast<unsigned>(report.projections.size()));
  for (unsigned i = 0; i < projections.size(); ++i) {
    projections[i].setName(report.projections[i].name);
    projections[i].setRows(report.projections[i].rows);
    projections[i].setBytes(report.projections[i].bytes);
    projections[i].setDrifted(report.projections[i].drifted);
    drifted += report.projections[i].drifted;
  }
  std::size_t bytes = 0;
  unsigned count = 0;
  for (const DriftedRow& row : report.rows) {
    bytes += row.key.size() + row.stored.size() + row.folded.size() + 64;
    if (bytes > kMaxPartBytes) break;
    ++count;
  }
  auto rows = out.initRows(count);
  for (unsigned i = 0; i < count; ++i) {
    rows[i].setProjection(report.rows[i].projection);
    rows[i].setKey(data_of(report.rows[i].key));
    rows[i].setStored(data_of(report.rows[i].stored));
    rows[i].setFolded(data_of(report.rows[i].folded));
  }
  out.setLeftOut(drifted - count);
}

class LogCareServer final : public RoleChecked<schema::LogCare> {
 public:
  explicit LogCareServer(std::shared_ptr<Session> session)
      : RoleChecked(std::move(session)), care_(session_->service.care()) {}

 protected:
  kj::Promise<void> head(HeadContext context) override {
    return guarded(context, [this](HeadContext call) -> kj::Promise<void> {
      auto pending = make_pending<LogHead>();
      care_.log_head([fulfiller = pending.fulfiller](LogHead head) { fulfiller.fulfill(std::move(head)); });
      return pending.promise
          .then([call](const LogHead& head) mutable {
            auto out = call.getResults().initHead();
            out.setStoreId(head.store_id);
            out.setEpoch(head.epoch);
            out.setFirstSequence(head.first);
            out.setSequence(head.last);
            out.setChain(data_of(head.chain));
          })
          .attach(session_->client.keep_alive());
    });
  }

  kj::Promise<void> bundlePart(BundlePartContext context) override {
    return guarded(context, [this](BundlePartContext call) -> kj::Promise<void> {
      const auto asked = call.getParams().getSelection();
      BundleSelection selection{asked.getFirst(), asked.getLast(), {}, asked.getMoreOthers()};
      const auto others = asked.getOthers();
      if (others.size() > kMaxOthers) return to_exception({"too many events are chosen one by one"});
      for (const Sequence sequence : others) {
        const bool ascends = sequence > (selection.others.empty() ? 0 : selection.others.back());
        if (!ascends) return to_exception({"chosen events must ascend"});
        selection.others.push_back(sequence);
      }
      auto pending = make_pending<BundlePart>();
      care_.bundle_part(std::move(selection), call.getParams().getCursor(), kMaxPartBytes,
                        [fulfiller = pending.fulfiller](Result<BundlePart> part) {
                          fulfiller.settle(std::move(part));
                        });
      return pending.promise
          .then([call](BundlePart part) mutable {
            call.getResults().setRecords(data_of(part.records));
            call.getResults().setNext(part.next);
          })
          .attach(session_->client.keep_alive());
    });
  }

  kj::Promise<void> checkProjections(CheckProjectionsContext context) override {
    return guarded(context, [this](CheckProjectionsContext call) -> kj::Promise<void> {
      auto slot = take_long_work();
      auto pending = make_pending<Care<CheckReport>>();
      care_.check_projections(text_of(call.getParams().getName()), giving(pending.fulfiller, slot));
      return pending.promise
          .then([call](Care<CheckReport> report) mutable {
            if (!report) return refuse(call.getResults().initReply(), report.error());
            call.getResults().initReply().initAccepted();
            write(call.getResults().initReport(), *report);
          })
          .attach(session_->client.keep_alive());
    });
  }

  kj::Promise<void> rebuildProjections(RebuildProjectionsContext context) override {
    return guarded(context, [this](RebuildProjectionsContext call) -> kj::Promise<void> {
      auto slot = take_long_work();
      auto pending = make_pending<Care<Rebuilt>>();
      care_.rebuild_projections(text_of(call.getParams().getName()), giving(pending.fulfiller, slot));
      return pending.promise
          .then([call](Care<Rebuilt> rebuilt) mutable {
            if (!rebuilt) return refuse(call.getResults().initReply(), rebuilt.error());
            call.getResults().initReply().initAccepted();
            call.getResults().setWritten(rebuilt->rows);
            call.getResults().setSequence(rebuilt->sequence);
          })
          .attach(session_->client.keep_alive());
    });
  }

  kj::Promise<void> backup(BackupContext context) override {
    return guarded(context, [this](BackupContext call) -> kj::Promise<void> {
      auto slot = take_long_work();
      auto pending = make_pending<Care<Sequence>>();
      care_.backup(text_of(call.getParams().getDirectory()), giving(pending.fulfiller, slot));
      return pending.promise
          .then([call](Care<Sequence> head) mutable {
            if (!head) return refuse(call.getResults().initReply(), head.error());
            call.getResults().initReply().initAccepted();
            call.getResults().setSequence(*head);
          })
          .attach(session_->client.keep_alive());
    });
  }

  kj::Promise<void> erase(EraseContext context) override {
    return guarded(context, [this](EraseContext call) -> kj::Promise<void> {
      auto slot = take_long_work();
      auto pending = make_pending<Care<Erased>>();
      const Caller caller = session_->caller();
      care_.erase(caller.peer.uid, caller.client, VmId{call.getParams().getVmId()},
                  text_of(call.getParams().getName()),
                  [give = giving(pending.fulfiller, slot), batches = session_->batches](Care<Erased> erased) {
                    batches->forget();  // also where the client has gone
                    give(std::move(erased));
                  });
      return pending.promise
          .then([call](Care<Erased> erased) mutable {
            if (!erased) return refuse(call.getResults().initReply(), erased.error());
            call.getResults().initReply().initAccepted();
            call.getResults().setEvents(erased->events);
            call.getResults().setSequence(erased->sequence);
          })
          .attach(session_->client.keep_alive());
    });
  }

  kj::Promise<void> archive(ArchiveContext context) override {
    return guarded(context, [this](ArchiveContext call) -> kj::Promise<void> {
      auto slot = take_long_work();
      auto progress = make_progress(call.getParams().getProgress());
      const Caller caller = session_->caller();
      ArchiveAsked asked{read_point(call.getParams().getBefore()), call.getParams().getDryRun(),
                         [weak = std::weak_ptr(progress)](std::uint64_t done, std::uint64_t total) {
                           if (const auto alive = weak.lock()) alive->report(done, total);
                         }};
      call.releaseParams();  // they hold the sink, too
      auto pending = make_pending<Care<Archived>>();
      care_.archive(caller.peer.uid, caller.client, std::move(asked), giving(pending.fulfiller, slot));
      return pending.promise
          .then([call](Care<Archived> archived) mutable {
            if (!archived) return refuse(call.getResults().initReply(), archived.error());
            call.getResults().initReply().initAccepted();
            auto out = call.getResults().initArchived();
            out.setFirst(archived->first);
            out.setLast(archived->last);
            out.setBlockBytes(archived->block_bytes);
            out.setFile(archived->file);
            out.setFileBytes(archived->file_bytes);
            out.setSequence(archived->sequence);
          })
          .attach(std::move(progress), session_->client.keep_alive());
    });
  }

  kj::Promise<void> archives(ArchivesContext context) override {
    return guarded(context, [this](ArchivesContext call) -> kj::Promise<void> {
      auto pending = make_pending<std::vector<ArchiveState>>();
      care_.archives([fulfiller = pending.fulfiller](std::vector<ArchiveState> all) {
        fulfiller.fulfill(std::move(all));
      });
      return pending.promise
          .then([call](std::vector<ArchiveState> all) mutable {
            auto out = call.getResults().initArchives(static_cast<unsigned>(all.size()));
            for (unsigned i = 0; i < out.size(); ++i) {
              out[i].setFirst(all[i].first);
              out[i].setLast(all[i].last);
              out[i].setBytes(all[i].bytes);
              out[i].setDigest(data_of(all[i].digest));
              out[i].setFile(all[i].file);
              out[i].setProblem(all[i].problem);
            }
          })
          .attach(session_->client.keep_alive());
    });
  }

 private:
  // Each reads the whole log: one at a time for a client.
  [[nodiscard]] Hold take_long_work() {
    Hold slot = session_->verifies.take();
    if (slot == nullptr) throw to_exception({"this client has long work running already"});
    return slot;
  }

  CareService& care_;
};

}  // namespace

schema::LogCare::Client make_log_care(std::shared_ptr<Session> session) {
  return kj::heap<LogCareServer>(std::move(session));
}

}  // namespace banger::rpc
