#include "drivers/rpc/control_events.h"

#include <algorithm>

#include "drivers/rpc/promise.h"

namespace banger::rpc {
namespace {

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
        place_{.next = std::max<Sequence>(from, 1)},
        sink_(kj::mv(sink)),
        subscription_(session_->service.on_new_events([news = news_] { news->tell(); })) {}

  kj::Promise<void> run() {
    return session_->client.until_may_push()
        .then([this] {
          news_->came = false;  // before the read: what becomes durable during it is news
          return session_->batches->at(place_);
        })
        .then([this](SharedBatches::Batch batch) { return pass_on(*batch); })
        .then([this] { return run(); });
  }

 private:
  // The message is a copy: the batch is not kept until a slow sink has taken it.
  kj::Promise<void> pass_on(const EncodedBatch& batch) {
    if (batch.empty()) return until_news();
    auto push = sink_.pushRequest(batch.size());
    push.setBatch(batch.reader());
    place_ = batch.next();
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
  Place place_;
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

schema::Handle::Client make_follower(std::shared_ptr<Session> session, Hold slot, Sequence from,
                                     schema::EventSink::Client sink) {
  return kj::heap<Handle>(
      kj::heap<Follower>(std::move(session), std::move(slot), from, kj::mv(sink)));
}

}  // namespace banger::rpc
