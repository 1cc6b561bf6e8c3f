// The Service's answers about the past: each read on a worker thread (cli/bangerd/audit), answered
// on the loop.
#include "cli/bangerd/audit/past.h"
#include "cli/bangerd/audit/search.h"
#include "cli/bangerd/service.h"
#include "engine/runtime/load_interned.h"

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

// What every question about one moment begins with.
struct Ground {
  rpc::At at;
  Interned interned;
};
std::expected<Ground, Rejection> ground(const log::EventLog& log, const rpc::Point& point,
                                        Sequence head) {
  const auto at = resolve(log, point, head);
  if (!at) return std::unexpected(at.error());
  auto interned = load_interned(log);
  if (!interned) return std::unexpected(as_refusal(interned.error()));
  return Ground{*at, *std::move(interned)};
}

}  // namespace

template <class T>
void Service::read(std::function<std::expected<T, Rejection>()> ask,
                   std::function<void(std::expected<T, Rejection>)> answer) {
  auto done = [here = here_, answer](std::expected<T, Rejection> result) {
    if (*here) answer(std::move(result));
  };
  if (auto submitted = parts_.readers.submit(std::move(ask), std::move(done)); !submitted) {
    answer(std::unexpected(
        Rejection{Refusal::kExhausted, "too many questions at once", "again in a moment"}));
  }
}

void Service::state_at(const rpc::Point& point, StreamKind kind, std::string_view reference,
                       std::function<void(std::expected<rpc::PastRow, Rejection>)> answer) {
  auto ask = [&log = parts_.log, head = parts_.log.head().sequence, point, kind,
              reference = std::string(reference)]() -> std::expected<rpc::PastRow, Rejection> {
    const auto on = ground(log, point, head);
    if (!on) return std::unexpected(on.error());
    auto named = named_at(log, on->interned, kind, reference, on->at.sequence);
    if (!named) return std::unexpected(named.error());
    PastState& state = named->state;
    rpc::PastRow row{
        .at = on->at, .row = std::move(state.row), .parked_at = 0, .parked_reason = {}};
    if (state.parked) row.parked_at = state.parked->sequence;
    if (state.parked) row.parked_reason = state.parked->reason;
    return row;
  };
  read<rpc::PastRow>(std::move(ask), std::move(answer));
}

void Service::states_at(const rpc::Point& point, StreamKind kind, std::uint64_t after_id,
                        std::function<void(std::expected<rpc::PastPage, Rejection>)> answer) {
  auto ask = [&log = parts_.log, head = parts_.log.head().sequence, point, kind,
              after_id]() -> std::expected<rpc::PastPage, Rejection> {
    const auto on = ground(log, point, head);
    if (!on) return std::unexpected(on.error());
    auto page = living_at(log, on->interned, kind, on->at.sequence, after_id);
    if (!page) return std::unexpected(as_refusal(page.error()));
    return rpc::PastPage{on->at, std::move(page->rows), page->last_id, page->more};
  };
  read<rpc::PastPage>(std::move(ask), std::move(answer));
}

void Service::find_streams(
    StreamKind kind, std::string_view reference,
    std::function<void(std::expected<rpc::FoundStreams, Rejection>)> answer) {
  auto ask = [&log = parts_.log, kind,
              reference = std::string(reference)]() -> std::expected<rpc::FoundStreams, Rejection> {
    const auto found = bangerd::find_streams(log, kind, reference);
    if (!found) return std::unexpected(as_refusal(found.error()));
    rpc::FoundStreams streams{.rows = {}, .more = found->more};
    for (const HistoryRow& row : found->streams) streams.rows.push_back(row_bytes(row));
    return streams;
  };
  read<rpc::FoundStreams>(std::move(ask), std::move(answer));
}

void Service::search(const rpc::EventQuery& query, Sequence cursor, std::uint32_t known_actors,
                     std::uint32_t known_boots,
                     std::function<void(std::expected<rpc::SearchPage, Rejection>)> answer) {
  auto ask = [&log = parts_.log, head = parts_.log.head().sequence, query, cursor,
              actors = actors_like(parts_.runtime.interned(),
                                   query.actor)]() -> std::expected<rpc::SearchPage, Rejection> {
    auto page = bangerd::search(log, query, actors, cursor, head);
    if (!page) return std::unexpected(as_refusal(page.error()));
    return *std::move(page);
  };
  auto with_entries = [this, known_actors, known_boots,
                       answer = std::move(answer)](std::expected<rpc::SearchPage, Rejection> page) {
    if (page) page->batch.interned = new_entries(known_actors, known_boots);
    answer(std::move(page));
  };
  read<rpc::SearchPage>(std::move(ask), std::move(with_entries));
}

}  // namespace banger::bangerd
