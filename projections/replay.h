// All projections folded from events alone: what `events replay`, a start without current rows and the rebuild
// of a projection do, and the oracle that stored rows are held against. Feed it every event from sequence 1, in
// order.
#pragma once

#include <functional>
#include <map>

#include "events/stored_record.h"
#include "projections/past.h"

namespace banger {

class Replay {
 public:
  // An Error where the event is not the next one.
  [[nodiscard]] Status fold(const EventRecord& record);

  // The stream of an event whose own bytes do not tell.
  using StreamFinder = std::function<Result<StreamId>(Sequence)>;
  // The next event as it is stored. One that cannot be read parks its stream: a stored event is past refusing.
  [[nodiscard]] Status fold(const StoredRecord& record, const StreamFinder& find_stream);
  // The same of its bytes.
  [[nodiscard]] Status fold_stored(std::string_view open, std::string_view personal, const Interned& interned,
                                   const StreamFinder& find_stream);

  [[nodiscard]] const Fleet& fleet() const { return fleet_; }
  // Every row of one projection as it would be stored, by key.
  [[nodiscard]] std::map<std::string, std::string> rows(std::string_view projection) const;

  [[nodiscard]] Fleet take_fleet() { return std::move(fleet_); }
  [[nodiscard]] std::map<StreamId, HistoryRow> take_history() { return std::move(history_); }
  [[nodiscard]] const PastFold& past() const { return past_; }
  [[nodiscard]] std::vector<Row> take_past_rows();

 private:
  void keep(std::vector<Row> rows);
  Fleet fleet_;
  std::map<StreamId, HistoryRow> history_;
  PastFold past_;
  std::map<std::string_view, std::map<std::string, std::string>> past_rows_;  // by projection
};

}  // namespace banger
