// What the runtime needs of the world, as interfaces: time, chance, the log, a look at the host, hands to act
// on it. drivers/ and events/log implement them for real, tests/sim in a simulated world; the runtime between
// is the same code in both. All calls and callbacks are on the loop's thread, and a callback never runs
// inside the call that was given it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/effect.h"
#include "engine/observation.h"
#include "events/stored_record.h"
#include "events/log/event_log.h"

namespace banger {

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual std::int64_t wall_ns() = 0;       // UTC, since 1970; may jump
  [[nodiscard]] virtual std::uint64_t monotonic_us() = 0;  // never goes back
};

class Entropy {
 public:
  virtual ~Entropy() = default;
  [[nodiscard]] virtual std::uint64_t next() = 0;
};

using TimerId = std::uint64_t;  // 0: none

class Timers {
 public:
  virtual ~Timers() = default;
  [[nodiscard]] virtual TimerId after(std::uint64_t delay_ms, std::function<void()> fire) = 0;
  virtual void cancel(TimerId timer) = 0;  // of one that fired or never was: nothing
};

// events/log's EventLog as the runtime uses it. A failure to read here is a failure of the store.
class LogPort {
 public:
  virtual ~LogPort() = default;
  virtual log::Ticket append(log::AppendRequest request) = 0;
  [[nodiscard]] virtual Sequence head() = 0;            // durable
  [[nodiscard]] virtual Sequence first_sequence() = 0;  // of the first event that is kept
  [[nodiscard]] virtual Result<std::optional<log::CommandRecord>> find_command(CommandId id) = 0;
  [[nodiscard]] virtual Status read(Sequence from, const std::function<bool(const log::Frame&)>& visit) = 0;
  // The same as far as they can be read, until an Error, which is returned. An implementation may read ahead on
  // other threads.
  using TakeRecord = std::function<Status(const StoredRecord&)>;
  [[nodiscard]] virtual Status records(Sequence from, const Interned& interned, const TakeRecord& take) {
    Status status;
    BANGER_TRY(read(from, [&](const log::Frame& frame) {
      const auto record = read_stored(frame.sequence, frame.public_bytes, frame.personal_bytes(), interned);
      status = record ? take(*record) : Status(std::unexpected(record.error()));
      return status.has_value();
    }));
    return status;
  }
  [[nodiscard]] virtual Status rows(std::string_view projection, std::uint32_t version,
                                    const log::EventLog::RowVisitor& visit) = 0;
  [[nodiscard]] virtual Result<std::optional<std::string>> row(std::string_view projection,
                                                               std::uint32_t version,
                                                               std::string_view key) = 0;
  [[nodiscard]] virtual Result<Sequence> checkpoint(std::string_view projection, std::uint32_t version) = 0;
  [[nodiscard]] virtual Result<std::vector<log::Interned>> interned(std::uint8_t table) = 0;
  // Of an event whose own bytes do not tell it. May take its time.
  [[nodiscard]] virtual Result<StreamId> stream_of(Sequence sequence) = 0;
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void observe(std::function<void(Observation)> done) = 0;
};

// How an effect ended. A cancelled one ends too, with no outcomes if it had none yet.
struct EffectEnd {
  std::vector<Ask> outcomes;
  bool retry_later = false;  // not done, and trying again at once would be no better
};

class EffectRunner {
 public:
  virtual ~EffectRunner() = default;
  // Never called with Settle or CancelEffects, which are the runtime's own.
  virtual void begin(const Effect& effect, std::function<void(EffectEnd)> done) = 0;
  // Asks the effect with this fence to end soon. One that can't be given up runs to its end.
  virtual void cancel(StreamId subject, Sequence fence) = 0;
};

struct Ports {
  Clock& clock;
  Entropy& entropy;
  Timers& timers;
  LogPort& log;
  Observer& observer;
  EffectRunner& effects;
};

}  // namespace banger
