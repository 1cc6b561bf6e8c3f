// Reads a bundle from its first byte to its last and proves it on the way: every record's checksum, each
// event's digest and its place in its block's chain, that blocks which are neighbours follow on each other,
// and at the end the digest of it all. Called by replay, import, archives and tests. Memory is bounded by one
// record. What was visited counts only once read_bundle has come back without an Error.
#pragma once

#include <functional>
#include <istream>
#include <variant>

#include "events/bundle/records.h"

namespace banger::bundle {

// An event that is in the bundle; views live during the visit.
struct Event {
  log::Frame frame;
  Digest digest{};
};
struct Schema {
  std::string_view text;
};
// An event that was left out: only what its digest says.
struct Missing {
  Sequence sequence = 0;
  Digest digest{};
};
// A block is over, and its chain hash follows from its events.
struct BlockEnd {
  BlockHead block;
  bool follows = false;  // on the block before in this bundle, or on the beginning of the store
};

using Item = std::variant<Head, Schema, InternedEntry, BlockHead, Event, Missing, BlockEnd>;
using Visitor = std::function<Status(const Item&)>;

struct Summary {
  Head head;
  std::uint64_t events = 0;
  std::uint64_t left_out = 0;
  std::uint64_t blocks = 0;
  std::uint64_t gaps = 0;  // between blocks: what lies there is not in the bundle
  Sequence first = 0;      // of the events that are in it; 0 where there is none
  Sequence last = 0;
  bool reaches_head = false;  // its last block is the log's head of that time, with the same chain hash

  // Every event from `first` to `last` is here.
  [[nodiscard]] bool whole() const { return events > 0 && last - first + 1 == events; }
};

[[nodiscard]] Result<Summary> read_bundle(std::istream& in, const Visitor& visit);
// The same from a file; its name is in front of every error.
[[nodiscard]] Result<Summary> read_bundle_file(const std::string& path, const Visitor& visit);

}  // namespace banger::bundle
