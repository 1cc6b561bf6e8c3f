// Loop: the one libuv loop of the process, and the only way for other threads to reach its thread.
// The daemon's main() owns it and outlives with it every timer, poll, process and RPC server.
// All methods but post() belong to the thread that made the loop. A task must not block, and must
// not throw: an exception that reached libuv's C frames would end the process (it does so here, at
// once). Making a loop also ignores SIGPIPE in this process, as libuv asks for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

struct uv_loop_s;

namespace banger::uv {

using Task = std::function<void()>;

class Loop {
 public:
  Loop();
  // Waits for children killed by their owners, closes its handles, drops the tasks that never ran.
  // Whoever still has an open handle on this loop is a bug and stops the process.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until stop(). May be called again afterwards, never from within a task.
  void run();
  void stop();
  // Runs what has been posted, deferred or closed, and what that leads to, without ever sleeping.
  void drain();

  // Runs `task` on the loop's thread, soon, in order of posting. Any thread, at any time.
  void post(Task task);
  // The same from the loop's own thread and without a system call; runs before the next wait.
  void defer(Task task);

  // Monotonic milliseconds as of this turn of the loop.
  [[nodiscard]] uint64_t now_ms() const;
  [[nodiscard]] bool on_loop_thread() const;

  // For the other classes of this folder.
  [[nodiscard]] uv_loop_s* raw() const;
  void add_lingering(int change);  // children that are killed but not yet reaped

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace banger::uv
