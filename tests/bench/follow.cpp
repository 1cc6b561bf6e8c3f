// What it costs a daemon that many look on: beside one who does.
#include "tests/bench/bench.h"
#include "tests/bench/private_daemon.h"
#include "tests/bench/rpc_load.h"

namespace banger::bench {
namespace {

constexpr std::size_t kClients = 64;
constexpr std::size_t kPerS = 10'000;

struct Rounds {
  std::vector<double> events_per_s, least_share, delivered_per_s, lag_p50_ms, lag_p99_ms, events_per_push, mib;

  [[nodiscard]] Status run(RpcLoad& load, const PrivateDaemon& daemon, const FollowPlan& plan) {
    Result<double> own_mib = 0;
    const auto told = load.follow(plan, [&] { own_mib = daemon.own_mib(); });
    if (!told) return std::unexpected(told.error());
    if (!own_mib) return std::unexpected(own_mib.error());
    events_per_s.push_back(told->events_per_s);
    least_share.push_back(told->least_share);
    delivered_per_s.push_back(told->delivered_per_s);
    lag_p50_ms.push_back(told->lag_p50_ms);
    lag_p99_ms.push_back(told->lag_p99_ms);
    events_per_push.push_back(told->events_per_push);
    mib.push_back(*own_mib);
    return {};
  }
};

}  // namespace

Status follow(const Options& options, Report& report) {
  const auto followers = options.pick<std::size_t>(4, 100, 100);
  const auto rounds = options.pick<std::size_t>(1, 3, 5);
  const double seconds = options.pick<double>(0.2, 3, 6);  // the server drops the deaf one after ten
  Report::progress("followers: " + std::to_string(followers));
  const auto daemon = PrivateDaemon::start(options.dir, "");
  if (!daemon) return std::unexpected(daemon.error());
  BANGER_TRY((*daemon)->import_stub_image("empty"));
  auto load = RpcLoad::open((*daemon)->socket(), kClients);
  if (!load) return std::unexpected(std::move(load).error());
  BANGER_TRY((*load)->create_vms("empty"));
  Rounds one, many;
  for (std::size_t i = 0; i < rounds; ++i) {
    BANGER_TRY(one.run(**load, **daemon, {.followers = 1, .per_s = kPerS, .seconds = seconds}));
    BANGER_TRY(many.run(**load, **daemon,
                        {.followers = followers - 1, .deaf = 1, .per_s = kPerS, .seconds = seconds}));
  }
  load->reset();
  report.add({.name = "follow_100_least_share",
              .ours = median(many.least_share),
              .rival = median(one.least_share),
              .sense = Target::kAtLeast,
              .target = 1,
              .details = {{"events_per_s", median(many.events_per_s)},
                          {"one_follower_events_per_s", median(one.events_per_s)}}});
  report.add({.name = "follow_100_delivered_per_s",
              .ours = median(many.delivered_per_s),
              .rival = median(one.delivered_per_s),
              .sense = Target::kAtLeast,
              .target = 50,
              .details = {{"events_per_push", median(many.events_per_push)},
                          {"one_follower_events_per_push", median(one.events_per_push)}}});
  report.add({.name = "follow_100_lag_p99_ms",
              .ours = median(many.lag_p99_ms),
              .rival = median(one.lag_p99_ms),
              .sense = Target::kAtMost,
              .target = 10,
              .details = {{"lag_p50_ms", median(many.lag_p50_ms)},
                          {"one_follower_lag_p50_ms", median(one.lag_p50_ms)}}});
  report.add({.name = "follow_100_daemon_mib",
              .ours = median(many.mib),
              .rival = median(one.mib),
              .sense = Target::kAtMost,
              .target = 2});
  return {};
}

}  // namespace banger::bench
