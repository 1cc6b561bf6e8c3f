// The daemon's side of drivers/rpc/care_service.h: answers from the log and the runtime what takes care of the
// log, and holds the stored rows against a fold of it now and then. Long work goes to the slow worker in slices,
// what is only read to the readers; the loop is never held by either.
#pragma once

#include <map>
#include <memory>

#include "cli/bangerd/audit/questions.h"
#include "cli/bangerd/care/shadow_fold.h"
#include "drivers/rpc/care_service.h"
#include "drivers/uv/loop.h"
#include "drivers/uv/timer.h"
#include "drivers/uv/worker_pool.h"
#include "engine/runtime/runtime.h"
#include "events/log/event_log.h"

namespace banger::bangerd {

struct CareParts {
  uv::Loop& loop;
  Runtime& runtime;
  log::EventLog& log;
  uv::WorkerPool& slow;
  Questions& questions;
  std::uint64_t shadow_fold_s = 0;  // how often a shadow fold is due; 0: never
};

class Care : public rpc::CareService {
 public:
  explicit Care(CareParts parts);
  ~Care() override;

  void log_head(std::function<void(rpc::LogHead)> answer) override;
  void bundle_part(rpc::BundleSelection selection, Sequence cursor, std::size_t max_bytes,
                   std::function<void(Result<rpc::BundlePart>)> answer) override;
  void check_projections(std::string_view name, std::function<void(rpc::Care<rpc::CheckReport>)> answer) override;
  void rebuild_projections(std::string_view name, std::function<void(rpc::Care<rpc::Rebuilt>)> answer) override;
  void backup(std::string_view directory, std::function<void(rpc::Care<Sequence>)> answer) override;
  void erase(std::uint32_t caller_uid, std::string_view client, VmId vm, std::string_view name,
             std::function<void(rpc::Care<rpc::Erased>)> answer) override;
  void archive(std::uint32_t caller_uid, std::string_view client, rpc::ArchiveAsked asked,
               std::function<void(rpc::Care<rpc::Archived>)> answer) override;
  void archives(std::function<void(std::vector<rpc::ArchiveState>)> answer) override;

 private:
  using FoldPtr = std::shared_ptr<ShadowFold>;
  using FoldDone = std::function<void(rpc::Care<FoldPtr>)>;

  [[nodiscard]] static std::unexpected<Rejection> refuse(Refusal kind, std::string message, std::string hint = {}) {
    return std::unexpected(Rejection{kind, std::move(message), std::move(hint)});
  }
  // What an archive, an erasure or a copy holds to its end: one at a time (events/log/archiving.h). None: another has it.
  using Turn = std::shared_ptr<void>;
  [[nodiscard]] Turn take_turn();
  // Work that gives a Result, then its value; an Error is told to who asked, as a refusal.
  template <class T, class Work, class Then>
  void work_then(const std::function<void(rpc::Care<T>)>& answer, Work work, Then then);

  // One fold at a time; `done` on the loop.
  void fold(FoldDone done);
  void fold_slice(FoldPtr fold, FoldDone done);
  void told(const CheckReport& report);
  void rebuild(FoldPtr fold, const std::string& name, int tries,
               std::function<void(rpc::Care<rpc::Rebuilt>)> answer);
  void look_at_the_clock();
  // `work` on the slow worker, `done` with what it gave on the loop, unless this has gone by then.
  template <class Work, class Done>
  [[nodiscard]] Status run(Work work, Done done);

  CareParts parts_;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
  bool folding_ = false;
  bool turn_taken_ = false;
  std::map<std::string, std::uint64_t> drift_told_;  // drifted rows that the log has heard of, by projection
  uv::Timer clock_;
  std::uint64_t last_fold_ms_;
  Sequence last_durable_ = 0;
};

template <class Work, class Done>
Status Care::run(Work work, Done done) {
  auto submitted = parts_.slow.submit(std::move(work), [here = here_, done = std::move(done)](auto result) mutable {
    if (*here) done(std::move(result));
  });
  if (!submitted) return std::unexpected(submitted.error());
  return {};
}

}  // namespace banger::bangerd
