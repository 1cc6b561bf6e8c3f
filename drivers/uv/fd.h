// Fd: a file descriptor with one owner, closed when that owner goes. Every driver keeps its
// descriptors in one. Whoever opens it asks for O_CLOEXEC: nothing of ours may leak into a VMM.
#pragma once

#include <unistd.h>

#include <utility>

namespace banger {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }

  // close() is never retried: on Linux the descriptor is gone even after EINTR (close(2)).
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace banger
