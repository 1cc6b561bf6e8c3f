#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <iterator>

#include "tests/bench/bench.h"
#include "tests/bench/log_load.h"
#include "tests/bench/rival_logs.h"

namespace banger::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kVms = 1'000;
constexpr std::size_t kProducers = 64;  // where SQLite is a rival, too: alone, it is rpc's

// What a request asks to be kept, as one piece: the raw loop writes no byte less than the log gets.
void add_bytes(const log::AppendRequest& request, std::string& out) {
  for (const log::EncodedEvent& event : request.events) {
    out += event.public_bytes;
    out += event.personal_bytes;
  }
  for (const log::RowWrite& row : request.rows) {
    out += row.key;
    if (row.value) out += *row.value;
  }
  if (request.command) {
    const CommandId& id = request.command->id;
    const std::uint64_t words[] = {id.hi, id.lo, request.command->first_sequence};
    char bytes[sizeof words];
    std::memcpy(bytes, words, sizeof words);
    out.append(bytes, sizeof bytes);
    out.append(request.command->request_digest.begin(), request.command->request_digest.end());
  }
}

class RawFile {
 public:
  explicit RawFile(const std::string& path)
      : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {}

  // One write and one fdatasync(2) for each piece.
  [[nodiscard]] Result<Round> append(const std::vector<std::string>& pieces) const {
    Round round;
    round.latencies_us.reserve(pieces.size());
    const auto begun = Clock::now();
    for (const std::string& piece : pieces) {
      const auto since = Clock::now();
      const ssize_t written = ::write(fd_.get(), piece.data(), piece.size());
      if (written != static_cast<ssize_t>(piece.size())) return fail_errno("write", errno);
      if (::fdatasync(fd_.get()) != 0) return fail_errno("fdatasync", errno);
      round.latencies_us.push_back(
          std::chrono::duration<double, std::micro>(Clock::now() - since).count());
    }
    round.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    return round;
  }

 private:
  log::Fd fd_;
};

// A transaction, and so a sync, for each batch.
Result<Round> append_to(SqliteLog& sqlite, const std::vector<std::vector<log::AppendRequest>>& batches) {
  Round round;
  const auto begun = Clock::now();
  for (const auto& batch : batches) BANGER_TRY(sqlite.append(batch));
  round.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  return round;
}

// The same again, in the pieces that the log made of it.
std::vector<std::vector<log::AppendRequest>> in_batches(std::vector<log::AppendRequest> requests,
                                                        const std::vector<std::size_t>& sizes) {
  std::vector<std::vector<log::AppendRequest>> batches;
  auto next = std::make_move_iterator(requests.begin());
  for (const std::size_t size : sizes) {
    const auto end = next + static_cast<std::ptrdiff_t>(size);
    batches.emplace_back(next, end);
    next = end;
  }
  return batches;
}

struct Samples {
  std::vector<double> per_s;  // of each round
  std::vector<double> latencies_us;

  void add(std::size_t appends, const Round& round) {
    per_s.push_back(static_cast<double>(appends) / round.seconds);
    latencies_us.insert(latencies_us.end(), round.latencies_us.begin(), round.latencies_us.end());
  }
};

struct Measured {
  Samples ours;
  Samples raw;  // its latencies are of whole batches
  Samples sqlite;
  std::size_t appends = 0;
  std::size_t syncs = 0;
};

// The log, then the raw file and SQLite with the batches that the log has just made, round after round, so
// that whatever else the disk is doing meets all.
Result<Measured> measure(const std::string& dir, std::size_t clients, std::size_t rounds,
                         std::size_t appends) {
  auto load = LogLoad::open(dir, kVms);
  if (!load) return std::unexpected(std::move(load).error());
  const RawFile raw(dir + "/raw");
  const auto sqlite = SqliteLog::open(dir + "/sqlite");
  if (!sqlite) return std::unexpected(sqlite.error());
  Measured measured;
  for (std::size_t i = 0; i <= rounds; ++i) {
    std::vector<log::AppendRequest> requests = (*load)->make_requests(appends);
    std::vector<std::string> bytes(appends);
    for (std::size_t j = 0; j < appends; ++j) add_bytes(requests[j], bytes[j]);
    std::vector<log::AppendRequest> again = requests;
    auto ours = (*load)->append(std::move(requests), clients);
    if (!ours) return std::unexpected(std::move(ours).error());
    std::vector<std::string> pieces;
    std::size_t next = 0;
    for (const std::size_t batch : ours->batches) {
      std::string& piece = pieces.emplace_back();
      for (std::size_t j = 0; j < batch; ++j) piece += bytes[next++];
    }
    const auto theirs = raw.append(pieces);
    if (!theirs) return std::unexpected(theirs.error());
    if (clients == kProducers) {
      const auto in_sqlite = append_to(**sqlite, in_batches(std::move(again), ours->batches));
      if (!in_sqlite) return std::unexpected(in_sqlite.error());
      if (i > 0) measured.sqlite.add(appends, *in_sqlite);
    }
    if (i == 0) continue;  // the first makes files, caches and indexes warm
    measured.ours.add(appends, *ours);
    measured.raw.add(appends, *theirs);
    measured.appends += appends;
    measured.syncs += pieces.size();
  }
  BANGER_TRY((*load)->close());
  return measured;
}

Figure figure_of(const Measured& measured, std::size_t clients) {
  const Samples& ours = measured.ours;
  const Samples& raw = measured.raw;
  const std::string name =
      "append_" + std::to_string(clients) + (clients == 1 ? "_client" : "_clients");
  const double p50 = median(ours.latencies_us);
  const double raw_p50 = median(raw.latencies_us);
  Figure figure{.name = name + "_per_s",
                .ours = median(ours.per_s),
                .rival = median(raw.per_s),
                .sense = Target::kAtLeast,
                .target = 0.6,
                .details = {{"p50_us", p50},
                            {"p99_us", quantile(ours.latencies_us, 0.99)},
                            {"raw_sync_p50_us", raw_p50},
                            {"raw_sync_p99_us", quantile(raw.latencies_us, 0.99)},
                            {"appends_per_sync", static_cast<double>(measured.appends) /
                                                     static_cast<double>(measured.syncs)}}};
  if (clients != 1) return figure;
  figure.details[0] = {"per_s", figure.ours};  // a single client is about latency
  figure.details[2] = {"raw_per_s", figure.rival};
  figure.name = name + "_p50_us";
  figure.ours = p50;
  figure.rival = raw_p50;
  figure.sense = Target::kAtMost;
  figure.target = 1.2;
  return figure;
}

}  // namespace

Status log_append(const Options& options, Report& report) {
  // Short rounds and many: a shared disk has good and bad seconds, and both sides must meet them.
  const auto rounds = options.pick<std::size_t>(1, 40, 200);
  const auto base = options.pick<std::size_t>(8, 25, 25);
  for (const auto& [clients, appends] :
       {std::pair<std::size_t, std::size_t>{1, base}, {8, 4 * base}, {kProducers, 16 * base}}) {
    Report::progress("appends, clients: " + std::to_string(clients));
    const std::string dir = options.dir + "/append";
    std::filesystem::create_directory(dir);
    auto measured = measure(dir, clients, rounds, appends);
    std::filesystem::remove_all(dir);
    if (!measured) return std::unexpected(std::move(measured).error());
    report.add(figure_of(*measured, clients));
    if (clients != kProducers) continue;
    report.add({.name = "append_64_clients_sqlite_per_s",
                .ours = median(measured->ours.per_s),
                .rival = median(measured->sqlite.per_s),
                .sense = Target::kAtLeast,
                .target = 1.5});
  }
  return {};
}

}  // namespace banger::bench
