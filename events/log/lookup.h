// Finding events and rows by the indexes, for questions about the past: EventLog's functions of the
// same names say what each gives. For this folder's other files only; any thread, and it never
// writes.
#pragma once

#include <vector>

#include "events/log/event_log.h"
#include "events/log/store.h"

namespace banger::log {

[[nodiscard]] Result<StreamVersion> stream_version_at(const Store& store, StreamId stream,
                                                      Sequence at);
[[nodiscard]] Result<std::vector<Sequence>> events_of_kind(const Store& store, std::uint16_t kind,
                                                           Sequence from, std::size_t limit);
[[nodiscard]] Result<std::vector<Sequence>> events_of_kind_before(const Store& store,
                                                                  std::uint16_t kind,
                                                                  Sequence before,
                                                                  std::size_t limit);
// Rows of one projection whose keys are not before `first_key`, by an iterator over their family.
[[nodiscard]] Status visit_rows(rocksdb::Iterator& rows, std::string_view projection,
                                std::uint32_t version, std::string_view first_key,
                                const EventLog::RowVisitor& visit);
[[nodiscard]] Status rows_from(const Store& store, std::string_view projection,
                               std::uint32_t version, std::string_view first_key,
                               const EventLog::RowVisitor& visit);

}  // namespace banger::log
