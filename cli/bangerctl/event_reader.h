// Reads the log through the daemon: pages of stored frames, decoded here. Keeps what is interned,
// so that each entry is sent once, and a page, so that neighbours cost one call.
#pragma once

#include <deque>
#include <map>
#include <set>

#include "cli/bangerctl/session.h"
#include "events/codec.h"

namespace banger::ctl {

class EventReader {
 public:
  explicit EventReader(Session& session) : session_(session) {}

  // The page of events from `from` on; empty at the end of the log.
  [[nodiscard]] Answer<std::vector<EventRecord>> page(Sequence from, std::uint32_t max_bytes);
  // One event; an error where there is none yet.
  [[nodiscard]] Answer<EventRecord> at(Sequence sequence);
  // Decodes what the daemon pushed.
  [[nodiscard]] Answer<std::vector<EventRecord>> decode_batch(schema::EventBatch::Reader batch);

  // How many interned entries it has: others ask for the new ones only.
  [[nodiscard]] std::uint32_t known_actors() const { return actors_; }
  [[nodiscard]] std::uint32_t known_boots() const { return boots_; }
  // Of those that it has read the ones whose personal part was cut out of the log.
  [[nodiscard]] const std::set<Sequence>& erased() const { return erased_; }
  // The head of the log, as of the last page.
  [[nodiscard]] Sequence head() const { return head_; }

 private:
  Session& session_;
  Interned interned_;
  std::uint32_t actors_ = 0;
  std::uint32_t boots_ = 0;
  Sequence head_ = 0;
  std::set<Sequence> erased_;
  std::vector<EventRecord> kept_;
};

inline constexpr std::uint32_t kPageBytes = 512 * 1024;

// Names of streams, asked for once each. Unknown ones are empty.
class StreamNames {
 public:
  explicit StreamNames(Session& session) : session_(session) {}
  [[nodiscard]] const std::string& of(StreamId stream);
  void learn(const EventRecord& record);

 private:
  Session& session_;
  std::map<StreamId, std::string> names_;
};

}  // namespace banger::ctl
