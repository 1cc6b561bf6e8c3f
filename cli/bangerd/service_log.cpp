// The Service's reads of the log: rows, events, verification.
#include <algorithm>

#include "cli/bangerd/service.h"

namespace banger::bangerd {

void Service::projections(std::function<void(std::vector<rpc::ProjectionSummary>)> answer) {
  parts_.runtime.when_durable([this, answer = std::move(answer)] {
    std::vector<rpc::ProjectionSummary> all;
    for (const ProjectionInfo& each : kProjections) {
      auto checkpoint = parts_.log.checkpoint(each.name, each.version);
      all.push_back({.name = std::string(each.name),
                     .about = std::string(each.about),
                     .version = each.version,
                     .checkpoint = checkpoint.value_or(0)});
    }
    answer(std::move(all));
  });
}

void Service::projection_rows(std::string_view name, std::string_view after_key, std::uint32_t limit,
                              std::function<void(std::expected<rpc::RowPage, Rejection>)> answer) {
  parts_.runtime.when_durable([this, name = std::string(name), after = std::string(after_key), limit,
                               answer = std::move(answer)] {
    auto known = std::ranges::find(kProjections, name, &ProjectionInfo::name);
    if (known == std::end(kProjections)) {
      return answer(std::unexpected(Rejection{Refusal::kNotFound, "there is no projection '" + name + "'",
                                              "see `bangerctl projection ls`"}));
    }
    rpc::RowPage page;
    auto read = parts_.log.rows_from(known->name, known->version, after, [&](std::string_view key, std::string_view value) {
      if (key == after) return true;
      page.more = page.rows.size() == limit;
      if (!page.more) page.rows.emplace_back(key, value);
      return !page.more;
    });
    if (!read) return answer(std::unexpected(Rejection{Refusal::kInvalid, read.error().message, ""}));
    answer(std::move(page));
  });
}

// A page of what is there is given at once, since followers live on it; that there is no more, only once all that was
// appended before is durable.
void Service::events(Sequence from, std::uint32_t max_bytes, std::uint32_t known_actors, std::uint32_t known_boots,
                     std::function<void(Result<rpc::EventBatch>)> answer) {
  auto read = [this, from, max_bytes, known_actors, known_boots, answer = std::move(answer)] {
    rpc::EventBatch batch;
    batch.head = parts_.log.head().sequence;
    batch.next = std::max<Sequence>(from, 1);
    if (batch.next <= batch.head) {
      std::size_t bytes = 0;
      log::Hasher hasher;
      auto next = parts_.log.read(batch.next, max_bytes, [&](const log::Frame& frame) {
        bytes += frame.public_bytes.size() + frame.personal_bytes().size();
        if (bytes > max_bytes && !batch.events.empty()) return false;
        batch.events.push_back({std::string(frame.public_bytes), std::string(frame.personal_bytes()), frame.erased(),
                                log::frame_digest(frame, hasher)});
        batch.next = frame.sequence + 1;
        return true;
      });
      if (!next) return answer(std::unexpected(next.error()));
    }
    batch.interned = parts_.runtime.interned().after(known_actors, known_boots);
    answer(std::move(batch));
  };
  if (from <= parts_.log.head().sequence) return read();
  parts_.runtime.when_durable(std::move(read));
}

rpc::Hold Service::on_new_events(std::function<void()> wake) {
  std::uint64_t subscriber = parts_.runtime.subscribe([wake = std::move(wake)](Sequence) { wake(); });
  return {this, [here = here_, subscriber](Service* service) {
            if (*here) service->parts_.runtime.unsubscribe(subscriber);
          }};
}

void Service::verify(std::function<void(std::uint64_t, std::uint64_t)> progress,
                     std::function<void(Result<rpc::VerifySummary>)> answer) {
  auto began = parts_.loop.now_ms();
  auto work = [&log = parts_.log, &loop = parts_.loop, progress, last = Sequence{0}]() mutable {
    return log.verify([&](Sequence done, Sequence total) {
      if (done - last < 10'000 && done != total) return;  // often enough for eyes
      last = done;
      loop.post([progress, done, total] { progress(done, total); });
    });
  };
  auto done = [this, here = here_, began, answer](Result<log::VerifyReport> report) {
    if (!*here) return;
    if (!report) return answer(std::unexpected(report.error()));
    answer(rpc::VerifySummary{.ok = report->ok(),
                              .events = report->events,
                              .blocks = report->blocks,
                              .elapsed_ms = parts_.loop.now_ms() - began,
                              .head = report->head,
                              .chain = to_hex(report->chain),
                              .problems = report->problems});
  };
  if (auto submitted = parts_.slow.submit(std::move(work), std::move(done)); !submitted) {
    answer(std::unexpected(submitted.error()));
  }
}

}  // namespace banger::bangerd
