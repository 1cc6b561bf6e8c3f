#include "cli/bangerd/care/care.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "cli/bangerd/care/bundle_part.h"

namespace banger::bangerd {
namespace {

constexpr int kRebuildTries = 100;          // moments at which nothing is under way to the log
constexpr std::uint64_t kMaxLookMs = 60'000;  // between two looks at whether a fold is due

bool is_known(std::string_view projection) {
  return projection.empty() || std::ranges::count(kProjections, projection, &ProjectionInfo::name) != 0;
}

rpc::CheckReport to_rpc(const CheckReport& report, std::string_view name) {
  rpc::CheckReport out{.sequence = report.sequence, .projections = {}, .rows = {}};
  for (const CheckedProjection& each : report.projections) {
    if (name.empty() || each.name == name) out.projections.push_back({each.name, each.rows, each.bytes, each.drifted});
  }
  for (const DriftedRow& row : report.rows) {
    if (name.empty() || row.projection == name) out.rows.push_back({row.projection, row.key, row.stored, row.folded});
  }
  return out;
}

}  // namespace

Care::Care(CareParts parts)
    : parts_(parts), clock_(parts.loop, [this] { look_at_the_clock(); }), last_fold_ms_(parts.loop.now_ms()) {
  if (parts_.shadow_fold_s == 0) return;
  // The first is due as soon as it is quiet after the start: what went wrong did so before.
  last_fold_ms_ -= std::min(last_fold_ms_, parts_.shadow_fold_s * 1000);
  clock_.start_every(std::min(kMaxLookMs, parts_.shadow_fold_s * 1000));
}

Care::~Care() { *here_ = false; }

void Care::log_head(std::function<void(rpc::LogHead)> answer) {
  parts_.runtime.when_durable([this, here = here_, answer = std::move(answer)] {
    if (!*here) return;
    const log::Head head = parts_.log.head();
    answer({.store_id = parts_.log.store_id().hex(),
            .epoch = head.epoch,
            .first = parts_.log.first_sequence(),
            .last = head.sequence,
            .chain = head.chain});
  });
}

void Care::bundle_part(rpc::BundleSelection selection, Sequence cursor, std::size_t max_bytes,
                       std::function<void(Result<rpc::BundlePart>)> answer) {
  using Answer = Result<rpc::BundlePart>;
  auto ask = [&log = parts_.log, selection = std::move(selection), cursor, max_bytes](const Ground& on) -> Answer {
    return make_bundle_part(log, *on.interned, selection, cursor, max_bytes);
  };
  parts_.questions.ask<Answer>(std::move(ask), std::move(answer));
}

// ---- projections against the log ----

void Care::fold(FoldDone done) {
  if (folding_) return done(refuse(Refusal::kInUse, "the projections are being checked already", "again in a while"));
  folding_ = true;
  fold_slice(std::make_shared<ShadowFold>(parts_.log), [this, done = std::move(done)](rpc::Care<FoldPtr> result) {
    folding_ = false;
    last_fold_ms_ = parts_.loop.now_ms();
    if (result) told((*result)->report());
    done(std::move(result));
  });
}

void Care::fold_slice(FoldPtr fold, FoldDone done) {
  auto work = [fold] { return fold->slice(); };
  auto then = [this, fold, done](Result<bool> over) {
    if (!over) return done(refuse(Refusal::kInvalid, over.error().message, "bangerctl events verify"));
    if (!*over) return fold_slice(fold, done);
    done(fold);
  };
  if (auto begun = run(std::move(work), std::move(then)); !begun) {
    done(refuse(Refusal::kExhausted, begun.error().message));
  }
}

// On change only: an alarm that repeats itself is one that nobody reads.
void Care::told(const CheckReport& report) {
  parts_.runtime.told_of_shadow_fold(report.sequence, report.drifted());
  for (const CheckedProjection& each : report.projections) {
    if (std::exchange(drift_told_[each.name], each.drifted) == each.drifted || each.drifted == 0) continue;
    spdlog::error("projection {}: {} rows are not what the log makes them", each.name, each.drifted);
    parts_.runtime.record(
        ReportProjectionDrift{{each.name, each.drifted, report.sequence, key_hex(each.example)}}, "shadow-fold");
  }
}

void Care::check_projections(std::string_view name, std::function<void(rpc::Care<rpc::CheckReport>)> answer) {
  if (!is_known(name)) {
    return answer(refuse(Refusal::kNotFound, "there is no projection '" + std::string(name) + "'",
                         "see `bangerctl projection ls`"));
  }
  parts_.runtime.when_durable([this, name = std::string(name), answer = std::move(answer)] {
    fold([name, answer](rpc::Care<FoldPtr> fold) {
      if (!fold) return answer(std::unexpected(fold.error()));
      answer(to_rpc((*fold)->report(), name));
    });
  });
}

void Care::rebuild_projections(std::string_view name, std::function<void(rpc::Care<rpc::Rebuilt>)> answer) {
  if (!is_known(name)) {
    return answer(refuse(Refusal::kNotFound, "there is no projection '" + std::string(name) + "'",
                         "see `bangerctl projection ls`"));
  }
  fold([this, name = std::string(name), answer = std::move(answer)](rpc::Care<FoldPtr> fold) {
    if (!fold) return answer(std::unexpected(fold.error()));
    rebuild(*fold, name, kRebuildTries, answer);
  });
}

// At a moment when the log holds all that is known, which a busy daemon reaches between two syncs.
void Care::rebuild(FoldPtr fold, const std::string& name, int tries,
                   std::function<void(rpc::Care<rpc::Rebuilt>)> answer) {
  parts_.runtime.when_durable([this, fold, name, tries, answer = std::move(answer)] {
    if (auto caught_up = fold->catch_up(); !caught_up) {
      return answer(refuse(Refusal::kInvalid, caught_up.error().message, "bangerctl events verify"));
    }
    const bool same = fold->replay().fleet().last == parts_.runtime.fleet().last && parts_.runtime.settled();
    if (!same && tries == 0) {
      return answer(refuse(Refusal::kInUse, "the log is never quiet for a moment", "again with less going on"));
    }
    if (!same) return rebuild(fold, name, tries - 1, answer);
    std::vector<log::RowWrite> surplus;
    for (const DriftedRow& row : fold->report().rows) {
      const auto info = std::ranges::find(kProjections, row.projection, &ProjectionInfo::name);
      if (row.folded.empty()) surplus.push_back({row.projection, info->version, row.key, std::nullopt});
    }
    const std::size_t rows = parts_.runtime.rebuild(std::move(fold->replay()), name, surplus);
    drift_told_.clear();
    // What was written is looked at once more, for whoever asks and for the status.
    parts_.runtime.when_durable([this, rows, name, answer] {
      const rpc::Rebuilt rebuilt{rows, parts_.runtime.durable()};
      this->fold([answer, name, rebuilt](const rpc::Care<FoldPtr>& again) {
        const bool differ = again && std::ranges::any_of(to_rpc((*again)->report(), name).projections,
                                                         [](const auto& each) { return each.drifted > 0; });
        if (!differ) return answer(rebuilt);
        answer(refuse(Refusal::kConflict, "rows still differ after they were written",
                      "bangerctl projection diff; a rebuild of all of them"));
      });
    });
  });
}

// Due and quiet, or long overdue.
void Care::look_at_the_clock() {
  const bool quiet = std::exchange(last_durable_, parts_.runtime.durable()) == parts_.runtime.durable();
  const std::uint64_t since = parts_.loop.now_ms() - last_fold_ms_;
  const std::uint64_t period = parts_.shadow_fold_s * 1000;
  if (folding_ || since < period || (!quiet && since < 2 * period)) return;
  fold([](const rpc::Care<FoldPtr>& fold) {
    if (!fold) spdlog::error("the shadow fold failed: {}", fold.error().message);
  });
}

}  // namespace banger::bangerd
