#include "cli/bangerctl/event_reader.h"

#include <algorithm>

#include "cli/bangerctl/rows.h"
#include "events/capnp_bytes.h"
#include "projections/rows.h"

namespace banger::ctl {
namespace {

constexpr std::uint32_t kNeighbourBytes = 16 * 1024;

}  // namespace

Answer<std::vector<EventRecord>> EventReader::decode_batch(schema::EventBatch::Reader batch) {
  for (const auto entry : batch.getInterned()) {
    const auto table = static_cast<InternTable>(entry.getTable());
    const Status loaded =
        interned_.load({table, entry.getNumber(), std::string(bytes_of(entry.getBytes()))});
    if (!loaded) return std::unexpected(to_failure(loaded.error()));
    std::uint32_t& known = table == InternTable::kActor ? actors_ : boots_;
    known = std::max(known, entry.getNumber());
  }
  std::vector<EventRecord> records;
  for (const auto event : batch.getEvents()) {
    auto record = decode(bytes_of(event.getOpen()), bytes_of(event.getPersonal()), interned_);
    if (!record) return std::unexpected(to_failure(std::move(record).error()));
    if (event.getErased()) erased_.insert(record->envelope.sequence);
    records.push_back(*std::move(record));
  }
  head_ = batch.getHeadSequence();
  return records;
}

Answer<std::vector<EventRecord>> EventReader::page(Sequence from, std::uint32_t max_bytes) {
  for (;;) {
    auto answer = session_.call([&](schema::Control::Client control) {
      auto request = control.eventsRequest();
      request.setFrom(from);
      request.setMaxBytes(max_bytes);
      request.setKnownActors(actors_);
      request.setKnownBoots(boots_);
      return request.send();
    });
    if (!answer) return std::unexpected(answer.error());
    auto records = decode_batch(answer->getBatch());
    // Very many new interned entries fill a batch of their own; each such batch is the last of its
    // kind.
    if (!records || !records->empty() || answer->getBatch().getInterned().size() == 0)
      return records;
  }
}

Answer<EventRecord> EventReader::at(Sequence sequence) {
  const auto kept = std::ranges::find(
      kept_, sequence, [](const EventRecord& each) { return each.envelope.sequence; });
  if (kept != kept_.end()) return *kept;
  auto records = page(sequence, kNeighbourBytes);
  if (!records) return std::unexpected(records.error());
  if (records->empty() || records->front().envelope.sequence != sequence) {
    return failed(
        "there is no event " + std::to_string(sequence) + ": the last is " + std::to_string(head_),
        "bangerctl events ls");
  }
  kept_ = *std::move(records);
  return kept_.front();
}

void StreamNames::learn(const EventRecord& record) {
  if (const auto* vm = std::get_if<VmCreated>(&record.event)) {
    names_[record.envelope.stream] = vm->name;
  } else if (const auto* image = std::get_if<ImageRequested>(&record.event)) {
    names_[record.envelope.stream] = image->name;
  }
}

const std::string& StreamNames::of(StreamId stream) {
  auto [place, fresh] = names_.try_emplace(stream);
  if (!fresh || stream == kHostStream) return place->second;
  // History is ordered by kind and id, so the row is the one right after the id before it.
  const auto rows =
      read_row_after(session_, std::string(kHistory.name), row_key({stream.kind, stream.id - 1}));
  if (rows && !rows->empty()) {
    const auto row = parse_history_row(rows->begin()->second);
    if (row && row->stream == stream) place->second = row->name;
  }
  return place->second;
}

}  // namespace banger::ctl
