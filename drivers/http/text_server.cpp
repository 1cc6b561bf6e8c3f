#include "drivers/http/text_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <map>
#include <optional>

#include "drivers/http/request.h"
#include "drivers/uv/fd.h"
#include "drivers/uv/poll.h"
#include "drivers/uv/timer.h"

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
  // One client: its request comes in, its answer goes out, and it is closed.
  struct Connection {
    Fd fd;
    std::optional<uv::Poll> poll;
    std::unique_ptr<uv::Timer> deadline;
    std::string in;
    std::string out;
    std::size_t written = 0;
  };

  uv::Loop& loop;
  std::string path;
  Body body;
  TextLimits limits;
  Fd listener;
  std::uint16_t port = 0;
  std::optional<uv::Poll> poll;
  std::map<std::uint64_t, Connection> connections;
  std::uint64_t next = 1;
  std::shared_ptr<bool> here = std::make_shared<bool>(true);

  ~Impl() { *here = false; }

  void accept_all();
  void ready(std::uint64_t number, int events);
  bool read_request(Connection& connection);
  bool write_answer(Connection& connection);
  [[nodiscard]] std::string respond(std::string_view head) const;
  // Not at once: what is dropped may be what is calling.
  void drop(std::uint64_t number) {
    connections.at(number).poll->set(0);
    loop.defer([this, alive = here, number] {
      if (*alive) connections.erase(number);
    });
  }
};

void TextServer::Impl::accept_all() {
  for (;;) {
    Fd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;  // none left, or this one has gone already
    if (connections.size() >= limits.connections) continue;
    const std::uint64_t number = next++;
    auto watching = uv::Poll::open(loop, fd.get(), [this, number](int events) { ready(number, events); });
    if (!watching) continue;
    Connection& connection = connections[number];
    connection.fd = std::move(fd);
    connection.poll.emplace(*std::move(watching));
    connection.poll->set(uv::kReadable);
    connection.deadline = std::make_unique<uv::Timer>(loop, [this, number] { drop(number); });
    connection.deadline->start_once(limits.deadline_ms);
  }
}

void TextServer::Impl::ready(std::uint64_t number, int events) {
  const auto found = connections.find(number);
  if (found == connections.end()) return;
  Connection& connection = found->second;
  bool stays = true;
  if ((events & uv::kReadable) != 0 && connection.out.empty()) stays = read_request(connection);
  if (stays && !connection.out.empty()) stays = write_answer(connection);
  if (!stays) drop(number);
}

// False where the client is gone.
bool TextServer::Impl::read_request(Connection& connection) {
  std::array<char, 2048> buffer;
  const ssize_t got = ::recv(connection.fd.get(), buffer.data(), buffer.size(), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  connection.in.append(buffer.data(), static_cast<std::size_t>(got));
  if (const auto end = head_end(connection.in)) {
    connection.out = respond(std::string_view(connection.in).substr(0, *end));
  } else if (connection.in.size() > kMaxHeadBytes) {
    connection.out = answer(Code::kTooLarge, "too long\n");
  }
  if (!connection.out.empty()) connection.poll->set(uv::kWritable);
  return true;
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

// False once all of it is written, or nobody takes it.
bool TextServer::Impl::write_answer(Connection& connection) {
  while (connection.written < connection.out.size()) {
    const ssize_t n = ::send(connection.fd.get(), connection.out.data() + connection.written,
                             connection.out.size() - connection.written, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    connection.written += static_cast<std::size_t>(n);
  }
  ::shutdown(connection.fd.get(), SHUT_WR);
  return false;
}

TextServer::TextServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TextServer::~TextServer() = default;
std::uint16_t TextServer::port() const { return impl_->port; }
std::size_t TextServer::connection_count() const { return impl_->connections.size(); }

Result<std::unique_ptr<TextServer>> TextServer::listen(uv::Loop& loop, const std::string& address,
                                                       std::string path, Body body,
                                                       TextLimits limits) {
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
  auto impl = std::unique_ptr<Impl>(new Impl{loop, std::move(path), std::move(body), limits, std::move(fd)});
  // sin_port and sin6_port lie at the same place (RFC 3493, section 3.3 as Linux has it).
  impl->port = ntohs(reinterpret_cast<sockaddr_in*>(raw)->sin_port);
  auto watching = uv::Poll::open(loop, impl->listener.get(), [impl = impl.get()](int) { impl->accept_all(); });
  if (!watching) return std::unexpected(watching.error());
  impl->poll.emplace(*std::move(watching));
  impl->poll->set(uv::kReadable);
  return std::unique_ptr<TextServer>(new TextServer(std::move(impl)));
}

}  // namespace banger::http
