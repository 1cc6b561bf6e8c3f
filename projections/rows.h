// Projection rows as stored and served: keys and canonical bytes of each projection's values, and back.
// The runtime writes them in the batch of the event that changed them and loads them at start; bangerctl
// dumps them and compares them with a replay, byte for byte.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/state.h"
#include "events/result.h"
#include "projections/history.h"

namespace banger {

struct ProjectionInfo {
  std::string_view name;
  std::uint32_t version;  // of what its rows mean: raised by a change, and then rebuilt beside the old one
  std::string_view about;
  bool of_fleet = true;  // loaded into the fleet at start; the others are read where they are asked for
};

inline constexpr ProjectionInfo kVmRuntime{"vm_runtime", 1, "the durable view of every VM"};
inline constexpr ProjectionInfo kImages{"images", 1, "images and how far they are"};
inline constexpr ProjectionInfo kHistory{"history", 2, "every stream there ever was", false};
inline constexpr ProjectionInfo kHost{"host", 1, "this boot, and leftovers that were reported"};
inline constexpr ProjectionInfo kParkedStreams{"parked", 1, "streams that stopped at an event that did not fit"};
inline constexpr ProjectionInfo kSnapshots{"snapshots", 1, "what streams were at every 256th of their events",
                                           false};
inline constexpr ProjectionInfo kTimes{"times", 1, "which times each 4096 events carry", false};
inline constexpr ProjectionInfo kNames{"names", 1, "who was given a name, and when", false};
inline constexpr ProjectionInfo kProjections[] = {kVmRuntime,     kImages,    kHistory, kHost,
                                                  kParkedStreams, kSnapshots, kTimes,   kNames};

// A row to write, or to remove where `value` is empty (no row's bytes are).
struct Row {
  std::string_view projection;
  std::string key;
  std::string value;

  friend bool operator==(const Row&, const Row&) = default;
};

[[nodiscard]] std::string row_key(StreamId stream);
// Digits of a key: big-endian, so that keys sort as numbers do.
void put_key_number(std::string& key, std::uint64_t number);

[[nodiscard]] std::string row_bytes(const VmRuntime& vm);
[[nodiscard]] std::string row_bytes(const Image& image);
[[nodiscard]] std::string row_bytes(const HistoryRow& row);
[[nodiscard]] std::string row_bytes(const HostState& host);
[[nodiscard]] std::string row_bytes(StreamId stream, const Parked& parked);

[[nodiscard]] Result<VmRuntime> parse_vm_row(std::string_view bytes);
[[nodiscard]] Result<Image> parse_image_row(std::string_view bytes);
[[nodiscard]] Result<HistoryRow> parse_history_row(std::string_view bytes);
[[nodiscard]] Result<HostState> parse_host_row(std::string_view bytes);
[[nodiscard]] Result<std::pair<StreamId, Parked>> parse_parked_row(std::string_view bytes);

// The rows of every projection but history that `stream` has in this fleet, for writing after it changed.
[[nodiscard]] std::vector<Row> rows_of(const Fleet& fleet, StreamId stream);
// Takes one stored row into a fleet that is being loaded; of a projection that is the fleet's.
[[nodiscard]] Status load_row(Fleet& fleet, std::string_view projection, std::string_view bytes);

}  // namespace banger
