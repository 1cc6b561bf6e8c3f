#include "drivers/uv/loop.h"

#include <uv.h>

#include <csignal>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "events/assert.h"

namespace banger::uv {

struct Loop::Impl {
  uv_loop_t loop{};
  uv_async_t async{};  // stays referenced, so run() lasts until stop()
  uv_idle_t idle{};    // runs before the loop would sleep: how deferred tasks go without a syscall
  std::thread::id thread = std::this_thread::get_id();
  int lingering = 0;
  std::vector<Task> deferred;
  std::mutex mutex;
  std::vector<Task> posted;  // guarded by `mutex`

  // Only the tasks of this moment, so that a task that re-posts itself can't starve the sockets.
  void run_all(std::vector<Task> tasks) noexcept {
    for (Task& task : tasks) std::exchange(task, nullptr)();
  }
  bool run_posted() noexcept {
    std::vector<Task> tasks;
    {
      const std::lock_guard lock(mutex);
      tasks.swap(posted);
    }
    const bool any = !tasks.empty();
    run_all(std::move(tasks));
    return any;
  }
  bool run_deferred() noexcept {
    const bool any = !deferred.empty();
    run_all(std::exchange(deferred, {}));
    if (deferred.empty()) uv_idle_stop(&idle);
    return any;
  }
};

namespace {

void must(int rc) {
  BANGER_ASSERT(rc == 0);
}

}  // namespace

Loop::Loop() : impl_(std::make_unique<Impl>()) {
  std::signal(SIGPIPE, SIG_IGN);
  must(uv_loop_init(&impl_->loop));
  must(uv_async_init(&impl_->loop, &impl_->async,
                     [](uv_async_t* a) { static_cast<Impl*>(a->data)->run_posted(); }));
  must(uv_idle_init(&impl_->loop, &impl_->idle));
  impl_->async.data = impl_->idle.data = impl_.get();
}

Loop::~Loop() {
  BANGER_ASSERT(on_loop_thread());
  while (impl_->lingering > 0) uv_run(&impl_->loop, UV_RUN_ONCE);
  // A dropped task may own a handle, whose close must still be seen through.
  impl_->deferred.clear();
  std::exchange(impl_->posted, {}).clear();
  uv_close(reinterpret_cast<uv_handle_t*>(&impl_->async), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&impl_->idle), nullptr);
  // A callback freed by one close may own the next handle: a few rounds, but not for ever.
  for (int round = 0; round < 16 && uv_run(&impl_->loop, UV_RUN_NOWAIT) != 0;) ++round;
  must(uv_loop_close(&impl_->loop));  // EBUSY: somebody's handle is still open
}

void Loop::run() {
  BANGER_ASSERT(on_loop_thread());
  uv_run(&impl_->loop, UV_RUN_DEFAULT);
}

void Loop::stop() {
  BANGER_ASSERT(on_loop_thread());
  uv_stop(&impl_->loop);
}

void Loop::drain() {
  BANGER_ASSERT(on_loop_thread());
  for (bool more = true; more;) {
    uv_run(&impl_->loop, UV_RUN_NOWAIT);
    more = impl_->run_deferred();
    more = impl_->run_posted() || more;
  }
}

void Loop::post(Task task) {
  const std::lock_guard lock(impl_->mutex);
  impl_->posted.push_back(std::move(task));
  must(uv_async_send(&impl_->async));
}

void Loop::defer(Task task) {
  BANGER_ASSERT(on_loop_thread());
  if (impl_->deferred.empty()) {
    must(uv_idle_start(&impl_->idle,
                       [](uv_idle_t* i) { static_cast<Impl*>(i->data)->run_deferred(); }));
  }
  impl_->deferred.push_back(std::move(task));
}

uint64_t Loop::now_ms() const {
  return uv_now(&impl_->loop);
}

bool Loop::on_loop_thread() const {
  return std::this_thread::get_id() == impl_->thread;
}

uv_loop_s* Loop::raw() const {
  BANGER_ASSERT(on_loop_thread());
  return &impl_->loop;
}

void Loop::add_lingering(int change) {
  impl_->lingering += change;
}

}  // namespace banger::uv
