#include "drivers/network/rtnl.h"

#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/handlers.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>

#include "events/assert.h"

namespace banger::network {
namespace {

constexpr int kTries = 8;             // a dump that others' changes cut in two is asked for again
constexpr timeval kPatience{10, 0};   // the kernel answers at once; its lock may be held by others for a while

struct Answer {
  const Rtnl::Each* each;
  bool done = false;
  int error = 0;      // errno
  std::string words;  // the kernel's own, where it has some
};

int on_message(nl_msg* message, void* arg) {
  const auto* answer = static_cast<Answer*>(arg);
  if (*answer->each) (*answer->each)(nlmsg_hdr(message));
  return NL_OK;
}

int on_end(nl_msg*, void* arg) {
  static_cast<Answer*>(arg)->done = true;
  return NL_STOP;
}

// What NETLINK_EXT_ACK adds behind an error (include/uapi/linux/netlink.h).
std::string words_behind(nlmsgerr* error) {
  const auto* head = reinterpret_cast<nlmsghdr*>(reinterpret_cast<char*>(error) - NLMSG_HDRLEN);
  if ((head->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  std::size_t before = sizeof *error;
  if ((head->nlmsg_flags & NLM_F_CAPPED) == 0) before += NLMSG_ALIGN(error->msg.nlmsg_len) - NLMSG_HDRLEN;
  const std::size_t all = head->nlmsg_len - NLMSG_HDRLEN;
  if (before >= all) return {};
  auto* attributes = reinterpret_cast<nlattr*>(reinterpret_cast<char*>(error) + before);
  nlattr* words = nla_find(attributes, static_cast<int>(all - before), NLMSGERR_ATTR_MSG);
  if (words == nullptr) return {};
  const auto* text = static_cast<const char*>(nla_data(words));
  return {text, ::strnlen(text, static_cast<std::size_t>(nla_len(words)))};
}

int on_error(sockaddr_nl*, nlmsgerr* error, void* arg) {
  auto* answer = static_cast<Answer*>(arg);
  answer->done = true;
  answer->error = -error->error;
  answer->words = words_behind(error);
  return NL_STOP;
}

}  // namespace

Request& Request::put(int rc) {
  BANGER_ASSERT(rc >= 0);
  return *this;
}

Request& Request::nest(int attribute, const std::function<void(Request&)>& fill) {
  nlattr* start = nla_nest_start(message_.get(), attribute);
  BANGER_ASSERT(start != nullptr);
  fill(*this);
  return put(nla_nest_end(message_.get(), start));
}

Result<Rtnl> Rtnl::open() {
  Rtnl rtnl(nl_socket_alloc());
  if (!rtnl.socket_) return fail_errno("make a netlink socket", ENOMEM);
  if (const int rc = nl_connect(rtnl.socket_.get(), NETLINK_ROUTE); rc < 0) {
    return fail(std::string("open rtnetlink: ") + nl_geterror(rc));
  }
  const int fd = nl_socket_get_fd(rtnl.socket_.get());
  const int on = 1;  // without these an error says less, and nothing else is lost
  (void)::setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  (void)::setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience) != 0) {
    return fail_errno("set a netlink socket's deadline", errno);
  }
  return rtnl;
}

Status Rtnl::ask_once(std::string_view what, const Request& request, const Each& each) const {
  nlmsg_hdr(request.raw())->nlmsg_seq = NL_AUTO_SEQ;  // it may have been sent before
  if (const int rc = nl_send_auto(socket_.get(), request.raw()); rc < 0) {
    return fail(std::string(what) + ": " + nl_geterror(rc));
  }
  const std::unique_ptr<nl_cb, decltype(&nl_cb_put)> callbacks(nl_cb_alloc(NL_CB_DEFAULT), &nl_cb_put);
  BANGER_ASSERT(callbacks != nullptr);
  Answer answer{.each = &each};
  nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, on_message, &answer);
  nl_cb_set(callbacks.get(), NL_CB_FINISH, NL_CB_CUSTOM, on_end, &answer);
  nl_cb_set(callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, on_end, &answer);
  nl_cb_err(callbacks.get(), NL_CB_CUSTOM, on_error, &answer);
  while (!answer.done) {
    const int rc = nl_recvmsgs(socket_.get(), callbacks.get());
    if (rc == -NLE_DUMP_INTR) return fail_errno(what, EINTR);
    if (rc < 0 && !answer.done) return fail(std::string(what) + ": " + nl_geterror(rc));
  }
  if (answer.error == 0) return {};
  auto error = fail_errno(what, answer.error);
  if (!answer.words.empty()) error.error().message += " (" + answer.words + ")";
  if (answer.error == EPERM) error.error().message += ": it takes CAP_NET_ADMIN";
  return error;
}

Status Rtnl::ask(std::string_view what, const Request& request, const Each& each) const {
  for (int tries = 1;; ++tries) {
    auto asked = ask_once(what, request, each);
    if (asked || asked.error().sys_errno != EINTR || tries == kTries) return asked;
  }
}

Status Rtnl::change(std::string_view what, const Request& request) const { return ask(what, request, {}); }

}  // namespace banger::network
