#include "cli/bangerctl/log/parked.h"

#include "cli/bangerctl/terminal.h"

namespace banger::ctl {

Answer<ParkedStreams> read_parked(Session& session) {
  const auto rows = read_rows(session, std::string(kParkedStreams.name));
  if (!rows) return std::unexpected(rows.error());
  return parked_of(*rows);
}

Answer<ParkedStreams> parked_of(const StoredRows& rows) {
  ParkedStreams parked;
  for (const auto& [key, value] : rows) {
    auto row = parse_parked_row(value);
    if (!row) return std::unexpected(to_failure(std::move(row).error()));
    parked.insert(*std::move(row));
  }
  return parked;
}

std::string parked_words(const ParkedStreams& parked, StreamId stream) {
  const auto found = parked.find(stream);
  if (found == parked.end()) return {};
  return "parked at event " + std::to_string(found->second.sequence) + ": " + found->second.reason;
}

void note_parked(const ParkedStreams& parked, StreamKind kind) {
  for (const auto& [stream, why] : parked) {
    if (stream.kind != kind) continue;
    note(escape(std::string(name_of_kind(kind)) + " " + to_hex(stream.id) + " is " + parked_words(parked, stream)));
  }
}

}  // namespace banger::ctl
