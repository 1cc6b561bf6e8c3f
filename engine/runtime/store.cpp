#include "engine/runtime/store.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>

#include "engine/evolve.h"
#include "engine/runtime/load_interned.h"
#include "events/assert.h"
#include "events/codec.h"
#include "events/peek.h"

namespace banger {
namespace {

Status load_rows(LogPort& log, Fleet& fleet) {
  for (const ProjectionInfo& projection : kProjections) {
    if (!projection.of_fleet) continue;
    Status loaded;
    BANGER_TRY(log.rows(projection.name, projection.version, [&](std::string_view, std::string_view value) {
      loaded = load_row(fleet, projection.name, value);
      return loaded.has_value();
    }));
    if (!loaded) return with_context("projection " + std::string(projection.name), loaded.error());
  }
  rebuild_indexes(fleet);
  return {};
}

Status replay_log(LogPort& log, Store& store) {
  Replay replay;
  BANGER_TRY(log.records(1, store.interned, [&](const StoredRecord& record) {
    return replay.fold(record, [&](Sequence sequence) { return log.stream_of(sequence); });
  }));
  adopt(store, std::move(replay));
  return {};
}

// The chunk of times that the head is in has no row yet: its events are looked at again.
Status resume_past(LogPort& log, Sequence head, PastFold& past) {
  const Sequence from = std::max(chunk_begin(head + 1), log.first_sequence());
  if (from > head) return {};
  return log.read(from, [&](const log::Frame& frame) {
    if (const auto peeked = peek(frame.public_bytes)) past.resume(peeked->sequence, peeked->time_ns);
    return true;
  });
}

bool rows_are_current(LogPort& log, Sequence head) {
  for (const ProjectionInfo& projection : kProjections) {
    auto checkpoint = log.checkpoint(projection.name, projection.version);
    if (!checkpoint || *checkpoint != head) return false;
  }
  return true;
}

// The row of a stream's history: a new one for its first event, else from memory, else from the log.
HistoryRow& history_of(Store& store, LogPort& log, StreamId stream, bool begins) {
  auto [place, fresh] = store.history.try_emplace(stream);
  if (fresh && !begins) {
    auto bytes = log.row(kHistory.name, kHistory.version, row_key(stream));
    BANGER_ASSERT(bytes && *bytes);  // rows and events are written together
    auto row = parse_history_row(**bytes);
    BANGER_ASSERT(row);
    place->second = *std::move(row);
  }
  return place->second;
}

log::RowWrite row_write(std::string_view projection, std::uint32_t version, std::string key, std::string value) {
  std::optional<std::string> kept;
  if (!value.empty()) kept = std::move(value);
  return {std::string(projection), version, std::move(key), std::move(kept)};
}

std::uint32_t version_of(std::string_view projection) {
  for (const ProjectionInfo& each : kProjections) {
    if (each.name == projection) return each.version;
  }
  BANGER_ASSERT(false);
  return 0;
}

Salt fresh_salt(Entropy& entropy) {
  Salt salt{};
  std::uint64_t words[] = {entropy.next(), entropy.next()};
  static_assert(sizeof words == sizeof(Salt));
  std::memcpy(salt.data(), words, sizeof words);
  return salt;
}

void add_rows(const Store& store, const std::set<StreamId>& streams, const std::set<StreamId>& historic,
              log::AppendRequest& request) {
  for (StreamId stream : streams) {
    for (Row& row : rows_of(store.fleet, stream)) {
      request.rows.push_back(
          row_write(row.projection, version_of(row.projection), std::move(row.key), std::move(row.value)));
    }
  }
  for (StreamId stream : historic) {
    request.rows.push_back(row_write(kHistory.name, kHistory.version, row_key(stream),
                                     row_bytes(store.history.at(stream))));
  }
}

}  // namespace

Result<Store> load_store(LogPort& log) {
  Store store;
  auto interned = load_interned(log);
  if (!interned) return std::unexpected(interned.error());
  store.interned = *std::move(interned);
  Sequence head = log.head();
  // Rows that cannot be read are no loss: the log makes them anew.
  if (rows_are_current(log, head) && load_rows(log, store.fleet)) {
    store.fleet.last = head;
    if (auto resumed = resume_past(log, head, store.past); !resumed) return std::unexpected(resumed.error());
    return store;
  }
  if (auto replayed = replay_log(log, store); !replayed) return std::unexpected(replayed.error());
  return store;
}

void adopt(Store& store, Replay replay) {
  store.fleet = replay.take_fleet();
  store.history = replay.take_history();
  store.past = replay.past();
  store.past_rows = replay.take_past_rows();
  store.rebuilt = true;
}

log::AppendRequest fold_and_encode(Store& store, LogPort& log, const std::vector<EventRecord>& records,
                                   Entropy& entropy) {
  log::AppendRequest request;
  std::set<StreamId> streams;
  std::set<StreamId> historic;  // whose history rows changed
  for (const EventRecord& record : records) {
    const Envelope& envelope = record.envelope;
    if (changes_history(record)) {
      fold_history(history_of(store, log, envelope.stream, envelope.version == 1), record);
      historic.insert(envelope.stream);
    }
    evolve(store.fleet, record);
    std::ranges::move(store.past.fold(store.fleet, record), std::back_inserter(store.past_rows));
    EventBytes bytes = encode(record, store.interned, fresh_salt(entropy));
    request.events.push_back({.sequence = envelope.sequence,
                              .stream = envelope.stream,
                              .stream_version = envelope.version,
                              .kind = kind_of(record.event),
                              .public_bytes = std::move(bytes.open),
                              .personal_bytes = std::move(bytes.personal)});
    streams.insert(envelope.stream);
  }
  if (std::exchange(store.rebuilt, false)) {
    for (const auto& [stream, row] : store.history) historic.insert(stream);
    streams = historic;
  }
  add_rows(store, streams, historic, request);
  for (Row& row : std::exchange(store.past_rows, {})) {
    request.rows.push_back(
        row_write(row.projection, version_of(row.projection), std::move(row.key), std::move(row.value)));
  }
  for (StreamId stream : historic) {
    if (store.history.at(stream).deleted_at_ns != 0) store.history.erase(stream);
  }
  for (InternedEntry& entry : store.interned.take_new()) {
    request.interned.push_back({static_cast<std::uint8_t>(entry.table), entry.number, std::move(entry.bytes)});
  }
  for (const ProjectionInfo& projection : kProjections) {
    request.checkpoints_for.emplace_back(projection.name, projection.version);
  }
  return request;
}

}  // namespace banger
