#include "drivers/rpc/control_past.h"

#include <algorithm>

#include "drivers/rpc/control_events.h"
#include "drivers/rpc/control_intent.h"
#include "drivers/rpc/control_results.h"
#include "drivers/rpc/promise.h"
#include "events/codec_values.h"

namespace banger::rpc {
namespace {

constexpr unsigned kMaxKinds = 256;

// Passes the answer on, or the refusal; `write(results, value)` fills the rest.
template <class T, class Call, class Write>
kj::Promise<void> answered(Pending<std::expected<T, Rejection>> pending, Session& session,
                           Call call, Write write) {
  return pending.promise
      .then([call, write](std::expected<T, Rejection> answer) mutable {
        auto results = call.getResults();
        if (!answer) return refuse(results.initReply(), answer.error());
        results.initReply().initAccepted();
        write(results, *answer);
      })
      .attach(session.client.keep_alive());
}

template <class T>
auto giving(const Pending<std::expected<T, Rejection>>& pending) {
  return [fulfiller = pending.fulfiller](std::expected<T, Rejection> value) {
    fulfiller.fulfill(std::move(value));
  };
}

template <class Call>
kj::Promise<void> refused(Call call, const Rejection& rejection) {
  refuse(call.getResults().initReply(), rejection);
  return kj::READY_NOW;
}

// What a question is about: a kind of stream, and a reference where there is one.
struct Subject {
  StreamKind kind;
  std::string reference;
};
std::expected<StreamKind, Rejection> read_kind(std::uint16_t number) {
  const auto stream = read_stream(number, 0);
  if (stream && stream->kind != StreamKind::kHost) return stream->kind;
  return std::unexpected(Rejection{Refusal::kInvalid, "there is no such kind of stream", ""});
}
template <class Params>
std::expected<Subject, Rejection> read_subject(Params params) {
  const auto kind = read_kind(params.getStreamKind());
  if (!kind) return std::unexpected(kind.error());
  auto reference = read_reference(params.getReference());
  if (!reference) return std::unexpected(reference.error());
  return Subject{*kind, *std::move(reference)};
}

void write(schema::At::Builder out, const At& at) {
  out.setSequence(at.sequence);
  out.setTimeNs(at.time_ns);
  out.setAtLeast(at.at_least);
  out.setAtMost(at.at_most);
}

void write_all(capnp::List<capnp::Data>::Builder out, const std::vector<std::string>& rows) {
  for (unsigned i = 0; i < out.size(); ++i) out.set(i, data_of(rows[i]));
}

std::expected<EventQuery, Rejection> read_query(schema::EventQuery::Reader in) {
  EventQuery query{.stream = {},
                   .kinds = {},
                   .actor = text_of(in.getActor()).substr(0, 256),
                   .correlation = {in.getCorrelation().getHi(), in.getCorrelation().getLo()},
                   .first = in.getFirstSequence(),
                   .last = in.getLastSequence(),
                   .since_ns = in.getSinceNs(),
                   .until_ns = in.getUntilNs(),
                   .reverse = in.getReverse(),
                   .limit = in.getLimit()};
  if (in.getHasStream()) {
    query.stream = read_stream(in.getStreamKind(), in.getStreamId());
    if (!query.stream) {
      return std::unexpected(Rejection{Refusal::kInvalid, "there is no such kind of stream", ""});
    }
  }
  if (in.getKinds().size() > kMaxKinds) {
    return std::unexpected(Rejection{Refusal::kInvalid, "too many kinds of events", ""});
  }
  for (const std::uint16_t kind : in.getKinds()) query.kinds.push_back(kind);
  return query;
}

}  // namespace

Point read_point(schema::Point::Reader in) {
  switch (in.which()) {
    case schema::Point::HEAD:
      return {};
    case schema::Point::SEQUENCE:
      return {.sequence = in.getSequence(), .time_ns = {}};
    case schema::Point::TIME_NS:
      return {.sequence = {}, .time_ns = in.getTimeNs()};
  }
  return {};
}

kj::Promise<void> answer_state_at(const std::shared_ptr<Session>& session, StateAtContext call) {
  const auto subject = read_subject(call.getParams());
  if (!subject) return refused(call, subject.error());
  auto pending = make_pending<std::expected<PastRow, Rejection>>();
  session->service.state_at(read_point(call.getParams().getPoint()), subject->kind,
                            subject->reference, giving(pending));
  return answered(kj::mv(pending), *session, call, [](auto results, const PastRow& row) {
    write(results.initAt(), row.at);
    results.setRow(data_of(row.row));
    results.setParkedAt(row.parked_at);
    results.setParkedReason(row.parked_reason);
  });
}

kj::Promise<void> answer_states_at(const std::shared_ptr<Session>& session, StatesAtContext call) {
  auto params = call.getParams();
  const auto kind = read_kind(params.getStreamKind());
  if (!kind) return refused(call, kind.error());
  auto pending = make_pending<std::expected<PastPage, Rejection>>();
  session->service.states_at(read_point(params.getPoint()), *kind, params.getAfterId(),
                             giving(pending));
  return answered(kj::mv(pending), *session, call, [](auto results, const PastPage& page) {
    write(results.initAt(), page.at);
    write_all(results.initRows(static_cast<unsigned>(page.rows.size())), page.rows);
    results.setLastId(page.last_id);
    results.setMore(page.more);
  });
}

kj::Promise<void> answer_find_streams(const std::shared_ptr<Session>& session,
                                      FindStreamsContext call) {
  const auto subject = read_subject(call.getParams());
  if (!subject) return refused(call, subject.error());
  auto pending = make_pending<std::expected<FoundStreams, Rejection>>();
  session->service.find_streams(subject->kind, subject->reference, giving(pending));
  return answered(kj::mv(pending), *session, call, [](auto results, const FoundStreams& found) {
    write_all(results.initRows(static_cast<unsigned>(found.rows.size())), found.rows);
    results.setMore(found.more);
  });
}

kj::Promise<void> answer_search(const std::shared_ptr<Session>& session, SearchContext call) {
  auto params = call.getParams();
  const auto query = read_query(params.getQuery());
  if (!query) return refused(call, query.error());
  Hold slot = session->searches.take();
  if (slot == nullptr) {
    return refused(call, {Refusal::kExhausted, "this client searches often enough already", ""});
  }
  const Sequence cursor = params.getCursor();
  auto pending = make_pending<std::expected<SearchPage, Rejection>>();
  session->service.search(*query, cursor, params.getKnownActors(), params.getKnownBoots(),
                          giving(pending));
  return answered(kj::mv(pending), *session, call,
                  [cursor](auto results, SearchPage& page) {
                    const bool some = !page.batch.events.empty();
                    fit(page.batch, cursor);
                    const bool cut = some && page.batch.events.empty();
                    write_batch(results.initBatch(), page.batch);
                    results.setNext(cut ? cursor : page.next);
                    results.setDone(page.done && !cut);
                    results.setLooked(page.looked);
                  })
      .attach(std::move(slot));
}

}  // namespace banger::rpc
