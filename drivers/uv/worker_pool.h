// WorkerPool: a few threads for short blocking steps of drivers (an ioctl, a netlink round trip, a
// file to write), whose outcome comes back on the loop. Not for waiting: that belongs on the loop.
// Own threads and not uv_queue_work: libuv's pool is one for the whole process, its size comes from
// the environment and its queue has no bound.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>

#include "drivers/uv/loop.h"
#include "events/result.h"

namespace banger::uv {

class WorkerPool {
 public:
  using Token = uint64_t;

  explicit WorkerPool(Loop& loop, int threads = 4, size_t max_queued = 1024);
  // Runs everything that is queued, then joins. What is done is then on the loop: drain() it
  // before destroying what the `done` callbacks use.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // `work` runs on a worker and must not throw; `done` runs later on the loop, where it is also
  // destroyed. A full queue is an error, and then neither runs. Loop's thread only.
  [[nodiscard]] Result<Token> submit(Task work, Task done);

  // The same for work that returns a value, which `done` is given.
  template <class Work, class Done, class T = std::invoke_result_t<Work&>>
    requires(!std::is_void_v<T>)
  [[nodiscard]] Result<Token> submit(Work work, Done done) {
    auto value = std::make_shared<std::optional<T>>();
    return submit(Task([value, work = std::move(work)]() mutable { value->emplace(work()); }),
                  Task([value, done = std::move(done)]() mutable { done(std::move(**value)); }));
  }

  // True: it had not begun and never will; its `done` isn't called. False: too late.
  bool cancel(Token token);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace banger::uv
