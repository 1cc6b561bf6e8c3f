// The first lines of an HTTP/1.1 request, and what is answered: pure text (RFC 9112). Only what a
// client that scrapes metrics says is understood; everything else gets a status that says so.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace banger::http {

inline constexpr std::size_t kMaxHeadBytes = 8 * 1024;

struct Request {
  std::string method;
  std::string path;  // without the query
};

enum class Code { kOk = 200, kBadRequest = 400, kNotFound = 404, kMethodNotAllowed = 405, kTooLarge = 431 };

// Where the head of a request ends in `bytes` (behind its empty line); nothing: it has not yet.
[[nodiscard]] std::optional<std::size_t> head_end(std::string_view bytes);
// The request line of a whole head; nothing: that is no HTTP/1.x.
[[nodiscard]] std::optional<Request> parse_head(std::string_view head);
// A whole answer, after which the connection closes. `with_body` is false for HEAD.
[[nodiscard]] std::string answer(Code code, std::string_view body, bool with_body = true);

}  // namespace banger::http
