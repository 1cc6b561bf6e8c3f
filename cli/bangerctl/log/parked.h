// Streams that stand still at an event that did not fit or could not be read: what lists and views say of them.
#pragma once

#include <map>

#include "cli/bangerctl/render_json.h"
#include "cli/bangerctl/rows.h"
#include "engine/state.h"

namespace banger::ctl {

using ParkedStreams = std::map<StreamId, Parked>;
[[nodiscard]] Answer<ParkedStreams> read_parked(Session& session);

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

}  // namespace banger::ctl
