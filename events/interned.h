// Actors and boot ids recur in almost every event, so the log stores each once and events a number.
// A table only grows. The runtime owns one, filled from the log at start; new entries ride in the batch of
// the first event that uses them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "events/envelope.h"
#include "events/result.h"

namespace banger {

// Numbers of tables are stored: never renumber.
enum class InternTable : std::uint8_t { kActor = 1, kBoot = 2 };

struct InternedEntry {
  InternTable table = InternTable::kActor;
  std::uint32_t number = 0;
  std::string bytes;  // as actor_bytes or boot_bytes gives them
};

class Interned {
 public:
  // The number of an actor or boot, a new one if need be. Numbers start at 1.
  [[nodiscard]] std::uint32_t number_of(const Actor& actor);
  [[nodiscard]] std::uint32_t number_of(BootId boot);

  [[nodiscard]] const Actor* actor(std::uint32_t number) const;
  [[nodiscard]] const BootId* boot(std::uint32_t number) const;

  // Entries made since the last call, for the log.
  [[nodiscard]] std::vector<InternedEntry> take_new();
  // An entry as the log or a peer gives it. Hostile bytes give an Error.
  [[nodiscard]] Status load(const InternedEntry& entry);
  [[nodiscard]] std::vector<InternedEntry> all() const { return after(0, 0); }
  // Those that whoever knows so many of each table's lacks: a table grows at its end only.
  [[nodiscard]] std::vector<InternedEntry> after(std::uint32_t actors, std::uint32_t boots) const;
  // Nothing where there is no such number.
  [[nodiscard]] std::optional<InternedEntry> entry(InternTable table, std::uint32_t number) const;
  // The last number of each table; 0: it is empty.
  [[nodiscard]] std::uint32_t last_actor() const { return actors_.empty() ? 0 : actors_.rbegin()->first; }
  [[nodiscard]] std::uint32_t last_boot() const { return boots_.empty() ? 0 : boots_.rbegin()->first; }

 private:
  std::map<Actor, std::uint32_t> actor_numbers_;
  std::map<BootId, std::uint32_t> boot_numbers_;
  std::map<std::uint32_t, Actor> actors_;
  std::map<std::uint32_t, BootId> boots_;
  std::vector<InternedEntry> new_;
};

}  // namespace banger
