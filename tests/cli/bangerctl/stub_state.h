// What the made-up daemon keeps in its data directory, over its own deaths, and the log that it
// serves.
#pragma once

#include <string>
#include <vector>

#include "events/codec.h"
#include "events/envelope.h"
#include "schemas/control.capnp.h"

namespace banger::stub {

// Six events: a VM "web" and an image "tiny"; both there and ready at the end.
[[nodiscard]] std::vector<EventRecord> sample_log();
inline constexpr std::uint64_t kVmId = 0x00000000000000a1;
inline constexpr std::uint64_t kImageId = 0x00000000000000b2;

// These events of it, with all interned entries or none.
void write_events(schema::EventBatch::Builder out, const std::vector<EventRecord>& records,
                  bool with_interned);
[[nodiscard]] capnp::Data::Reader as_data(const std::string& bytes);

void append_line(const std::string& path, const std::string& line);
[[nodiscard]] std::vector<std::string> lines_of(const std::string& path);
// True once for a file that is there: it is removed.
[[nodiscard]] bool take(const std::string& path);

}  // namespace banger::stub
