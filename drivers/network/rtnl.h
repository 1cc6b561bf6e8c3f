// One conversation with the kernel about links and addresses, over a netlink socket of the calling thread's network
// namespace (rtnetlink(7)). Private to drivers/network: its callers hide libnl. Blocking, for worker threads.
// Messages are built here and not by libnl-route, which does not know a bridge port's `isolated`.
#pragma once

#include <netlink/msg.h>
#include <netlink/netlink.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "events/result.h"

namespace banger::network {

// A message on its way: begun with its fixed part, then attributes.
class Request {
 public:
  template <class Head>
  Request(int type, int flags, const Head& head) : message_(nlmsg_alloc_simple(type, flags)) {
    put(message_ ? nlmsg_append(message_.get(), &const_cast<Head&>(head), sizeof head, NLMSG_ALIGNTO) : -1);
  }
  Request& text(int attribute, const std::string& value) {
    return put(nla_put_string(message_.get(), attribute, value.c_str()));
  }
  Request& number(int attribute, std::uint32_t value) { return put(nla_put_u32(message_.get(), attribute, value)); }
  Request& byte(int attribute, std::uint8_t value) { return put(nla_put_u8(message_.get(), attribute, value)); }
  Request& bytes(int attribute, const void* data, int size) { return put(nla_put(message_.get(), attribute, size, data)); }
  Request& nest(int attribute, const std::function<void(Request&)>& fill);

  [[nodiscard]] nl_msg* raw() const { return message_.get(); }

 private:
  struct Free {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
  };
  Request& put(int rc);  // no memory, or more than a message holds: a bug, for ours are small
  std::unique_ptr<nl_msg, Free> message_;
};

class Rtnl {
 public:
  [[nodiscard]] static Result<Rtnl> open();

  // Sends `request` and gives each message of the answer to `each`. The error is the kernel's, in its words too
  // where it has some, behind `what`; sys_errno is set. A list that changed while it was read is read again from
  // its beginning, so `each` may see a thing twice.
  using Each = std::function<void(nlmsghdr* message)>;
  [[nodiscard]] Status ask(std::string_view what, const Request& request, const Each& each) const;
  // Sends `request` and waits until the kernel has done it.
  [[nodiscard]] Status change(std::string_view what, const Request& request) const;

 private:
  struct Free {
    void operator()(nl_sock* socket) const { nl_socket_free(socket); }
  };
  explicit Rtnl(nl_sock* socket) : socket_(socket) {}
  [[nodiscard]] Status ask_once(std::string_view what, const Request& request, const Each& each) const;
  std::unique_ptr<nl_sock, Free> socket_;
};

}  // namespace banger::network
