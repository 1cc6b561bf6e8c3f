#include "cli/bangerd/audit/search.h"

#include <algorithm>

#include "cli/bangerd/audit/past.h"
#include "events/peek.h"
#include "events/log/hash.h"

namespace banger::bangerd {
namespace {

constexpr std::size_t kListed = 1024;     // entries of an index at a time
constexpr Sequence kFirstWindow = 256;    // events looked at in one go, where no index helps;
constexpr Sequence kLastWindow = 65'536;  // doubled up to here, since few may do

// Sequences that may match, in the order of the search, and where to go on behind them.
struct Step {
  std::vector<Sequence> listed;
  Sequence next = 0;  // 0: there are no more
  std::uint64_t looked = 0;
};

class Search {
 public:
  Search(const log::EventLog& log, const rpc::EventQuery& query, const ActorSet& actors)
      : log_(log), query_(query), actors_(actors) {}

  Result<rpc::SearchPage> run(Sequence cursor, Sequence head) {
    BANGER_TRY(bound(head));
    page_.batch.head = head;
    if (cursor == 0) cursor = query_.reverse ? last_ : first_;
    while (first_ <= cursor && cursor <= last_ && page_.looked < kMaxLooked) {
      auto step = query_.stream           ? of_stream(cursor)
                  : !query_.kinds.empty() ? of_kinds(cursor)
                                          : of_window(cursor);
      if (!step) return std::unexpected(step.error());
      page_.looked += step->looked;
      BANGER_TRY(take(step->listed));
      if (full_) {
        page_.next = after(taken_);
        page_.done = page_.next < first_ || page_.next > last_;
        return std::move(page_);
      }
      cursor = step->next;
      if (cursor == 0) break;
    }
    page_.next = cursor;
    page_.done = cursor < first_ || cursor > last_;
    return std::move(page_);
  }

 private:
  // Where the query may find anything at all; by the chunks of times, which each event's own time
  // is held to later.
  Status bound(Sequence head) {
    first_ = std::max(log_.first_sequence(), query_.first);
    last_ = query_.last == 0 ? head : std::min(query_.last, head);
    if (query_.since_ns == 0 && query_.until_ns == 0) return {};
    const auto chunks = read_times(log_, head);
    if (!chunks) return std::unexpected(chunks.error());
    Sequence from = head + 1;
    Sequence to = 0;
    for (const TimesRow& chunk : *chunks) {
      const bool early = query_.since_ns != 0 && chunk.latest_ns < query_.since_ns;
      const bool late = query_.until_ns != 0 && chunk.earliest_ns > query_.until_ns;
      if (early || late) continue;
      from = std::min(from, chunk.first);
      to = std::max(to, chunk.last);
    }
    first_ = std::max(first_, from);
    last_ = std::min(last_, to);
    return {};
  }

  [[nodiscard]] Sequence after(Sequence sequence) const {
    return query_.reverse ? sequence - 1 : sequence + 1;
  }

  Result<Step> of_stream(Sequence cursor) const {
    const auto reached =
        log_.stream_version_at(*query_.stream, query_.reverse ? cursor : cursor - 1);
    if (!reached) return std::unexpected(reached.error());
    const StreamVersion from = !query_.reverse      ? *reached + 1
                               : *reached > kListed ? *reached - kListed + 1
                                                    : 1;
    auto listed = log_.stream_events(
        *query_.stream, from,
        query_.reverse ? static_cast<std::size_t>(*reached + 1 - from) : kListed);
    if (!listed) return std::unexpected(listed.error());
    if (query_.reverse) std::ranges::reverse(*listed);
    return step_of(*std::move(listed), kListed);
  }

  // Of several kinds each list is known as far as it was read: beyond the nearest end nothing is
  // said yet.
  Result<Step> of_kinds(Sequence cursor) const {
    std::vector<Sequence> all;
    std::optional<Sequence> edge;
    for (const std::uint16_t kind : query_.kinds) {
      const auto listed = query_.reverse ? log_.events_of_kind_before(kind, cursor + 1, kListed)
                                         : log_.events_of_kind(kind, cursor, kListed);
      if (!listed) return std::unexpected(listed.error());
      all.insert(all.end(), listed->begin(), listed->end());
      if (listed->size() < kListed) continue;
      const Sequence end = listed->back();
      edge = !edge ? end : query_.reverse ? std::max(*edge, end) : std::min(*edge, end);
    }
    if (query_.reverse)
      std::ranges::sort(all, std::greater{});
    else
      std::ranges::sort(all);
    const auto duplicates = std::ranges::unique(all);
    all.erase(duplicates.begin(), duplicates.end());
    if (edge)
      std::erase_if(all,
                    [&](Sequence each) { return query_.reverse ? each < *edge : each > *edge; });
    return step_of(std::move(all), edge ? 0 : kListed * query_.kinds.size());
  }

  // `whole`: fewer than this many are all that there are.
  Step step_of(std::vector<Sequence> listed, std::size_t whole) const {
    Step step{.listed = {}, .next = 0, .looked = listed.size() + 1};
    if (!listed.empty() && listed.size() >= whole) step.next = after(listed.back());
    std::erase_if(listed, [&](Sequence each) { return each < first_ || each > last_; });
    step.listed = std::move(listed);
    return step;
  }

  Result<Step> of_window(Sequence cursor) {
    const Sequence room = query_.reverse ? cursor - first_ + 1 : last_ - cursor + 1;
    const Sequence count =
        std::min(std::exchange(window_, std::min(window_ * 2, kLastWindow)), room);
    const Sequence begin = query_.reverse ? cursor - count + 1 : cursor;
    Step step{
        .listed = {}, .next = after(query_.reverse ? begin : begin + count - 1), .looked = count};
    Status seen;
    for (Sequence next = begin; next < begin + count;) {
      const auto read = log_.read(next, kMaxPageBytes, [&](const log::Frame& frame) {
        if (frame.sequence >= begin + count) return false;
        const auto matched = matches(frame);
        if (!matched)
          seen = std::unexpected(matched.error());
        else if (*matched)
          step.listed.push_back(frame.sequence);
        return matched.has_value();
      });
      if (!read) return std::unexpected(read.error());
      if (!seen) return std::unexpected(seen.error());
      next = *read;
    }
    if (query_.reverse) std::ranges::reverse(step.listed);
    return step;
  }

  [[nodiscard]] Result<bool> matches(const log::Frame& frame) const {
    const bool any = !query_.stream && query_.kinds.empty() && !actors_ && !query_.correlation &&
                     query_.since_ns == 0 && query_.until_ns == 0;
    if (any) return true;
    const auto seen = peek(frame.public_bytes);
    if (!seen) return false;  // it cannot be read: nothing that is asked is true of it
    if (query_.stream && seen->stream != *query_.stream) return false;
    if (!query_.kinds.empty() && std::ranges::count(query_.kinds, seen->kind) == 0) return false;
    if (actors_ && !actors_->contains(seen->actor)) return false;
    if (query_.correlation && seen->correlation != query_.correlation) return false;
    return (query_.since_ns == 0 || seen->time_ns >= query_.since_ns) &&
           (query_.until_ns == 0 || seen->time_ns <= query_.until_ns);
  }

  // Of the listed ones those that match, until the page is full.
  Status take(const std::vector<Sequence>& listed) {
    Status seen;
    BANGER_TRY(log_.visit_events(listed, [&](const log::Frame& frame) {
      const auto matched = matches(frame);
      if (!matched) seen = std::unexpected(matched.error());
      if (!matched) return false;
      if (!*matched) return true;
      auto& events = page_.batch.events;
      const std::size_t bytes = frame.public_bytes.size() + frame.personal_bytes().size();
      full_ = !events.empty() && bytes_ + bytes > kMaxPageBytes;
      if (full_) return false;
      bytes_ += bytes;
      taken_ = frame.sequence;
      events.push_back({std::string(frame.public_bytes), std::string(frame.personal_bytes()),
                        frame.erased(), log::frame_digest(frame, hasher_)});
      full_ = events.size() == (query_.limit == 0
                                    ? kMaxPageEvents
                                    : std::min<std::size_t>(query_.limit, kMaxPageEvents));
      return !full_;
    }));
    return seen;
  }

  const log::EventLog& log_;
  const rpc::EventQuery& query_;
  const ActorSet& actors_;
  log::Hasher hasher_;
  Sequence first_ = 0, last_ = 0;
  Sequence window_ = kFirstWindow;
  rpc::SearchPage page_;
  std::size_t bytes_ = 0;
  Sequence taken_ = 0;
  bool full_ = false;
};

}  // namespace

ActorSet actors_like(const Interned& interned, std::string_view pattern) {
  if (pattern.empty()) return std::nullopt;
  std::set<std::uint32_t> found;
  for (const InternedEntry& entry : interned.all()) {
    if (entry.table != InternTable::kActor) continue;
    const Actor& actor = *interned.actor(entry.number);
    // Clients add their version to their names: "bangerctl" means every one.
    const std::string client = actor.client.substr(0, actor.client.find(' '));
    const bool means = pattern == actor.user || pattern == actor.client || pattern == client ||
                       pattern == actor.user + "/" + client ||
                       pattern == actor.user + "/" + actor.client ||
                       pattern == std::to_string(actor.uid);
    if (means) found.insert(entry.number);
  }
  return found;
}

Result<rpc::SearchPage> search(const log::EventLog& log, const rpc::EventQuery& query,
                               const ActorSet& actors, Sequence cursor, Sequence head) {
  return Search(log, query, actors).run(cursor, head);
}

}  // namespace banger::bangerd
