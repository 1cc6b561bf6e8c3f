// QMP, QEMU's control protocol (docs/interop/qmp-spec.rst), as a pure state machine: bytes in,
// messages out. Used by the blocking client below worker threads and by whoever holds a QMP
// connection on the loop. The peer may be a VMM that a guest has taken over: what it sends is
// bounded and may be anything.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "events/result.h"

namespace banger::vmm {

struct QmpMessage {
  enum class Kind { kGreeting, kReturn, kError, kEvent };
  Kind kind = Kind::kEvent;
  std::optional<std::uint64_t> id;  // of kReturn and kError: the command's
  std::string name;                 // of kEvent: SHUTDOWN, RESET...; of kError: its class
  std::string text;  // of kError: its words; of query-status: the status; of SHUTDOWN: the reason
  bool by_guest = false;  // of SHUTDOWN: the guest ended it, and not the host

  friend bool operator==(const QmpMessage&, const QmpMessage&) = default;
};

class QmpParser {
 public:
  static constexpr std::size_t kMaxLineBytes = 64 * 1024;
  static constexpr std::size_t kMaxWaiting = 256;  // messages not yet taken by next()

  // An error when the peer doesn't speak QMP or overruns a bound: then the connection is of no more
  // use.
  [[nodiscard]] Status feed(std::string_view bytes);
  [[nodiscard]] std::optional<QmpMessage> next();

 private:
  [[nodiscard]] Status take_line(std::string_view line);
  std::string partial_;
  std::deque<QmpMessage> waiting_;
};

// One command without arguments, ready to be written. The first one must be qmp_capabilities.
[[nodiscard]] std::string qmp_command(std::string_view name, std::uint64_t id);

}  // namespace banger::vmm
