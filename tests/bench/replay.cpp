#include "projections/replay.h"

#include <chrono>
#include <filesystem>

#include "engine/runtime/load_interned.h"
#include "tests/bench/bench.h"
#include "tests/bench/log_load.h"
#include "tests/bench/rival_logs.h"
#include "tests/bench/unsynced_env.h"

namespace banger::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kChunk = 8'192;
constexpr std::size_t kOutstanding = 4'096;

double seconds_since(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

// Gives every record of one of the logs to `take`, from the first, until an Error.
using Source = std::function<Status(const LogPort::TakeRecord& take)>;

struct Folded {
  double seconds = 0;
  std::map<VmId, VmRuntime> vms;  // what all that folding came to
};

Result<Folded> fold(const Source& source) {
  Replay replay;
  const auto begun = Clock::now();
  const auto nowhere = [](Sequence) -> Result<StreamId> {
    return fail("an event that cannot be read");
  };
  BANGER_TRY(source([&](const StoredRecord& record) { return replay.fold(record, nowhere); }));
  const double seconds = seconds_since(begun);
  if (!replay.fleet().parked.empty()) {
    return fail("the made-up history has an event that does not fit");
  }
  return Folded{seconds, replay.fleet().vms};
}

// A rival's events, decoded one after the other.
template <class Rival>
Source decoding(const Rival& rival, const Interned& interned) {
  return [&](const LogPort::TakeRecord& take) -> Status {
    Status status;
    Sequence sequence = 0;
    BANGER_TRY(rival.read([&](std::string_view open, std::string_view personal) {
      const auto record = read_stored(++sequence, open, personal, interned);
      status = record ? take(*record) : Status(std::unexpected(record.error()));
      return status.has_value();
    }));
    return status;
  };
}

Result<std::uint64_t> bytes_below(const std::string& dir) {
  std::uint64_t bytes = 0;
  std::error_code failed;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir, failed)) {
    // The ballast is room that is kept free, and what RocksDB says of itself is no event.
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && name != "ballast" && !name.starts_with("LOG"))
      bytes += entry.file_size();
  }
  if (failed) return fail("look at " + dir + ": " + failed.message());
  return bytes;
}

// The same events in all three; the log as a lonely client makes it, one event in each commit.
Status write_all(const std::string& dir, std::size_t events, std::size_t vms, FlatFile& flat,
                 SqliteLog& sqlite) {
  const auto env = make_unsynced_env();
  auto load = LogLoad::open(dir, vms, env.get());
  if (!load) return std::unexpected(std::move(load).error());
  for (std::size_t written = 0; written < events; written += kChunk) {
    auto requests = (*load)->make_requests(std::min(kChunk, events - written));
    BANGER_TRY(flat.append(requests));
    BANGER_TRY(sqlite.append(requests));
    if (auto done = (*load)->append(std::move(requests), kOutstanding); !done) {
      return std::unexpected(std::move(done).error());
    }
  }
  return (*load)->close();
}

struct Seconds {
  std::vector<double> log, verified, flat, sqlite;
};

Result<Seconds> measure(log::EventLog& log, const FlatFile& flat, const SqliteLog& sqlite,
                        std::size_t rounds) {
  const auto interned = load_interned(log);
  if (!interned) return std::unexpected(interned.error());
  bangerd::SystemClock clock;
  bangerd::StoredLog port(log, clock);
  const Source ours = [&](const auto& take) { return port.records(1, *interned, take); };
  const Source verified = [&](const auto& take) {
    return port.verified_records(1, *interned, take);
  };
  Seconds seconds;
  for (std::size_t i = 0; i < rounds; ++i) {
    std::optional<std::map<VmId, VmRuntime>> came_to;
    const auto time = [&](const Source& source, std::vector<double>& into) -> Status {
      auto folded = fold(source);
      if (!folded) return std::unexpected(folded.error());
      if (came_to && *came_to != folded->vms) return fail("the logs do not come to the same");
      came_to = std::move(folded->vms);
      into.push_back(folded->seconds);
      return {};
    };
    BANGER_TRY(time(ours, seconds.log));
    BANGER_TRY(time(decoding(flat, *interned), seconds.flat));
    BANGER_TRY(time(verified, seconds.verified));
    BANGER_TRY(time(decoding(sqlite, *interned), seconds.sqlite));
  }
  return seconds;
}

// A plain sequential read: nothing is decoded.
Result<double> seconds_to_read(const FlatFile& flat) {
  std::size_t bytes = 0;
  const auto begun = Clock::now();
  BANGER_TRY(flat.read([&](std::string_view open, std::string_view personal) {
    bytes += open.size() + personal.size();
    return true;
  }));
  if (bytes == 0) return fail("there was nothing to read");
  return seconds_since(begun);
}

Figure figure(const std::string& name, std::size_t events, double ours, double rival,
              double target) {
  const auto count = static_cast<double>(events);
  return {.name = name,
          .ours = count / ours,
          .rival = count / rival,
          .sense = Target::kAtLeast,
          .target = target,
          .details = {{"events", count}}};
}

Status compare(const std::string& dir, std::size_t events, std::size_t vms, std::size_t rounds,
               Report& report) {
  constexpr double kMostBytes = 120;  // an event may take, with all indexes
  FlatFile flat(dir + "/flat");
  auto sqlite = SqliteLog::open(dir + "/sqlite");
  if (!sqlite) return std::unexpected(std::move(sqlite).error());
  const auto begun = Clock::now();
  BANGER_TRY(write_all(dir, events, vms, flat, **sqlite));
  Report::progress("replay: written in " + std::to_string(static_cast<int>(seconds_since(begun))) +
                   " s");
  auto log = log::EventLog::open({.paths = log_paths(dir)});
  if (!log) return std::unexpected(std::move(log).error());
  const auto seconds = measure(**log, flat, **sqlite, rounds);
  if (!seconds) return std::unexpected(seconds.error());
  BANGER_TRY((*log)->shutdown());
  const auto bytes = bytes_below(dir + "/log");
  if (!bytes) return std::unexpected(bytes.error());

  const auto plain = seconds_to_read(flat);
  if (!plain) return std::unexpected(plain.error());
  const double ours = median(seconds->log);
  Figure beside_flat = figure("replay_flat_file_per_s", events, ours, median(seconds->flat), 0.7);
  beside_flat.details.emplace_back("flat_read_only_per_s", static_cast<double>(events) / *plain);
  report.add(beside_flat);
  report.add(figure("replay_sqlite_per_s", events, ours, median(seconds->sqlite), 1.3));
  report.add(figure("replay_verified_per_s", events, median(seconds->verified), ours, 0.5));
  report.add({.name = "log_bytes_per_event",
              .ours = static_cast<double>(*bytes) / static_cast<double>(events),
              .rival = kMostBytes,
              .target = 1,
              .details = {{"flat_file_bytes",
                           static_cast<double>(flat.size()) / static_cast<double>(events)}}});
  return {};
}

}  // namespace

Status replay(const Options& options, Report& report) {
  const auto events = options.pick<std::size_t>(2'000, 200'000, 10'000'000);
  const auto vms = options.pick<std::size_t>(100, 1'000, 10'000);
  Report::progress("replay: writing " + std::to_string(events) + " events");
  const std::string dir = options.dir + "/replay";
  std::filesystem::create_directory(dir);
  const Status compared = compare(dir, events, vms, options.pick<std::size_t>(1, 3, 3), report);
  std::filesystem::remove_all(dir);
  return compared;
}

}  // namespace banger::bench
