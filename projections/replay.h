// All projections folded from events alone: what `events replay` and the rebuild of a projection do, and the
// oracle that stored rows are held against. Feed it every event from sequence 1, in order.
#pragma once

#include <map>

#include "projections/rows.h"

namespace banger {

class Replay {
 public:
  // An Error where the event is not the next one.
  [[nodiscard]] Status fold(const EventRecord& record);
  [[nodiscard]] const Fleet& fleet() const { return fleet_; }
  // Every row of one projection as it would be stored, by key.
  [[nodiscard]] std::map<std::string, std::string> rows(std::string_view projection) const;

 private:
  Fleet fleet_;
  std::map<StreamId, HistoryRow> history_;
};

}  // namespace banger
