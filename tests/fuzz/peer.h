// Whoever is behind a unix socket and says what it is told to, whatever it is asked: a VMM that a guest has taken
// over. To each client the same bytes, and then the end of them. A thread of its own answers.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "drivers/uv/fd.h"
#include "tests/drivers/host/temp_dir.h"

namespace banger::fuzz {

class Peer {
 public:
  Peer();
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  // What clients that connect from now on are told.
  void say(std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    said_ = bytes;
  }

 private:
  void serve();

  test::TempDir directory_;
  std::string path_;
  std::mutex mutex_;
  std::string said_;  // guarded by it
  Fd listener_;
  std::thread thread_;
};

}  // namespace banger::fuzz
