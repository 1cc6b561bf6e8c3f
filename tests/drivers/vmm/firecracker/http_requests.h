// The server's half of HTTP/1.1 for the stand-in: bytes in, whole requests out, bodies by
// Content-Length or chunked. Pure, and strict: what is no HTTP ends the connection.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace banger::test {

struct HttpRequest {
  std::string method;
  std::string path;
  std::string body;
  bool keep_alive = true;
};

class HttpRequests {
 public:
  void feed(std::string_view bytes) { waiting_.append(bytes); }
  // The next whole request; nothing: not yet, or never where broken().
  [[nodiscard]] std::optional<HttpRequest> next();
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  // The body at `at`, and `at` moved behind it; nothing: it is not whole yet.
  [[nodiscard]] std::optional<std::string> body(std::string_view head, std::size_t& at);
  [[nodiscard]] std::optional<std::string> chunks(std::size_t& at);
  std::string waiting_;
  bool broken_ = false;
};

// "Name: value" of a head, by its lower-case name.
[[nodiscard]] std::optional<std::string> header(std::string_view head, std::string_view name);

}  // namespace banger::test
