// The one thread that writes: takes everything that has queued up, makes one block and one synced
// WriteBatch of it, then tells. EventLog owns it. Its asserts are the last line before something
// wrong becomes history. After a failed write it takes nothing any more; it never tries again.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "events/log/archives.h"
#include "events/log/changes.h"
#include "events/log/event_log.h"
#include "events/log/keys.h"
#include "events/log/merger.h"
#include "events/log/reader.h"

namespace banger::log {

class Writer {
 public:
  struct Hooks {
    std::function<void(const Identity&)> on_head;  // before on_durable, only if the head moved
    std::function<void(Durable)> on_durable;
    std::function<void(Error)> on_failure;
    std::function<void(Error)> on_damage;
  };

  Writer(const Store& store, Archives& archives, const Identity& identity, Merger merger,
         Checkpoints checkpoints, std::size_t max_requests, Hooks hooks);
  ~Writer();

  Ticket append(AppendRequest request);
  [[nodiscard]] std::size_t depth() const;
  [[nodiscard]] Sequence next_sequence() const;
  [[nodiscard]] Identity durable() const;
  // Refuses every later append and forgets what is queued. Any thread; on_failure is called the
  // first time.
  void fail_stop(Error error);
  // Writes what is queued and ends the thread. The failure, if there was one.
  [[nodiscard]] Status drain();

 private:
  struct Group {
    std::vector<AppendRequest> requests;
    Ticket last_ticket = 0;
  };

  void run();
  [[nodiscard]] Group take_group();  // with mutex_ held
  // Gives those whose requests have just become durable a moment for their next ones, so that one sync
  // serves them all again and a lone client's next request finds this thread awake. `lock` holds mutex_.
  void gather(std::unique_lock<std::mutex>& lock);
  // Between commits. False: there is nothing to merge.
  [[nodiscard]] bool merge(Sequence head);
  [[nodiscard]] Result<Identity> commit(const Group& group);
  [[nodiscard]] Status put_events(const Group& group, Identity& next, Changes& changes);
  [[nodiscard]] Status check_version(const EncodedEvent& event);
  [[nodiscard]] Status put_command(const CommandRecord& record, Changes& changes);
  [[nodiscard]] Status put_interned(const Interned& interned, Changes& changes);
  [[nodiscard]] Status put_erasures(const Group& group, Changes& changes);
  void put_rows(const Group& group, Changes& changes);
  void put_archives(const Group& group, Changes& changes);

  const Store& store_;
  Archives& archives_;
  const std::size_t max_requests_;  // of one commit
  const Hooks hooks_;
  Hasher hasher_;
  std::optional<Merger> merger_;                // none once it met damage
  Checkpoints checkpoints_;
  std::map<StreamId, StreamVersion> versions_;  // last ones of streams lately written

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<AppendRequest> queue_;
  std::atomic<std::size_t> queued_ = 0;  // queue_.size(), for whoever does not hold mutex_
  std::size_t last_group_ = 0;           // of requests; the writer's thread's own
  std::size_t queued_bytes_ = 0;
  std::size_t in_flight_ = 0;
  Ticket last_ticket_ = 0;
  Sequence next_sequence_;
  Identity durable_;
  bool stopping_ = false;
  std::optional<Error> failure_;
  std::thread thread_;
};

}  // namespace banger::log
