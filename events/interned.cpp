#include "events/interned.h"

#include <charconv>

namespace banger {
namespace {

// An actor is kept as "uid\0user\0client": neither a user name nor a client's name can hold a NUL.
std::string actor_bytes(const Actor& actor) {
  return std::to_string(actor.uid) + '\0' + actor.user + '\0' + actor.client;
}

Result<Actor> parse_actor(const std::string& bytes) {
  auto first = bytes.find('\0');
  auto second = first == std::string::npos ? first : bytes.find('\0', first + 1);
  if (second == std::string::npos) return fail("an interned actor without its three parts");
  Actor actor;
  auto [end, error] = std::from_chars(bytes.data(), bytes.data() + first, actor.uid);
  if (error != std::errc() || end != bytes.data() + first) return fail("an interned actor's uid is no number");
  actor.user = bytes.substr(first + 1, second - first - 1);
  actor.client = bytes.substr(second + 1);
  return actor;
}

}  // namespace

std::uint32_t Interned::number_of(const Actor& actor) {
  auto [place, fresh] = actor_numbers_.try_emplace(actor, static_cast<std::uint32_t>(actors_.size() + 1));
  if (fresh) {
    actors_[place->second] = actor;
    new_.push_back({InternTable::kActor, place->second, actor_bytes(actor)});
  }
  return place->second;
}

std::uint32_t Interned::number_of(BootId boot) {
  auto [place, fresh] = boot_numbers_.try_emplace(boot, static_cast<std::uint32_t>(boots_.size() + 1));
  if (fresh) {
    boots_[place->second] = boot;
    new_.push_back({InternTable::kBoot, place->second, boot.hex()});
  }
  return place->second;
}

const Actor* Interned::actor(std::uint32_t number) const {
  auto found = actors_.find(number);
  return found == actors_.end() ? nullptr : &found->second;
}

const BootId* Interned::boot(std::uint32_t number) const {
  auto found = boots_.find(number);
  return found == boots_.end() ? nullptr : &found->second;
}

std::vector<InternedEntry> Interned::take_new() { return std::exchange(new_, {}); }

Status Interned::load(const InternedEntry& entry) {
  switch (entry.table) {
    case InternTable::kActor: {
      auto actor = parse_actor(entry.bytes);
      if (!actor) return std::unexpected(actor.error());
      actor_numbers_[*actor] = entry.number;
      actors_[entry.number] = *std::move(actor);
      return {};
    }
    case InternTable::kBoot: {
      auto boot = BootId::parse(entry.bytes);
      if (!boot) return fail("an interned boot id is not 32 hex digits");
      boot_numbers_[*boot] = entry.number;
      boots_[entry.number] = *boot;
      return {};
    }
  }
  return fail("an interned entry of a table that this version does not know");
}

std::vector<InternedEntry> Interned::after(std::uint32_t actors, std::uint32_t boots) const {
  std::vector<InternedEntry> entries;
  for (auto it = actors_.upper_bound(actors); it != actors_.end(); ++it) {
    entries.push_back({InternTable::kActor, it->first, actor_bytes(it->second)});
  }
  for (auto it = boots_.upper_bound(boots); it != boots_.end(); ++it) {
    entries.push_back({InternTable::kBoot, it->first, it->second.hex()});
  }
  return entries;
}

std::optional<InternedEntry> Interned::entry(InternTable table, std::uint32_t number) const {
  switch (table) {
    case InternTable::kActor:
      if (const Actor* found = actor(number)) return InternedEntry{table, number, actor_bytes(*found)};
      break;
    case InternTable::kBoot:
      if (const BootId* found = boot(number)) return InternedEntry{table, number, found->hex()};
      break;
  }
  return std::nullopt;
}

}  // namespace banger
