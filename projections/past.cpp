#include "projections/past.h"

#include <algorithm>

#include "engine/evolve.h"
#include "events/codec_values.h"
#include "schemas/projection.capnp.h"

namespace banger {
namespace {

// The stream's row in the projection that is its own.
std::string row_of(const Fleet& fleet, StreamId stream) {
  for (Row& row : rows_of(fleet, stream)) {
    if (row.projection == projection_of(stream.kind).name) return std::move(row.value);
  }
  return {};
}

std::optional<NameRow> name_given(const EventRecord& record) {
  const Envelope& envelope = record.envelope;
  if (const auto* vm = std::get_if<VmCreated>(&record.event))
    return NameRow{envelope.stream, vm->name, envelope.sequence};
  if (const auto* image = std::get_if<ImageRequested>(&record.event)) {
    return NameRow{envelope.stream, image->name, envelope.sequence};
  }
  return std::nullopt;
}

}  // namespace

void TimesRow::take(Sequence sequence, std::int64_t time_ns) {
  const bool begins = first == 0;
  if (begins) first = sequence;
  last = sequence;
  earliest_ns = begins ? time_ns : std::min(earliest_ns, time_ns);
  latest_ns = begins ? time_ns : std::max(latest_ns, time_ns);
}

std::string snapshot_key(StreamId stream, StreamVersion version) {
  std::string key = row_key(stream);
  put_key_number(key, version);
  return key;
}

std::string times_key(Sequence last) {
  std::string key;
  put_key_number(key, last);
  return key;
}

std::string name_prefix(StreamKind kind, std::string_view name) {
  const auto number = static_cast<std::uint16_t>(kind);
  std::string key{static_cast<char>(number >> 8), static_cast<char>(number)};
  return (key += name) += '\0';
}

std::string name_key(StreamKind kind, std::string_view name, Sequence sequence) {
  std::string key = name_prefix(kind, name);
  put_key_number(key, ~sequence);
  return key;
}

std::string row_bytes(const TimesRow& row) {
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<schema::TimesRow>();
  out.setFirstSequence(row.first);
  out.setLastSequence(row.last);
  out.setEarliestNs(row.earliest_ns);
  out.setLatestNs(row.latest_ns);
  return canonical_bytes<schema::TimesRow>(out);
}

std::string row_bytes(const NameRow& row) {
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<schema::NameRow>();
  out.setStreamKind(static_cast<std::uint16_t>(row.stream.kind));
  out.setStreamId(row.stream.id);
  out.setName(as_text(row.name));
  out.setSequence(row.sequence);
  return canonical_bytes<schema::NameRow>(out);
}

Result<TimesRow> parse_times_row(std::string_view bytes) {
  return read_message<schema::TimesRow>(bytes, [](schema::TimesRow::Reader in) -> Result<TimesRow> {
    return TimesRow{in.getFirstSequence(), in.getLastSequence(), in.getEarliestNs(),
                    in.getLatestNs()};
  });
}

Result<NameRow> parse_name_row(std::string_view bytes) {
  return read_message<schema::NameRow>(bytes, [](schema::NameRow::Reader in) -> Result<NameRow> {
    return NameRow{{static_cast<StreamKind>(in.getStreamKind()), in.getStreamId()},
                   text_of(in.getName()),
                   in.getSequence()};
  });
}

std::vector<Row> PastFold::fold(const Fleet& fleet, const EventRecord& record) {
  const Envelope& envelope = record.envelope;
  std::vector<Row> rows;
  open_.take(envelope.sequence, envelope.time_ns);
  close_chunk(envelope.sequence, rows);
  if (const auto given = name_given(record)) {
    rows.push_back({kNames.name, name_key(given->stream.kind, given->name, given->sequence),
                    row_bytes(*given)});
  }
  // A parked stream stands still: whoever asks about it begins at its last snapshot before that.
  if (envelope.version % kSnapshotEvery == 0 && !fleet.parked.contains(envelope.stream)) {
    std::string row = row_of(fleet, envelope.stream);
    if (!row.empty())
      rows.push_back(
          {kSnapshots.name, snapshot_key(envelope.stream, envelope.version), std::move(row)});
  }
  return rows;
}

std::vector<Row> PastFold::skip(Sequence sequence) {
  std::vector<Row> rows;
  close_chunk(sequence, rows);
  return rows;
}

void PastFold::close_chunk(Sequence sequence, std::vector<Row>& rows) {
  if (sequence % kTimesEvery != 0 || open_.first == 0) return;
  rows.push_back({kTimes.name, times_key(sequence), row_bytes(open_)});
  open_ = {};
}

Status StreamFold::begin(std::string_view snapshot) {
  if (snapshot.empty()) return {};
  begun_ = true;
  BANGER_TRY(load_row(fleet_, projection_of(stream_.kind).name, snapshot));
  rebuild_indexes(fleet_);
  return {};
}

Status StreamFold::take(const EventRecord& record) {
  begun_ = true;
  evolve(fleet_, record);
  if (!fleet_.parked.contains(stream_)) return {};
  return fail("event " + std::to_string(record.envelope.sequence) +
              " does not fit its stream, which is not parked");
}

std::string StreamFold::row() const {
  return begun_ ? row_of(fleet_, stream_) : std::string();
}

const ProjectionInfo& projection_of(StreamKind kind) {
  switch (kind) {
    case StreamKind::kVm:
      return kVmRuntime;
    case StreamKind::kImage:
      return kImages;
    case StreamKind::kHost:
      break;
  }
  return kHost;
}

}  // namespace banger
