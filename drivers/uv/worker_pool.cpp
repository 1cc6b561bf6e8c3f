#include "drivers/uv/worker_pool.h"

#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "events/assert.h"

namespace banger::uv {

struct WorkerPool::Impl {
  struct Job {
    Token token;
    Task work, done;
  };

  Loop& loop;
  const size_t max_queued;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Job> queue;  // guarded by `mutex`, as are the next two
  Token last_token = 0;
  bool closing = false;
  std::vector<std::thread> threads;

  Impl(Loop& l, size_t max) : loop(l), max_queued(max) {}

  void serve() noexcept {
    while (true) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return closing || !queue.empty(); });
      if (queue.empty()) return;
      Job job = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      job.work();
      // The work's captures may share something with `done`; they go before the loop can see it.
      job.work = nullptr;
      loop.post(std::move(job.done));
    }
  }
};

WorkerPool::WorkerPool(Loop& loop, int threads, size_t max_queued)
    : impl_(std::make_unique<Impl>(loop, max_queued)) {
  BANGER_ASSERT(threads > 0);
  // Signals are the loop's business: a worker inherits a mask that blocks them all.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (int i = 0; i < threads; ++i) impl_->threads.emplace_back([this] { impl_->serve(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->closing = true;
  }
  impl_->changed.notify_all();
  for (std::thread& thread : impl_->threads) thread.join();
}

Result<WorkerPool::Token> WorkerPool::submit(Task work, Task done) {
  BANGER_ASSERT(impl_->loop.on_loop_thread());
  const std::lock_guard lock(impl_->mutex);
  if (impl_->queue.size() >= impl_->max_queued) {
    return fail("too much blocking work is queued (" + std::to_string(impl_->max_queued) + ")");
  }
  impl_->queue.push_back({++impl_->last_token, std::move(work), std::move(done)});
  impl_->changed.notify_one();
  return impl_->last_token;
}

bool WorkerPool::cancel(Token token) {
  Impl::Job cancelled;  // destroyed without the lock
  const std::lock_guard lock(impl_->mutex);
  const auto job = std::ranges::find(impl_->queue, token, &Impl::Job::token);
  if (job == impl_->queue.end()) return false;
  cancelled = std::move(*job);
  impl_->queue.erase(job);
  return true;
}

}  // namespace banger::uv
