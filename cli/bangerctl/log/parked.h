// Streams that stand still at an event that did not fit or could not be read: what lists and views say of them.
#pragma once

#include <map>

#include "cli/bangerctl/render_json.h"
#include "cli/bangerctl/rows.h"
#include "engine/state.h"
#include "projections/rows.h"

namespace banger::ctl {

using ParkedStreams = std::map<StreamId, Parked>;
[[nodiscard]] Answer<ParkedStreams> read_parked(Session& session);

template <class Thing>
struct WithParked {
  std::vector<Thing> things;
  ParkedStreams parked;
};
// What is parked, and all of `projection` as `parse` (vms_of, images_of) has it: asked for at once.
template <class Thing>
[[nodiscard]] Answer<WithParked<Thing>> read_with_parked(
    Session& session, std::string_view projection,
    Answer<std::vector<Thing>> (*parse)(const StoredRows&));
// The same of things that were found elsewhere: as they were at some time, say.
template <class Thing>
[[nodiscard]] Answer<WithParked<Thing>> with_parked(Session& session, std::vector<Thing> things);

// "parked at event 12: why", or nothing where the stream goes on.
[[nodiscard]] std::string parked_words(const ParkedStreams& parked, StreamId stream);
// Each thing as JSON, with "parked": those words or null.
template <class Thing>
[[nodiscard]] Json json_with_parked(const std::vector<Thing>& things, const ParkedStreams& parked) {
  Json array = Json::array();
  for (const Thing& thing : things) {
    const std::string words = parked_words(parked, stream_of(thing.id));
    Json json = to_json(thing);
    json["parked"] = words.empty() ? Json(nullptr) : Json(words);
    array.push_back(std::move(json));
  }
  return array;
}
// Under a table, on stderr: each parked stream of this kind, those included that have no row to be listed by.
void note_parked(const ParkedStreams& parked, StreamKind kind);

[[nodiscard]] Answer<ParkedStreams> parked_of(const StoredRows& rows);

template <class Thing>
Answer<WithParked<Thing>> read_with_parked(Session& session, std::string_view projection,
                                           Answer<std::vector<Thing>> (*parse)(const StoredRows&)) {
  const auto rows = read_rows_of(session, {projection, kParkedStreams.name});
  if (!rows) return std::unexpected(rows.error());
  auto things = parse(rows->front());
  if (!things) return std::unexpected(things.error());
  auto parked = parked_of(rows->back());
  if (!parked) return std::unexpected(parked.error());
  return WithParked<Thing>{*std::move(things), *std::move(parked)};
}

template <class Thing>
Answer<WithParked<Thing>> with_parked(Session& session, std::vector<Thing> things) {
  auto parked = read_parked(session);
  if (!parked) return std::unexpected(parked.error());
  return WithParked<Thing>{std::move(things), *std::move(parked)};
}

}  // namespace banger::ctl
