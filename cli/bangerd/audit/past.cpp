#include "cli/bangerd/audit/past.h"

#include <algorithm>

#include "cli/bangerd/audit/stream_past.h"
#include "events/peek.h"

namespace banger::bangerd {
namespace {

constexpr std::size_t kShortestPrefix = 4;  // as engine/resolve.cpp has it
constexpr std::size_t kScanBytes = 1 << 20;

Rejection was_not_there(StreamKind kind, std::string_view reference, Sequence at) {
  const std::string what = kind == StreamKind::kVm ? "VM" : "image";
  return {Refusal::kNotFound,
          "there was no " + what + " '" + std::string(reference) + "' after event " +
              std::to_string(at),
          kind == StreamKind::kVm ? "see `bangerctl vm history " + std::string(reference) + "`"
                                  : "see `bangerctl events ls --kind image_requested`"};
}

bool is_prefix_of_id(std::string_view text) {
  return text.size() >= kShortestPrefix && text.size() <= 16 &&
         std::ranges::all_of(
             text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// Those whose ids begin with `prefix`.
Status visit_prefix(const log::EventLog& log, StreamKind kind, std::string_view prefix,
                    const VisitHistory& visit) {
  const auto lowest = parse_hex64(std::string(prefix) + std::string(16 - prefix.size(), '0'));
  return visit_history(log, {kind, *lowest}, [&](const HistoryRow& row) -> Result<bool> {
    if (!to_hex(row.stream.id).starts_with(prefix)) return false;
    return visit(row);
  });
}

// Who had the name after event `at`: the last that was given it, unless that was refused it.
Result<std::optional<Named>> by_name(const log::EventLog& log, const Interned& interned,
                                     StreamKind kind, std::string_view name, Sequence at) {
  std::optional<Named> named;
  const std::string prefix = name_prefix(kind, name);
  Status looked;
  BANGER_TRY(log.rows_from(kNames.name, kNames.version, name_key(kind, name, at),
                           [&](std::string_view key, std::string_view value) {
                             if (!key.starts_with(prefix)) return false;
                             const auto row = parse_name_row(value);
                             auto state = row ? state_at(log, interned, row->stream, at)
                                              : std::unexpected(row.error());
                             if (!state) {
                               looked = std::unexpected(state.error());
                               return false;
                             }
                             const bool refused =
                                 state->parked && state->parked->sequence == row->sequence;
                             if (!state->row.empty()) named = Named{row->stream, *std::move(state)};
                             return refused;
                           }));
  if (!looked) return std::unexpected(looked.error());
  return named;
}

}  // namespace

Result<PastState> state_at(const log::EventLog& log, const Interned& interned, StreamId stream,
                           Sequence at) {
  auto parked = parked_of(log, stream);
  if (!parked) return std::unexpected(parked.error());
  if (*parked && (*parked)->sequence > at) parked->reset();
  const auto folding = folding_of(log, stream, *parked ? (*parked)->sequence - 1 : at);
  if (!folding) return std::unexpected(folding.error());
  StreamFold fold(stream);
  BANGER_TRY(fold.begin(folding->snapshot));
  BANGER_TRY(visit_records(
      log, interned, folding->events,
      [&](std::size_t, const EventRecord& record) { return fold.take(record); }));
  return PastState{fold.row(), *std::move(parked)};
}

std::expected<Named, Rejection> named_at(const log::EventLog& log, const Interned& interned,
                                         StreamKind kind, std::string_view reference, Sequence at) {
  auto named = by_name(log, interned, kind, reference, at);
  if (!named) return std::unexpected(as_refusal(named.error()));
  if (*named) return **std::move(named);
  std::size_t matches = 0;
  if (is_prefix_of_id(reference)) {
    const auto visited =
        visit_prefix(log, kind, reference, [&](const HistoryRow& row) -> Result<bool> {
          auto state = state_at(log, interned, row.stream, at);
          if (!state) return std::unexpected(state.error());
          if (!state->row.empty() && ++matches == 1) *named = Named{row.stream, *std::move(state)};
          return matches < 2;
        });
    if (!visited) return std::unexpected(as_refusal(visited.error()));
  }
  if (matches == 1) return **std::move(named);
  if (matches == 0) return std::unexpected(was_not_there(kind, reference, at));
  return std::unexpected(Rejection{
      Refusal::kInvalid, std::string(reference) + " begins the ids of several that there were then",
      "give more of the id"});
}

Rejection as_refusal(const Error& error) {
  return {Refusal::kInvalid, error.message, ""};
}

Result<Found> find_streams(const log::EventLog& log, StreamKind kind, std::string_view reference) {
  Found found;
  const auto take = [&](const HistoryRow& row) {
    found.more = found.streams.size() == kMaxFound;
    if (!found.more) found.streams.push_back(row);
    return !found.more;
  };
  const std::string prefix = name_prefix(kind, reference);
  Status looked;
  BANGER_TRY(log.rows_from(kNames.name, kNames.version, name_key(kind, reference, UINT64_MAX),
                           [&](std::string_view key, std::string_view value) {
                             if (!key.starts_with(prefix)) return false;
                             const auto given = parse_name_row(value);
                             const auto row = given ? history_of(log, given->stream)
                                                    : std::unexpected(given.error());
                             if (!row) looked = std::unexpected(row.error());
                             return row && (!*row || take(**row));
                           }));
  if (!looked) return std::unexpected(looked.error());
  if (found.streams.empty() && is_prefix_of_id(reference)) {
    BANGER_TRY(visit_prefix(log, kind, reference,
                            [&](const HistoryRow& row) -> Result<bool> { return take(row); }));
  }
  return found;
}

Result<std::vector<TimesRow>> read_times(const log::EventLog& log, Sequence head) {
  const Sequence first = log.first_sequence();
  std::vector<TimesRow> chunks;
  Status parsed;
  BANGER_TRY(log.rows_from(kTimes.name, kTimes.version, times_key(first),
                           [&](std::string_view, std::string_view value) {
                             const auto row = parse_times_row(value);
                             if (!row) parsed = std::unexpected(row.error());
                             if (!row || row->last > head) return false;
                             chunks.push_back(*row);
                             chunks.back().first = std::max(chunks.back().first, first);
                             return true;
                           }));
  if (!parsed) return std::unexpected(parsed.error());
  TimesRow open;
  for (Sequence next = chunks.empty() ? first : chunks.back().last + 1; next <= head;) {
    const auto read = log.read(next, kScanBytes, [&](const log::Frame& frame) {
      if (frame.sequence > head) return false;
      if (const auto seen = peek(frame.public_bytes)) open.take(seen->sequence, seen->time_ns);
      return true;
    });
    if (!read) return std::unexpected(read.error());
    next = *read;
  }
  if (open.first != 0) chunks.push_back(open);
  return chunks;
}

Result<Moment> moment_of(const log::EventLog& log, std::int64_t time_ns, Sequence head) {
  const auto chunks = read_times(log, head);
  if (!chunks) return std::unexpected(chunks.error());
  return find_moment(*chunks, time_ns,
                     [&](const TimesRow& chunk) -> Result<std::vector<std::int64_t>> {
                       std::vector<std::int64_t> times;
                       for (Sequence next = chunk.first; next <= chunk.last;) {
                         const auto read = log.read(next, kScanBytes, [&](const log::Frame& frame) {
                           if (frame.sequence > chunk.last) return false;
                           // One that cannot be read has the time of the one before it.
                           const auto seen = peek(frame.public_bytes);
                           const auto before = times.empty() ? chunk.earliest_ns : times.back();
                           times.push_back(seen ? seen->time_ns : before);
                           return true;
                         });
                         if (!read) return std::unexpected(read.error());
                         next = *read;
                       }
                       return times;
                     });
}

Result<std::int64_t> time_of(const log::EventLog& log, Sequence sequence) {
  if (sequence < log.first_sequence()) return 0;
  Result<Peeked> seen = Peeked{};
  BANGER_TRY(log.visit_events(std::vector{sequence}, [&](const log::Frame& frame) {
    seen = peek(frame.public_bytes);
    return true;
  }));
  if (!seen) return std::unexpected(seen.error());
  return seen->time_ns;
}

}  // namespace banger::bangerd
