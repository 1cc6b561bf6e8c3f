// SharedBatches: events as followers get them, read from the log and encoded once for all that follow at the same place.
// One for all clients of a service; used by control_events alone. Without it a hundred followers of the log's end would
// decode and hash each new event a hundred times, on the loop's thread. It keeps a few of the newest batches: whoever fell
// behind reads from the log. What was erased must not come back out of here, so whoever erases calls forget(). Loop's
// thread only.
#pragma once

#include <capnp/message.h>

#include <deque>
#include <memory>

#include "drivers/rpc/control_service.h"
#include "drivers/rpc/promise.h"
#include "schemas/control.capnp.h"

namespace banger::rpc {

inline constexpr std::uint32_t kMaxBatchBytes =
    256 << 10;  // of events; half as much again as a message

// Cuts a batch that begins at `from`, where so many interned entries are new that it fits no
// message: they come first, without events.
void fit(EventBatch& batch, Sequence from);
void write_batch(schema::EventBatch::Builder out, const EventBatch& batch);

// Where a follower is: its next event, and the interned entries that it was told.
struct Place {
  Sequence next = 1;
  std::uint32_t known_actors = 0, known_boots = 0;
  bool operator==(const Place&) const = default;
};

class EncodedBatch {
 public:
  // A failed requirement (kj::Exception) where it holds something but leads nowhere.
  EncodedBatch(EventBatch batch, Place from);
  [[nodiscard]] bool empty() const { return empty_; }
  [[nodiscard]] Place next() const { return next_; }  // for who has read it
  [[nodiscard]] schema::EventBatch::Reader reader() const { return reader_; }
  [[nodiscard]] capnp::MessageSize size() const { return size_; }

 private:
  Place next_;
  bool empty_;
  capnp::MallocMessageBuilder message_;
  schema::EventBatch::Reader reader_;
  capnp::MessageSize size_;
};

class SharedBatches {
 public:
  using Batch = std::shared_ptr<const EncodedBatch>;
  static constexpr std::size_t kKept = 8;  // 3 MiB at most

  // `service` outlives this.
  explicit SharedBatches(ControlService& service);

  // The batch at this place, empty where there is none yet. Fails as the service's read of the log does.
  [[nodiscard]] kj::Promise<Batch> at(Place place);
  // After an erasure: what is read from now on is read from the log.
  void forget();

 private:
  struct Kept {
    Place from;
    Batch batch;
  };
  ControlService& service_;
  std::shared_ptr<std::deque<Kept>> kept_;  // the newest last; a read that ends late goes into the one it began with
};

}  // namespace banger::rpc
