#include "drivers/rpc/farewells.h"

#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>
#include <sys/socket.h>

namespace banger::rpc {
namespace {

constexpr std::size_t kMostHeld = 64;
constexpr uint64_t kHeldMs = 1000;

}  // namespace

// A fresh socket's buffer has room for it.
void Farewells::say(Fd socket, const std::string& words) {
  capnp::MallocMessageBuilder message;
  auto reason = message.initRoot<capnp::rpc::Message>().initAbort();
  reason.setType(capnp::rpc::Exception::Type::FAILED);
  reason.setReason(words);
  const auto flat = capnp::messageToFlatArray(message);
  const auto bytes = flat.asBytes();
  [[maybe_unused]] const auto sent = ::send(socket.get(), bytes.begin(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(socket.get(), SHUT_WR);
  if (held_.size() == kMostHeld) held_.pop_front();
  held_.push_back(std::move(socket));
  if (!timer_.active()) timer_.start_once(kHeldMs);
}

void Farewells::stop() {
  timer_.stop();
  held_.clear();
}

}  // namespace banger::rpc
