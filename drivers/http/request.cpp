#include "drivers/http/request.h"

namespace banger::http {
namespace {

std::string_view phrase(Code code) {
  switch (code) {
    case Code::kOk:
      return "OK";
    case Code::kBadRequest:
      return "Bad Request";
    case Code::kNotFound:
      return "Not Found";
    case Code::kMethodNotAllowed:
      return "Method Not Allowed";
    case Code::kTooLarge:
      return "Request Header Fields Too Large";
  }
  return {};
}

}  // namespace

std::optional<std::size_t> head_end(std::string_view bytes) {
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  return end + 4;
}

std::optional<Request> parse_head(std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const auto first = line.find(' ');
  const auto second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const std::string_view version = line.substr(second + 1);
  std::string_view target = line.substr(first + 1, second - first - 1);
  if (first == 0 || !target.starts_with('/')) return std::nullopt;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return std::nullopt;
  target = target.substr(0, target.find('?'));
  return Request{std::string(line.substr(0, first)), std::string(target)};
}

std::string answer(Code code, std::string_view body, bool with_body) {
  std::string text = "HTTP/1.1 " + std::to_string(static_cast<int>(code)) + " ";
  text.append(phrase(code));
  // What Prometheus's text format calls itself, version 0.0.4.
  text += "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: " +
          std::to_string(body.size()) + "\r\nConnection: close\r\n";
  if (code == Code::kMethodNotAllowed) text += "Allow: GET, HEAD\r\n";
  text += "\r\n";
  if (with_body) text.append(body);
  return text;
}

}  // namespace banger::http
