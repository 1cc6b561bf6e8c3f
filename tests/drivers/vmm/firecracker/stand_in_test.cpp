// The stand-in's own HTTP, by hand: what libcurl happens not to send is checked, too.
#include "tests/drivers/vmm/firecracker/stand_in.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"

using namespace banger;
using namespace banger::test;

namespace {

// All that is answered to these bytes, until the stand-in has nothing more to say to us.
std::string talk(const std::string& socket, std::string_view bytes) {
  const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket.data(), socket.size());
  REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size()));
  ::shutdown(fd.get(), SHUT_WR);
  std::string all;
  std::array<char, 4096> buffer;
  for (ssize_t n = 0; (n = ::read(fd.get(), buffer.data(), buffer.size())) > 0;)
    all.append(buffer.data(), n);
  return all;
}

// The requests in `bytes`, which come one byte at a time.
std::vector<HttpRequest> parsed(std::string_view bytes) {
  HttpRequests requests;
  std::vector<HttpRequest> all;
  for (char c : bytes) {
    requests.feed({&c, 1});
    while (auto request = requests.next()) all.push_back(*request);
  }
  return all;
}

bool breaks(std::string_view bytes) {
  HttpRequests requests;
  requests.feed(bytes);
  while (requests.next()) {
  }
  return requests.broken();
}

}  // namespace

TEST_CASE("requests are told apart by their lengths, in whatever pieces they come") {
  const auto all = parsed(
      "PUT /a HTTP/1.1\r\nContent-Length: 4\r\n\r\n{\r\n}GET /b HTTP/1.1\r\nHost: x\r\n\r\n"
      "PUT /c HTTP/1.1\r\ntransfer-ENCODING: chunked\r\nConnection: "
      "close\r\n\r\n2\r\n{\"\r\nA\r\n0123456789\r\n0\r\n\r\n");
  REQUIRE(all.size() == 3);
  CHECK(all[0].body == "{\r\n}");
  CHECK(all[1].method == "GET");
  CHECK(all[1].body.empty());
  CHECK(all[1].keep_alive);
  CHECK(all[2].path == "/c");
  CHECK(all[2].body == "{\"0123456789");
  CHECK_FALSE(all[2].keep_alive);
}

TEST_CASE("what is no HTTP breaks the connection") {
  CHECK(breaks("SSH-2.0-x\r\n\r\n"));
  CHECK(breaks("PUT /a HTTP/2\r\n\r\n"));
  CHECK(breaks("PUT /a HTTP/1.1\r\nContent-Length: four\r\n\r\n"));
  CHECK(breaks("PUT /a HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"));
  CHECK(breaks("PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"));
  CHECK(breaks("PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n"));
  CHECK_FALSE(breaks("PUT /a HTTP/1.1\r\nContent-Length: 4\r\n\r\n{}"));
}

TEST_CASE("a connection is kept for the next request, and closed when it asks for that") {
  TempDir dir;
  StandIn vmm(dir / "api.sock", "vm");
  const std::string get = "GET /version HTTP/1.1\r\n\r\n";
  const std::string last = "GET /version HTTP/1.1\r\nConnection: close\r\n\r\n";
  (void)talk(dir / "api.sock", get + get + last + get);
  CHECK(vmm.seen().size() == 3);
}

TEST_CASE("a bad request is answered with 400 and words") {
  TempDir dir;
  StandIn vmm(dir / "api.sock", "vm");
  const auto unknown_field =
      talk(dir / "api.sock", "PUT /entropy HTTP/1.1\r\nContent-Length: 7\r\n\r\n{\"a\":1}");
  CHECK(unknown_field.starts_with("HTTP/1.1 400 "));
  CHECK(unknown_field.ends_with(R"({"fault_message":"body: unknown field `a`"})"));
  CHECK(talk(dir / "api.sock", "GET /nothing HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400 "));
  CHECK(talk(dir / "api.sock", "hello\r\n\r\n").starts_with("HTTP/1.1 400 "));
  CHECK(talk(dir / "api.sock", "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(vmm.state() == "Not started");
  const auto seen = vmm.seen();
  REQUIRE(seen.size() == 3);
  CHECK(seen[0].status == 400);
  CHECK(seen[2].status == 200);
}
