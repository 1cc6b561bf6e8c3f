#include "projections/replay.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>

#include "events/codec.h"
#include "tests/bench/bench.h"
#include "tests/bench/log_load.h"

namespace banger::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kVms = 1'000;
constexpr std::size_t kClients = 64;  // how the log was written matters: it makes the blocks
constexpr std::size_t kChunk = 8'192;
constexpr std::size_t kReadBytes = 1 << 20;

// What a visitor of events gets; false ends the visit.
using Visit = std::function<bool(std::string_view open, std::string_view personal)>;

// The rival: both parts of every event behind their lengths, one after the other.
class FlatFile {
 public:
  explicit FlatFile(const std::string& path)
      : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {}

  [[nodiscard]] Status append(const std::vector<log::AppendRequest>& requests) {
    std::string bytes;
    for (const log::AppendRequest& request : requests) {
      for (const log::EncodedEvent& event : request.events) {
        const std::uint32_t sizes[] = {static_cast<std::uint32_t>(event.public_bytes.size()),
                                       static_cast<std::uint32_t>(event.personal_bytes.size())};
        char head[sizeof sizes];
        std::memcpy(head, sizes, sizeof sizes);
        bytes.append(head, sizeof head) += event.public_bytes;
        bytes += event.personal_bytes;
      }
    }
    if (::write(fd_.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
      return fail_errno("write", errno);
    }
    size_ += bytes.size();
    return {};
  }

  [[nodiscard]] std::size_t size() const { return size_; }

  // In pieces of 1 MiB; an event that a piece cuts in two begins the next one.
  [[nodiscard]] Status read(const Visit& visit) const {
    std::string buffer(kReadBytes, '\0');
    std::size_t kept = 0;
    for (off_t at = 0;;) {
      const ssize_t got = ::pread(fd_.get(), buffer.data() + kept, buffer.size() - kept, at);
      if (got < 0) return fail_errno("read", errno);
      if (got == 0) return {};
      at += got;
      std::string_view rest(buffer.data(), kept + static_cast<std::size_t>(got));
      std::uint32_t sizes[2];
      for (; rest.size() >= sizeof sizes; rest.remove_prefix(sizeof sizes + sizes[0] + sizes[1])) {
        std::memcpy(sizes, rest.data(), sizeof sizes);
        if (rest.size() < sizeof sizes + sizes[0] + sizes[1]) break;
        const std::string_view open = rest.substr(sizeof sizes, sizes[0]);
        if (!visit(open, rest.substr(sizeof sizes + sizes[0], sizes[1]))) return {};
      }
      kept = rest.size();
      std::memmove(buffer.data(), rest.data(), kept);
    }
  }

 private:
  log::Fd fd_;
  std::size_t size_ = 0;
};

// Where events come from: the log or the flat file, gone through from the first.
using Source = std::function<Status(const Visit&)>;

struct Folded {
  double seconds = 0;
  std::map<VmId, VmRuntime> vms;  // what all that folding came to
};

Result<Folded> fold(const Source& source, const Interned& interned) {
  Replay replay;
  Status status;
  const auto begun = Clock::now();
  BANGER_TRY(source([&](std::string_view open, std::string_view personal) {
    auto record = decode(open, personal, interned);
    status = record ? replay.fold(*record) : Status(std::unexpected(record.error()));
    return status.has_value();
  }));
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  if (!status) return std::unexpected(status.error());
  if (!replay.fleet().parked.empty()) {
    return fail("the made-up history has an event that does not fit");
  }
  return Folded{seconds, replay.fleet().vms};
}

Result<double> seconds_to_visit(const Source& source) {
  std::size_t bytes = 0;
  const auto begun = Clock::now();
  BANGER_TRY(source([&](std::string_view open, std::string_view personal) {
    bytes += open.size() + personal.size();
    return true;
  }));
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  if (bytes == 0) return fail("there was nothing to read");
  return seconds;
}

Status write_both(const std::string& dir, std::size_t events, FlatFile& flat) {
  auto load = LogLoad::open(dir, kVms);
  if (!load) return std::unexpected(std::move(load).error());
  for (std::size_t written = 0; written < events; written += kChunk) {
    auto requests = (*load)->make_requests(std::min(kChunk, events - written));
    for (log::AppendRequest& request : requests) {  // only events are read back
      request.rows.clear();
      request.command.reset();
    }
    BANGER_TRY(flat.append(requests));
    if (auto done = (*load)->append(std::move(requests), kClients); !done) {
      return std::unexpected(std::move(done).error());
    }
  }
  return (*load)->close();
}

Result<Interned> load_interned(const log::EventLog& log) {
  Interned interned;
  for (const InternTable table : {InternTable::kActor, InternTable::kBoot}) {
    auto entries = log.interned(static_cast<std::uint8_t>(table));
    if (!entries) return std::unexpected(std::move(entries).error());
    for (const log::Interned& entry : *entries) {
      if (auto loaded = interned.load({table, entry.id, entry.value}); !loaded) {
        return std::unexpected(loaded.error());
      }
    }
  }
  return interned;
}

struct Seconds {
  std::vector<double> log_fold, flat_fold, log_read, flat_read;
};

Result<Figure> measure(const std::string& dir, std::size_t events, std::size_t rounds) {
  FlatFile flat(dir + "/flat");
  BANGER_TRY(write_both(dir, events, flat));
  auto log = log::EventLog::open({.paths = log_paths(dir)});
  if (!log) return std::unexpected(std::move(log).error());
  const auto interned = load_interned(**log);
  if (!interned) return std::unexpected(interned.error());
  bangerd::StoredLog port(**log);
  const Source from_log = [&](const Visit& visit) {
    return port.read(1, [&](const log::Frame& frame) {
      return visit(frame.public_bytes, frame.personal_bytes());
    });
  };
  const Source from_flat = [&](const Visit& visit) { return flat.read(visit); };
  Seconds seconds;
  for (std::size_t i = 0; i < rounds; ++i) {
    const auto ours = fold(from_log, *interned);
    if (!ours) return std::unexpected(ours.error());
    const auto theirs = fold(from_flat, *interned);
    if (!theirs) return std::unexpected(theirs.error());
    if (ours->vms != theirs->vms) return fail("log and flat file do not come to the same");
    const auto log_read = seconds_to_visit(from_log);
    if (!log_read) return std::unexpected(log_read.error());
    const auto flat_read = seconds_to_visit(from_flat);
    if (!flat_read) return std::unexpected(flat_read.error());
    seconds.log_fold.push_back(ours->seconds);
    seconds.flat_fold.push_back(theirs->seconds);
    seconds.log_read.push_back(*log_read);
    seconds.flat_read.push_back(*flat_read);
  }
  BANGER_TRY((*log)->shutdown());
  const auto count = static_cast<double>(events);
  return Figure{.name = "replay_events_per_s",
                .ours = count / median(seconds.log_fold),
                .rival = count / median(seconds.flat_fold),
                .sense = Target::kAtLeast,
                .target = 0.7,
                .details = {{"read_only_per_s", count / median(seconds.log_read)},
                            {"flat_read_only_per_s", count / median(seconds.flat_read)},
                            {"events", count},
                            {"bytes_per_event", static_cast<double>(flat.size()) / count}}};
}

}  // namespace

Status replay(const Options& options, Report& report) {
  const auto events = options.pick<std::size_t>(2'000, 100'000, 1'000'000);
  Report::progress("replay: writing " + std::to_string(events) + " events");
  const std::string dir = options.dir + "/replay";
  std::filesystem::create_directory(dir);
  auto figure = measure(dir, events, options.pick<std::size_t>(1, 3, 5));
  std::filesystem::remove_all(dir);
  if (!figure) return std::unexpected(std::move(figure).error());
  report.add(*figure);
  return {};
}

}  // namespace banger::bench
