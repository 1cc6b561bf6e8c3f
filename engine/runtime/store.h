// The fleet as it is kept: loaded from its rows at start, written with every change. Between the engine's
// values and the log's bytes; decides nothing.
#pragma once

#include <map>

#include "engine/ports.h"
#include "engine/state.h"
#include "events/interned.h"
#include "projections/replay.h"

namespace banger {

struct Store {
  Fleet fleet;
  Interned interned;
  std::map<StreamId, HistoryRow> history;  // of streams that began in this life and go on; others' stay in the log
  PastFold past;
  std::vector<Row> past_rows;  // of a rebuild, not written yet
  bool rebuilt = false;  // rows did not match the log's head (a new version of a projection): write them all
};

// Rows where their checkpoint is the log's head and they can be read, else every event folded again. An event of
// a newer banger is an Error; one that cannot be read parks its stream, loudly: nothing is guessed.
[[nodiscard]] Result<Store> load_store(LogPort& log);

// Takes a replay's state for the store's own; its next append writes every row.
void adopt(Store& store, Replay replay);

// Folds new records, and gives what to append: events, rows of the streams they changed, new interned
// entries, checkpoints. `salt_words` are random.
[[nodiscard]] log::AppendRequest fold_and_encode(Store& store, LogPort& log,
                                                 const std::vector<EventRecord>& records, Entropy& entropy);

}  // namespace banger
