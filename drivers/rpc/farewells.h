// Farewells: tells clients that are refused why, as their RPC system understands it, without a connection of our own.
// Part of the Server. Nothing is read from them. Each socket is held for a moment, a bounded number of them at most:
// a client that writes into one that is closed learns only that, and not why.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "drivers/uv/fd.h"
#include "drivers/uv/loop.h"
#include "drivers/uv/timer.h"

namespace banger::rpc {

class Farewells {
 public:
  explicit Farewells(uv::Loop& loop) : timer_(loop, [this] { held_.clear(); }) {}

  void say(Fd socket, const std::string& words);
  void stop();

 private:
  uv::Timer timer_;
  std::deque<Fd> held_;
};

}  // namespace banger::rpc
