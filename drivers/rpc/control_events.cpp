#include "drivers/rpc/control_events.h"

#include <algorithm>

#include "drivers/rpc/promise.h"
#include "events/codec_values.h"

namespace banger::rpc {
namespace {

constexpr std::size_t kEntryOverhead = 32;  // of an interned entry in a message

// Whether there are new events since a read began; outlives its follower in the service's callback.
struct News {
  bool came = false;
  std::optional<Fulfiller<void>> waiting;

  void tell() {
    came = true;
    if (waiting) waiting->fulfill();
    waiting.reset();
  }
};

class Follower {
 public:
  Follower(std::shared_ptr<Session> session, Hold slot, Sequence from,
           schema::EventSink::Client sink)
      : session_(std::move(session)),
        slot_(std::move(slot)),
        keep_alive_(session_->client.keep_alive()),
        next_(std::max<Sequence>(from, 1)),
        sink_(kj::mv(sink)),
        subscription_(session_->service.on_new_events([news = news_] { news->tell(); })) {}

  kj::Promise<void> run() {
    news_->came = false;  // before the read: what becomes durable during it is news
    auto pending = make_pending<EventBatch>();
    session_->service.events(next_, kMaxBatchBytes, known_actors_, known_boots_,
                             [fulfiller = pending.fulfiller](Result<EventBatch> batch) {
                               fulfiller.settle(std::move(batch));
                             });
    return pending.promise.then([this](EventBatch batch) { return pass_on(std::move(batch)); })
        .then([this] { return run(); });
  }

 private:
  kj::Promise<void> pass_on(EventBatch batch) {
    if (batch.events.empty() && batch.interned.empty()) return until_news();
    fit(batch, next_);
    KJ_REQUIRE(batch.events.empty() || batch.next > next_, "a batch that leads nowhere");
    auto push = sink_.pushRequest();
    write_batch(push.initBatch(), batch);
    next_ = batch.next;
    for (const InternedEntry& entry : batch.interned) {
      auto& known = entry.table == InternTable::kActor ? known_actors_ : known_boots_;
      known = std::max(known, entry.number);
    }
    return push.send().ignoreResult();
  }

  kj::Promise<void> until_news() {
    if (news_->came) return kj::READY_NOW;
    auto pending = make_pending<void>();
    news_->waiting = pending.fulfiller;
    return kj::mv(pending.promise);
  }

  std::shared_ptr<Session> session_;
  Hold slot_;
  KeepAlive keep_alive_;
  Sequence next_;
  std::uint32_t known_actors_ = 0, known_boots_ = 0;
  schema::EventSink::Client sink_;
  std::shared_ptr<News> news_ = std::make_shared<News>();
  Hold subscription_;
};

class Handle final : public schema::Handle::Server {
 public:
  // A failed push ends the follower and frees what it holds, though the client may keep the handle.
  explicit Handle(kj::Own<Follower> follower) : running_(start(kj::mv(follower))) {}

 private:
  static kj::Promise<void> start(kj::Own<Follower> follower) {
    auto running = kj::evalNow([&] { return follower->run(); });
    return running.attach(kj::mv(follower)).eagerlyEvaluate([](kj::Exception&&) {});
  }

  kj::Promise<void> running_;
};

}  // namespace

void fit(EventBatch& batch, Sequence from) {
  std::size_t bytes = 0;
  const auto first_beyond = std::ranges::find_if(batch.interned, [&](const InternedEntry& entry) {
    return (bytes += entry.bytes.size() + kEntryOverhead) > kMaxBatchBytes;
  });
  if (first_beyond == batch.interned.end()) return;
  batch.interned.erase(first_beyond, batch.interned.end());
  batch.events.clear();
  batch.next = from;
}

void write_batch(schema::EventBatch::Builder out, const EventBatch& batch) {
  auto interned = out.initInterned(static_cast<unsigned>(batch.interned.size()));
  for (unsigned i = 0; i < interned.size(); ++i) {
    interned[i].setTable(static_cast<std::uint8_t>(batch.interned[i].table));
    interned[i].setNumber(batch.interned[i].number);
    interned[i].setBytes(data_of(batch.interned[i].bytes));
  }
  auto events = out.initEvents(static_cast<unsigned>(batch.events.size()));
  for (unsigned i = 0; i < events.size(); ++i) {
    const StoredEventBytes& event = batch.events[i];
    events[i].setOpen(data_of(event.open));
    events[i].setPersonal(data_of(event.personal));
    events[i].setErased(event.erased);
    events[i].setDigest(data_of(event.digest));
  }
  out.setNextSequence(batch.next);
  out.setHeadSequence(batch.head);
}

schema::Handle::Client make_follower(std::shared_ptr<Session> session, Hold slot, Sequence from,
                                     schema::EventSink::Client sink) {
  return kj::heap<Handle>(
      kj::heap<Follower>(std::move(session), std::move(slot), from, kj::mv(sink)));
}

}  // namespace banger::rpc
