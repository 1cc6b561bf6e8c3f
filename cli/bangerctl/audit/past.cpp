#include "cli/bangerctl/audit/past.h"

#include <algorithm>

#include "cli/bangerctl/terminal.h"
#include "cli/bangerctl/vm_watch.h"
#include "events/capnp_bytes.h"
#include "projections/rows.h"

namespace banger::ctl {
namespace {

At at_of(schema::At::Reader in) {
  return {in.getSequence(), in.getTimeNs(), in.getAtLeast(), in.getAtMost()};
}

// A call whose answer may be a refusal.
template <class Send>
auto asked(Session& session, Send&& send) {
  auto answer = session.call(std::forward<Send>(send));
  if (answer && answer->getReply().isRefused())
    answer = std::unexpected(refusal(answer->getReply().getRefused()));
  return answer;
}

template <class Thing>
struct OneAt {
  At at;
  Thing thing;
  std::optional<Parked> parked;
};

template <class Thing>
Answer<OneAt<Thing>> one_at(Session& session, const When& when, StreamKind kind,
                            const std::string& reference,
                            Result<Thing> (*parse)(std::string_view)) {
  auto answer = asked(session, [&](schema::Control::Client control) {
    auto request = control.stateAtRequest();
    write(request.initPoint(), when);
    request.setStreamKind(static_cast<std::uint16_t>(kind));
    request.setReference(reference);
    return request.send();
  });
  if (!answer) return std::unexpected(answer.error());
  auto thing = parse(bytes_of(answer->getRow()));
  if (!thing) return std::unexpected(to_failure(thing.error()));
  OneAt<Thing> one{at_of(answer->getAt()), *std::move(thing), std::nullopt};
  if (answer->getParkedAt() != 0)
    one.parked = Parked{answer->getParkedAt(), text_of(answer->getParkedReason())};
  return one;
}

template <class Thing>
Answer<PastList<Thing>> all_at(Session& session, When when, StreamKind kind,
                               Result<Thing> (*parse)(std::string_view)) {
  PastList<Thing> list;
  for (std::uint64_t after = 0;;) {
    auto answer = asked(session, [&](schema::Control::Client control) {
      auto request = control.statesAtRequest();
      write(request.initPoint(), when);
      request.setStreamKind(static_cast<std::uint16_t>(kind));
      request.setAfterId(after);
      return request.send();
    });
    if (!answer) return std::unexpected(answer.error());
    if (after == 0) list.at = at_of(answer->getAt());
    for (const auto row : answer->getRows()) {
      auto thing = parse(bytes_of(row));
      if (!thing) return std::unexpected(to_failure(thing.error()));
      list.things.push_back(*std::move(thing));
    }
    if (!answer->getMore()) break;
    after = answer->getLastId();
    when = {.sequence = list.at.sequence, .time_ns = {}};  // the next page is of the same moment
  }
  std::ranges::stable_sort(list.things, {}, &Thing::created_at_ns);
  return list;
}

Answer<std::vector<HistoryRow>> find_streams(Session& session, StreamKind kind,
                                             const std::string& reference) {
  auto answer = asked(session, [&](schema::Control::Client control) {
    auto request = control.findStreamsRequest();
    request.setStreamKind(static_cast<std::uint16_t>(kind));
    request.setReference(reference);
    return request.send();
  });
  if (!answer) return std::unexpected(answer.error());
  std::vector<HistoryRow> rows;
  for (const auto bytes : answer->getRows()) {
    auto row = parse_history_row(bytes_of(bytes));
    if (!row) return std::unexpected(to_failure(row.error()));
    rows.push_back(*std::move(row));
  }
  return rows;
}

}  // namespace

void write(schema::Point::Builder out, const When& when) {
  if (when.sequence) out.setSequence(*when.sequence);
  if (when.time_ns) out.setTimeNs(*when.time_ns);
}

Answer<When> read_when(const std::string& text) {
  auto when = parse_when(text, present());
  if (!when) return misused(when.error().message);
  return *when;
}

Answer<std::optional<When>> read_bound(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto when = read_when(text);
  if (!when) return std::unexpected(when.error());
  return *when;
}

std::string label(const At& at) {
  if (at.sequence == 0) return "before the first event";
  return "after event " + std::to_string(at.sequence) + ", " + iso_time(at.time_ns);
}

void note_moment(const At& at) {
  if (at.at_least == at.at_most) return note(label(at));
  note_ambiguity(at);
}

void note_ambiguity(const At& at) {
  if (at.at_least == at.at_most) return;
  note("note: the clock was set back between events " + std::to_string(at.at_least) + " and " +
       std::to_string(at.at_most) + "; this is " + label(at) +
       " (give an event's number for another)");
}

Json to_json(const At& at) {
  Json json{{"sequence", at.sequence}};
  add_field(json, "time_ns", at.time_ns);
  json["at_least"] = at.at_least;
  json["at_most"] = at.at_most;
  return json;
}

Answer<PastVm> vm_at(Session& session, const When& when, const std::string& vm) {
  auto one = one_at<VmRuntime>(session, when, StreamKind::kVm, vm, parse_vm_row);
  if (!one) return std::unexpected(one.error());
  return PastVm{one->at, std::move(one->thing), std::move(one->parked)};
}

Answer<PastImage> image_at(Session& session, const When& when, const std::string& image) {
  auto one = one_at<Image>(session, when, StreamKind::kImage, image, parse_image_row);
  if (!one) return std::unexpected(one.error());
  return PastImage{one->at, std::move(one->thing)};
}

Answer<PastList<VmRuntime>> vms_at(Session& session, const When& when) {
  return all_at<VmRuntime>(session, when, StreamKind::kVm, parse_vm_row);
}

Answer<PastList<Image>> images_at(Session& session, const When& when) {
  return all_at<Image>(session, when, StreamKind::kImage, parse_image_row);
}

Answer<HistoryRow> find_vm(Session& session, const std::string& vm) {
  const auto rows = find_streams(session, StreamKind::kVm, vm);
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return failed("there never was a VM '" + vm + "'", "bangerctl vm ls");
  const auto living = std::ranges::find(*rows, 0, &HistoryRow::deleted_at_ns);
  const HistoryRow& chosen = living == rows->end() ? rows->front() : *living;
  if (rows->size() == 1) return chosen;
  std::string ids;
  for (const HistoryRow& row : *rows) {
    if (row.stream == chosen.stream || ids.size() > 200) continue;
    ids += (ids.empty() ? "" : ", ") + to_hex(row.stream.id);
  }
  if (chosen.name != vm)
    return failed(
        "'" + vm + "' begins the ids of several VMs: " + to_hex(chosen.stream.id) + ", " + ids,
        "give more of the id");
  note("note: " + std::to_string(rows->size()) + " VMs had this name; this is " +
       to_hex(chosen.stream.id) + ", others are " + ids);
  return chosen;
}

void EventSearch::write(schema::EventQuery::Builder out) const {
  if (query_.stream) {
    out.setHasStream(true);
    out.setStreamKind(static_cast<std::uint16_t>(query_.stream->kind));
    out.setStreamId(query_.stream->id);
  }
  auto kinds = out.initKinds(static_cast<unsigned>(query_.kinds.size()));
  for (unsigned i = 0; i < kinds.size(); ++i) kinds.set(i, query_.kinds[i]);
  out.setActor(query_.actor);
  write_id(out.initCorrelation(), query_.correlation);
  if (query_.since) {
    out.setFirstSequence(query_.since->sequence.value_or(0));
    out.setSinceNs(query_.since->time_ns.value_or(0));
  }
  if (query_.until) {
    out.setLastSequence(query_.until->sequence.value_or(0));
    out.setUntilNs(query_.until->time_ns.value_or(0));
  }
  out.setReverse(query_.reverse);
  out.setLimit(static_cast<std::uint32_t>(std::min<std::uint64_t>(query_.limit, UINT32_MAX)));
}

Answer<std::vector<EventRecord>> EventSearch::next() {
  auto answer = asked(session_, [&](schema::Control::Client control) {
    auto request = control.searchRequest();
    write(request.initQuery());
    request.setCursor(cursor_);
    request.setKnownActors(reader_.known_actors());
    request.setKnownBoots(reader_.known_boots());
    return request.send();
  });
  if (!answer) return std::unexpected(answer.error());
  cursor_ = answer->getNext();
  done_ = answer->getDone();
  looked_ += answer->getLooked();
  auto records = reader_.decode_batch(answer->getBatch());
  if (records) query_.limit -= std::min<std::uint64_t>(query_.limit, records->size());
  return records;
}

Answer<std::vector<EventRecord>> search_all(Session& session, EventQuery query) {
  EventSearch search(session, std::move(query));
  return found_by(search);
}

Answer<std::vector<EventRecord>> found_by(EventSearch& search) {
  std::vector<EventRecord> all;
  while (search.more()) {
    auto records = search.next();
    if (!records) return std::unexpected(records.error());
    std::ranges::move(*records, std::back_inserter(all));
  }
  return all;
}

}  // namespace banger::ctl
