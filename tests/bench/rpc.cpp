// What an intent costs over RPC: beside a method that does nothing, and beside SQLite.
#include <chrono>
#include <filesystem>

#include "tests/bench/bench.h"
#include "tests/bench/log_load.h"
#include "tests/bench/private_daemon.h"
#include "tests/bench/rival_logs.h"
#include "tests/bench/rpc_load.h"

namespace banger::bench {
namespace {

constexpr std::size_t kClients = 64;

// The same kind of requests, a transaction each: nobody can share a sync there.
Result<double> sqlite_per_s(const std::string& dir, std::size_t commands) {
  std::filesystem::create_directories(dir);
  auto sqlite = SqliteLog::open(dir + "/sqlite");
  if (!sqlite) return std::unexpected(std::move(sqlite).error());
  auto load = LogLoad::open(dir, kClients);
  if (!load) return std::unexpected(std::move(load).error());
  const auto requests = (*load)->make_requests(commands);
  BANGER_TRY((*load)->close());
  const auto begun = std::chrono::steady_clock::now();
  for (const log::AppendRequest& request : requests) BANGER_TRY((*sqlite)->append({request}));
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  return static_cast<double>(commands) / seconds;
}

}  // namespace

Status rpc(const Options& options, Report& report) {
  const auto calls = kClients * options.pick<std::size_t>(2, 50, 300);
  const auto rounds = options.pick<std::size_t>(1, 5, 15);
  Report::progress("rpc: building the image tiny");
  const auto daemon = PrivateDaemon::start(options.dir, "");
  if (!daemon) return std::unexpected(daemon.error());
  if (const auto built = (*daemon)->ctl({"image", "build", "tiny"}, std::chrono::minutes(5));
      !built) {
    return std::unexpected(built.error());
  }
  auto load = RpcLoad::open((*daemon)->socket(), kClients);
  if (!load) return std::unexpected(std::move(load).error());
  BANGER_TRY((*load)->create_vms("tiny"));
  std::vector<double> intents, pings, sqlite;
  for (std::size_t i = 0; i < rounds; ++i) {
    const auto changed = (*load)->change_vms(calls);
    if (!changed) return std::unexpected(changed.error());
    const auto pinged = (*load)->ping(calls);
    if (!pinged) return std::unexpected(pinged.error());
    const std::string dir = options.dir + "/rival";
    const auto rival = sqlite_per_s(dir, calls / 8);
    std::filesystem::remove_all(dir);
    if (!rival) return std::unexpected(rival.error());
    intents.push_back(static_cast<double>(calls) / *changed);
    pings.push_back(static_cast<double>(calls) / *pinged);
    sqlite.push_back(*rival);
  }
  load->reset();
  report.add({.name = "rpc_64_clients_per_s",
              .ours = median(intents),
              .rival = median(pings),
              .sense = Target::kAtLeast,
              .target = 0.7});
  report.add({.name = "rpc_64_clients_sqlite_per_s",
              .ours = median(intents),
              .rival = median(sqlite),
              .sense = Target::kAtLeast,
              .target = 5});
  return {};
}

}  // namespace banger::bench
