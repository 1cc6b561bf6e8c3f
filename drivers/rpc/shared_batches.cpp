#include "drivers/rpc/shared_batches.h"

#include <algorithm>

#include "events/codec_values.h"

namespace banger::rpc {
namespace {

constexpr std::size_t kEntryOverhead = 32;  // of an interned entry in a message
constexpr std::size_t kEventOverhead = 80;  // of an event: a pointer, its struct, the digest, padding
constexpr std::uint64_t kCallWords = 32;    // what a push says besides

bool holds_nothing(const EventBatch& batch) { return batch.events.empty() && batch.interned.empty(); }

Place after(const EventBatch& batch, Place place) {
  place.next = batch.next;
  for (const InternedEntry& entry : batch.interned) {
    auto& known = entry.table == InternTable::kActor ? place.known_actors : place.known_boots;
    known = std::max(known, entry.number);
  }
  return place;
}

// Enough for one segment: what does not fit goes into another.
unsigned words_of(const EventBatch& batch) {
  std::size_t bytes = 256;
  for (const InternedEntry& entry : batch.interned) bytes += entry.bytes.size() + kEntryOverhead;
  for (const StoredEventBytes& event : batch.events) {
    bytes += event.open.size() + event.personal.size() + kEventOverhead;
  }
  return static_cast<unsigned>(bytes / sizeof(capnp::word) + 1);
}

EventBatch fitted(EventBatch batch, Place from) {
  fit(batch, from.next);
  KJ_REQUIRE(batch.events.empty() || batch.next > from.next, "a batch that leads nowhere");
  return batch;
}

}  // namespace

EncodedBatch::EncodedBatch(EventBatch given, Place from)
    : next_(from), empty_(holds_nothing(given)), message_(words_of(given)) {
  const EventBatch batch = fitted(std::move(given), from);
  if (!empty_) next_ = after(batch, from);
  auto root = message_.initRoot<schema::EventBatch>();
  write_batch(root, batch);
  reader_ = root.asReader();
  size_ = reader_.totalSize();
  size_.wordCount += kCallWords;
}

SharedBatches::SharedBatches(ControlService& service)
    : service_(service), kept_(std::make_shared<std::deque<Kept>>()) {}

// Not cleared: a read that is under way may hold what was there before.
void SharedBatches::forget() { kept_ = std::make_shared<std::deque<Kept>>(); }

kj::Promise<SharedBatches::Batch> SharedBatches::at(Place place) {
  const auto found = std::ranges::find(*kept_, place, &Kept::from);
  if (found != kept_->end()) return found->batch;
  auto pending = make_pending<Batch>();
  // Kept before anybody goes on: all who were woken by the same event ask in this turn of the loop.
  service_.events(place.next, kMaxBatchBytes, place.known_actors, place.known_boots,
                  [place, kept = kept_, fulfiller = pending.fulfiller](Result<EventBatch> batch) {
                    if (!batch) return fulfiller.reject(batch.error());
                    Batch encoded;
                    auto failure = kj::runCatchingExceptions([&] {
                      encoded = std::make_shared<const EncodedBatch>(*std::move(batch), place);
                    });
                    KJ_IF_MAYBE(exception, failure) { return fulfiller.reject(to_error(*exception)); }
                    if (!encoded->empty()) {
                      kept->push_back({place, encoded});
                      if (kept->size() > kKept) kept->pop_front();
                    }
                    fulfiller.fulfill(std::move(encoded));
                  });
  return kj::mv(pending.promise);
}

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

}  // namespace banger::rpc
