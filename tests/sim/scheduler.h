// Simulated time: what is to happen, in an order that depends on nothing but the seed. What a daemon has scheduled dies with it;
// what the world has goes on.
#pragma once

#include <map>
#include <utility>

#include "engine/ports.h"
#include "tests/support/random.h"

namespace banger::sim {

class Scheduler : public Clock, public Timers {
 public:
  static constexpr std::uint64_t kWorld = 0;  // a life that no kill ends

  explicit Scheduler(std::uint64_t seed) : dice_(seed) {}

  [[nodiscard]] std::uint64_t now_us() const { return now_us_; }
  [[nodiscard]] std::int64_t wall_ns() override { return static_cast<std::int64_t>(now_us_) * 1000 + wall_offset_ns_; }
  [[nodiscard]] std::uint64_t monotonic_us() override { return now_us_; }
  // So far from what it was at first.
  void set_clock(std::int64_t by_ns) { wall_offset_ns_ = kEpochNs + by_ns; }

  // Chance, for everything that is not the workload's.
  [[nodiscard]] test::Dice& dice() { return dice_; }

  // The life of the daemon that is up; begin_life() ends everything of the one before.
  [[nodiscard]] std::uint64_t life() const { return life_; }
  void begin_life() {
    ++life_;
    std::erase_if(queue_, [this](const auto& entry) {
      const bool ends = entry.second.life != kWorld;
      if (ends) times_.erase(entry.first.second);
      return ends;
    });
  }

  // Runs `what` later, as part of the daemon's life.
  TimerId in(std::uint64_t delay_us, std::function<void()> what) { return add(delay_us, life_, std::move(what)); }
  TimerId in_world(std::uint64_t delay_us, std::function<void()> what) { return add(delay_us, kWorld, std::move(what)); }
  [[nodiscard]] TimerId after(std::uint64_t delay_ms, std::function<void()> fire) override {
    return in(delay_ms * 1000, std::move(fire));
  }
  void cancel(TimerId timer) override {
    const auto place = times_.find(timer);
    if (place == times_.end()) return;
    queue_.erase({place->second, timer});
    times_.erase(place);
  }

  // The next thing that is due, at or before `until_us`. False: there is none, and it is then.
  bool step(std::uint64_t until_us) {
    if (queue_.empty() || queue_.begin()->first.first > until_us) {
      now_us_ = std::max(now_us_, until_us);
      return false;
    }
    auto entry = queue_.extract(queue_.begin());
    now_us_ = entry.key().first;
    times_.erase(entry.key().second);
    entry.mapped().run();
    return true;
  }

 private:
  static constexpr std::int64_t kEpochNs = 1'700'000'000'000'000'000;
  struct Entry {
    std::uint64_t life = kWorld;
    std::function<void()> run;
  };

  TimerId add(std::uint64_t delay_us, std::uint64_t life, std::function<void()> what) {
    const TimerId id = ++last_;
    times_[id] = now_us_ + delay_us;
    queue_.emplace(std::pair(now_us_ + delay_us, id), Entry{life, std::move(what)});
    return id;
  }

  test::Dice dice_;
  std::map<std::pair<std::uint64_t, TimerId>, Entry> queue_;
  std::map<TimerId, std::uint64_t> times_;
  TimerId last_ = 0;
  std::uint64_t now_us_ = 1'000'000'000;
  std::int64_t wall_offset_ns_ = kEpochNs;
  std::uint64_t life_ = 0;
};

}  // namespace banger::sim
