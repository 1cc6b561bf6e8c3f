#include "drivers/http/text_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>

#include "drivers/http/request.h"

namespace banger::http {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Result<Address> parse_address(const std::string& text) {
  const auto colon = text.rfind(':');
  const std::string host = text.substr(0, colon == std::string::npos ? 0 : colon);
  std::uint16_t port = 0;
  const char* begin = text.data() + (colon == std::string::npos ? text.size() : colon + 1);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(begin, end, port);
  if (begin == end || error != std::errc() || stop != end) {
    return fail("'" + text + "' is no address and port, such as 127.0.0.1:9477");
  }
  Address address;
  if (host == "[::1]") {
    auto* six = reinterpret_cast<sockaddr_in6*>(&address.storage);
    six->sin6_family = AF_INET6;
    six->sin6_addr = in6addr_loopback;
    six->sin6_port = htons(port);
    address.size = sizeof *six;
    return address;
  }
  auto* four = reinterpret_cast<sockaddr_in*>(&address.storage);
  four->sin_family = AF_INET;
  four->sin_port = htons(port);
  const std::string name = host == "localhost" ? "127.0.0.1" : host;
  const bool parsed = ::inet_pton(AF_INET, name.c_str(), &four->sin_addr) == 1;
  if (!parsed || ntohl(four->sin_addr.s_addr) >> 24 != 127) {
    return fail("'" + host + "' is not a loopback address (127.0.0.1, [::1]), and nobody would be asked who he is");
  }
  address.size = sizeof *four;
  return address;
}

}  // namespace

Status check_loopback(const std::string& address) {
  const auto parsed = parse_address(address);
  if (!parsed) return std::unexpected(parsed.error());
  return {};
}

struct TextServer::Impl {
  std::string path;
  Body body;
  std::uint16_t port = 0;
  std::unique_ptr<uv::Connections> connections = {};

  void serve(uv::Exchange& exchange) const;
  [[nodiscard]] std::string respond(std::string_view head) const;
};

// A client's one request.
void TextServer::Impl::serve(uv::Exchange& exchange) const {
  if (const auto end = head_end(exchange.in)) {
    exchange.out = respond(std::string_view(exchange.in).substr(0, *end));
  } else if (exchange.in.size() > kMaxHeadBytes) {
    exchange.out = answer(Code::kTooLarge, "too long\n");
  }
  exchange.last = !exchange.out.empty();
}

std::string TextServer::Impl::respond(std::string_view head) const {
  const auto request = parse_head(head);
  if (!request) return answer(Code::kBadRequest, "this speaks HTTP/1.1\n");
  const bool reads = request->method == "GET" || request->method == "HEAD";
  if (!reads) return answer(Code::kMethodNotAllowed, "GET it\n");
  const bool with_body = request->method == "GET";
  if (request->path != path) return answer(Code::kNotFound, "it is at " + path + "\n", with_body);
  return answer(Code::kOk, body(), with_body);
}

TextServer::TextServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TextServer::~TextServer() = default;
std::uint16_t TextServer::port() const { return impl_->port; }
std::size_t TextServer::connection_count() const { return impl_->connections->count(); }

Result<std::unique_ptr<TextServer>> TextServer::listen(uv::Loop& loop, const std::string& address,
                                                       std::string path, Body body,
                                                       uv::ConnectionLimits limits) {
  auto where = parse_address(address);
  if (!where) return std::unexpected(where.error());
  auto* raw = reinterpret_cast<sockaddr*>(&where->storage);
  Fd fd(::socket(raw->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno("make a socket", errno);
  const int on = 1;  // a daemon that is started again need not wait for its old connections
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), raw, where->size) != 0 || ::listen(fd.get(), 16) != 0) {
    return fail_errno("listen on " + address, errno);
  }
  socklen_t size = sizeof where->storage;
  if (::getsockname(fd.get(), raw, &size) != 0) return fail_errno("getsockname", errno);
  auto impl = std::unique_ptr<Impl>(new Impl{std::move(path), std::move(body)});
  // sin_port and sin6_port lie at the same place (RFC 3493, section 3.3 as Linux has it).
  impl->port = ntohs(reinterpret_cast<sockaddr_in*>(raw)->sin_port);
  auto connections = uv::Connections::open(loop, std::move(fd), limits,
                                           [impl = impl.get()](uv::Exchange& exchange) { impl->serve(exchange); });
  if (!connections) return std::unexpected(connections.error());
  impl->connections = *std::move(connections);
  return std::unique_ptr<TextServer>(new TextServer(std::move(impl)));
}

}  // namespace banger::http
