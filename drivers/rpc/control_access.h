// The least role that each method of schemas/control.capnp takes, and the servers that hold every call to it before its
// parameters are looked at. The table is docs/SECURITY.md's; a test holds both to what a client gets over a socket.
#pragma once

#include <capnp/capability.h>

#include <memory>
#include <span>

#include "drivers/rpc/control_session.h"

namespace banger::rpc {

struct MethodAccess {
  std::uint64_t interface;
  std::uint16_t method;
  std::string_view name;  // "Control.hello"
  Role least;
};
[[nodiscard]] std::span<const MethodAccess> method_access();

// What somebody without a role is told.
[[nodiscard]] std::string turned_away(const Peer& peer);
// Throws kj::Exception unless the client has the method's role; one that is not in the table takes the owner.
void require_role(const Client& client, std::uint64_t interface, std::uint16_t method);
// The same for what an intent asks beyond submit().
void require_role(const Client& client, const Ask& ask);

// The server of an interface, each call of which takes a role.
template <class Interface>
class RoleChecked : public Interface::Server {
 public:
  explicit RoleChecked(std::shared_ptr<Session> session) : session_(std::move(session)) {}

  capnp::Capability::Server::DispatchCallResult dispatchCall(
      std::uint64_t interface, std::uint16_t method,
      capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) override {
    require_role(session_->client, interface, method);
    auto result = Interface::Server::dispatchCall(interface, method, context);
    result.promise = result.promise.attach(session_->client.answering());
    return result;
  }

 protected:
  std::shared_ptr<Session> session_;
};

}  // namespace banger::rpc
