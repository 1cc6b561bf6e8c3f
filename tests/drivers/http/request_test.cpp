#include "drivers/http/request.h"

#include "tests/catch.h"

using namespace banger::http;

TEST_CASE("a request is whole with its empty line") {
  CHECK_FALSE(head_end("GET /metrics HTTP/1.1\r\nHost: x\r\n"));
  CHECK(head_end("GET / HTTP/1.1\r\n\r\nrest") == 18u);
  CHECK_FALSE(head_end(""));
}

TEST_CASE("the request line gives method and path, without a query") {
  const auto request = parse_head("GET /metrics?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  REQUIRE(request);
  CHECK(request->method == "GET");
  CHECK(request->path == "/metrics");
  CHECK(parse_head("HEAD / HTTP/1.0\r\n\r\n")->method == "HEAD");
}

TEST_CASE("what is no HTTP/1.x is told apart") {
  for (const char* head : {"", "\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", " / HTTP/1.1\r\n\r\n", "GET metrics HTTP/1.1\r\n\r\n",
                           "GET / HTTP/2\r\n\r\n", "GET http://x/ HTTP/1.1\r\n\r\n", "GET / x HTTP/1.1\r\n\r\n",
                           "\x16\x03\x01 / HTTP/9\r\n\r\n"}) {
    INFO(head);
    CHECK_FALSE(parse_head(head));
  }
}

TEST_CASE("an answer says how long it is, and that the connection ends") {
  CHECK(answer(Code::kOk, "up 1\n") ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
        "Content-Length: 5\r\nConnection: close\r\n\r\nup 1\n");
  CHECK(answer(Code::kOk, "up 1\n", false).ends_with("Content-Length: 5\r\nConnection: close\r\n\r\n"));
  CHECK(answer(Code::kMethodNotAllowed, "").find("Allow: GET, HEAD\r\n") != std::string::npos);
}
