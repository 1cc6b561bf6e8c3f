// Goes through the log on several threads, and hands what they made of it on in the log's order:
// for replays, where reading, checking and decoding cost more than the fold that must be
// sequential. Whoever calls is one of the threads, and the others are gone when it returns. Each
// holds one chunk at most, so memory is bounded however slow the fold is.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "events/log/event_log.h"

namespace banger::log {

// What is asked of an OrderedRead. The first Error in the log's order ends it and is its result.
template <class Chunk>
struct OrderedReadOptions {
  Sequence from = 1;
  Sequence last = 0;  // at most the log's head
  unsigned threads = 2;
  bool verified = false;                                // checks the hash chain too, on the threads
  std::function<Status(const Frame&, Chunk&)> prepare;  // on any thread
  std::function<Status(Chunk&)> consume;                // one after the other, in order
};

template <class Chunk>
class OrderedRead {
 public:
  static constexpr Sequence kChunkEvents = 4096;

  OrderedRead(const EventLog& log, OrderedReadOptions<Chunk> options)
      : log_(log), snapshot_(log.snapshot()), options_(std::move(options)) {}

  [[nodiscard]] Status run() {
    std::vector<std::thread> others;
    for (unsigned i = 1; i < options_.threads; ++i) others.emplace_back([this] { work(); });
    work();
    for (std::thread& other : others) other.join();
    return result_;
  }

 private:
  // The chain over the blocks that begin in a chunk: what the first follows on, where the last
  // leads.
  struct Link {
    std::optional<Digest> previous;
    Digest chain{};
  };

  void work() {
    Hasher hasher;
    while (const auto turn = claim()) {
      Chunk chunk;
      Link link;
      Status status = prepare(*turn, hasher, chunk, link);
      std::unique_lock lock(mutex_);
      passed_.wait(lock, [&] { return turn_ == *turn; });
      if (result_ && status) status = follow(link);
      if (result_ && status) {
        lock.unlock();  // nobody else has the turn
        status = options_.consume(chunk);
        lock.lock();
      }
      if (result_) result_ = std::move(status);
      ++turn_;
      passed_.notify_all();
    }
  }

  std::optional<std::uint64_t> claim() {
    const std::scoped_lock lock(mutex_);
    if (!result_ || first_of(claimed_) > options_.last) return std::nullopt;
    return claimed_++;
  }

  Sequence first_of(std::uint64_t turn) const { return options_.from + turn * kChunkEvents; }

  Status prepare(std::uint64_t turn, Hasher& hasher, Chunk& chunk, Link& link) const {
    const Sequence first = first_of(turn);
    const Sequence last = std::min(first + kChunkEvents - 1, options_.last);
    Sequence next = first;
    Status status;
    BANGER_TRY(log_.blocks(
        first,
        [&](const Block& block) {
          if (options_.verified && block.first >= first) status = check(block, hasher, link);
          for (const Frame& frame : block.frames) {
            if (!status || frame.sequence > last) break;
            if (frame.sequence < next) continue;
            status = options_.prepare(frame, chunk);
            ++next;
          }
          return status && next <= last;
        },
        snapshot_));
    if (status && next <= last) return fail("the log lacks event " + std::to_string(next));
    return status;
  }

  static Status check(const Block& block, Hasher& hasher, Link& link) {
    BANGER_TRY(check_chain(block, hasher));
    if (link.previous && link.chain != block.previous) return broken(block.first);
    if (!link.previous) link.previous = block.previous;
    link.chain = block.chain;
    return {};
  }

  Status follow(const Link& link) {
    if (!link.previous) return {};
    if (chain_ && *chain_ != *link.previous) return broken(first_of(turn_));
    chain_ = link.chain;
    return {};
  }

  static Status broken(Sequence near) {
    return fail("the hash chain is broken near event " + std::to_string(near));
  }

  const EventLog& log_;
  const EventLog::Snapshot snapshot_;  // merging must not move a block from one chunk to another
  const OrderedReadOptions<Chunk> options_;
  std::mutex mutex_;
  std::condition_variable passed_;
  std::uint64_t claimed_ = 0;  // turns taken on
  std::uint64_t turn_ = 0;     // whose consuming it is
  std::optional<Digest> chain_;
  Status result_;
};

}  // namespace banger::log
