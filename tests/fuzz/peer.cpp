#include "tests/fuzz/peer.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>

#include "events/assert.h"

namespace banger::fuzz {

Peer::Peer() : path_(directory_ / "peer.sock"), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  BANGER_ASSERT(path_.size() < sizeof address.sun_path);
  path_.copy(address.sun_path, path_.size());
  BANGER_ASSERT(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  BANGER_ASSERT(::listen(listener_.get(), 16) == 0);
  thread_ = std::thread([this] { serve(); });
}

Peer::~Peer() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  thread_.join();
}

void Peer::serve() {
  for (;;) {
    const Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client) return;
    const std::string said = [this] {
      const std::lock_guard lock(mutex_);
      return said_;
    }();
    (void)::send(client.get(), said.data(), said.size(), MSG_NOSIGNAL);
    ::shutdown(client.get(), SHUT_WR);
    // Until it is gone: a reset would take from it what it has not read yet.
    std::array<char, 4096> asked;
    while (::recv(client.get(), asked.data(), asked.size(), 0) > 0) continue;
  }
}

}  // namespace banger::fuzz
