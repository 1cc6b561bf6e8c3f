// The Service's answers about the past: each read on a worker thread (cli/bangerd/audit), answered
// on the loop.
#include "cli/bangerd/audit/living.h"
#include "cli/bangerd/audit/past.h"
#include "cli/bangerd/audit/search.h"
#include "cli/bangerd/service.h"

namespace banger::bangerd {
namespace {

std::expected<Sequence, Rejection> within(Sequence asked, Sequence first, Sequence head) {
  if (asked > head) {
    return std::unexpected(Rejection{
        Refusal::kNotFound,
        "there is no event " + std::to_string(asked) + ": the last is " + std::to_string(head),
        "see `bangerctl events ls --reverse --limit 10`"});
  }
  if (asked + 1 < first) {
    return std::unexpected(
        Rejection{Refusal::kNotFound,
                  "events before " + std::to_string(first) + " are not kept here any more",
                  "ask for a later moment"});
  }
  return asked;
}

// The event that a point means. Worker's thread.
std::expected<rpc::At, Rejection> resolve(const log::EventLog& log, const rpc::Point& point,
                                          Sequence head) {
  Moment moment{head, head, head};
  if (point.sequence) moment = {*point.sequence, *point.sequence, *point.sequence};
  if (point.time_ns) {
    auto found = moment_of(log, *point.time_ns, head);
    if (!found) return std::unexpected(as_refusal(found.error()));
    moment = *found;
  }
  if (const auto fits = within(moment.sequence, log.first_sequence(), head); !fits)
    return std::unexpected(fits.error());
  const auto time = time_of(log, moment.sequence);
  if (!time) return std::unexpected(as_refusal(time.error()));
  return rpc::At{moment.sequence, moment.at_least, moment.at_most, *time};
}

}  // namespace

void Service::state_at(const rpc::Point& point, StreamKind kind, std::string_view reference,
                       std::function<void(std::expected<rpc::PastRow, Rejection>)> answer) {
  using Answer = std::expected<rpc::PastRow, Rejection>;
  auto ask = [&log = parts_.log, point, kind,
              reference = std::string(reference)](const Ground& on) -> Answer {
    const auto at = resolve(log, point, on.head);
    if (!at) return std::unexpected(at.error());
    auto named = named_at(log, *on.interned, kind, reference, at->sequence);
    if (!named) return std::unexpected(named.error());
    PastState& state = named->state;
    rpc::PastRow row{.at = *at, .row = std::move(state.row), .parked_at = 0, .parked_reason = {}};
    if (state.parked) row.parked_at = state.parked->sequence;
    if (state.parked) row.parked_reason = state.parked->reason;
    return row;
  };
  questions_.ask<Answer>(std::move(ask), std::move(answer));
}

void Service::states_at(const rpc::Point& point, StreamKind kind, std::uint64_t after_id,
                        std::function<void(std::expected<rpc::PastPage, Rejection>)> answer) {
  using Answer = std::expected<rpc::PastPage, Rejection>;
  auto ask = [&log = parts_.log, point, kind, after_id](const Ground& on) -> Answer {
    const auto at = resolve(log, point, on.head);
    if (!at) return std::unexpected(at.error());
    auto page = living_at(log, *on.interned, kind, at->sequence, after_id);
    if (!page) return std::unexpected(as_refusal(page.error()));
    return rpc::PastPage{*at, std::move(page->rows), page->last_id, page->more};
  };
  questions_.ask<Answer>(std::move(ask), std::move(answer));
}

void Service::find_streams(
    StreamKind kind, std::string_view reference,
    std::function<void(std::expected<rpc::FoundStreams, Rejection>)> answer) {
  using Answer = std::expected<rpc::FoundStreams, Rejection>;
  auto ask = [&log = parts_.log, kind, reference = std::string(reference)](const Ground&) -> Answer {
    const auto found = bangerd::find_streams(log, kind, reference);
    if (!found) return std::unexpected(as_refusal(found.error()));
    rpc::FoundStreams streams{.rows = {}, .more = found->more};
    for (const HistoryRow& row : found->streams) streams.rows.push_back(row_bytes(row));
    return streams;
  };
  questions_.ask<Answer>(std::move(ask), std::move(answer));
}

void Service::search(const rpc::EventQuery& query, Sequence cursor, std::uint32_t known_actors,
                     std::uint32_t known_boots,
                     std::function<void(std::expected<rpc::SearchPage, Rejection>)> answer) {
  using Answer = std::expected<rpc::SearchPage, Rejection>;
  auto ask = [&log = parts_.log, query, cursor, known_actors,
              known_boots](const Ground& on) -> Answer {
    const ActorSet actors = actors_like(*on.interned, query.actor);
    auto page = bangerd::search(log, query, actors, cursor, on.head);
    if (!page) return std::unexpected(as_refusal(page.error()));
    page->batch.interned = on.interned->after(known_actors, known_boots);
    return *std::move(page);
  };
  questions_.ask<Answer>(std::move(ask), std::move(answer));
}

void Service::stream_events(StreamId stream, StreamVersion from, std::uint32_t limit,
                            std::function<void(Result<std::vector<Sequence>>)> answer) {
  using Answer = Result<std::vector<Sequence>>;
  auto ask = [&log = parts_.log, stream, from, limit](const Ground&) -> Answer {
    return log.stream_events(stream, from, limit);
  };
  questions_.ask<Answer>(std::move(ask), std::move(answer));
}

}  // namespace banger::bangerd
