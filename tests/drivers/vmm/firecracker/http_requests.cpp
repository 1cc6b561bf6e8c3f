#include "tests/drivers/vmm/firecracker/http_requests.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "drivers/http/request.h"

namespace banger::test {
namespace {

std::optional<std::size_t> number(std::string_view text, int base) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::string> header(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(head.size(), line.size() + 2));
    const auto colon = line.find(':');
    if (colon != name.size()) continue;
    if (!std::equal(name.begin(), name.end(), line.begin(),
                    [](char want, char have) { return want == std::tolower(have); })) {
      continue;
    }
    std::string_view value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    return std::string(value);
  }
  return std::nullopt;
}

std::optional<HttpRequest> HttpRequests::next() {
  const auto head_size = http::head_end(waiting_);
  if (broken_ || !head_size) return std::nullopt;
  const std::string head = waiting_.substr(0, *head_size);
  const auto parsed = http::parse_head(head);
  if (!parsed) {
    broken_ = true;
    return std::nullopt;
  }
  std::size_t at = *head_size;
  auto text = body(head, at);
  if (!text) return std::nullopt;
  waiting_.erase(0, at);
  return HttpRequest{parsed->method, parsed->path, *std::move(text),
                     header(head, "connection") != "close"};
}

std::optional<std::string> HttpRequests::body(std::string_view head, std::size_t& at) {
  if (const auto encoding = header(head, "transfer-encoding")) {
    if (*encoding == "chunked") return chunks(at);
    broken_ = true;
    return std::nullopt;
  }
  const auto announced = header(head, "content-length");
  if (!announced) return std::string{};
  const auto length = number(*announced, 10);
  if (!length) {
    broken_ = true;
    return std::nullopt;
  }
  if (waiting_.size() - at < *length) return std::nullopt;
  at += *length;
  return waiting_.substr(at - *length, *length);
}

std::optional<std::string> HttpRequests::chunks(std::size_t& at) {
  std::string whole;
  while (true) {
    const auto end = waiting_.find("\r\n", at);
    if (end == std::string::npos) return std::nullopt;
    const auto size = number(std::string_view(waiting_).substr(at, end - at), 16);
    if (!size || *size > (1u << 20)) {
      broken_ = true;
      return std::nullopt;
    }
    if (waiting_.size() < end + 2 + *size + 2) return std::nullopt;
    if (std::string_view(waiting_).substr(end + 2 + *size, 2) != "\r\n") {
      broken_ = true;
      return std::nullopt;
    }
    whole.append(waiting_, end + 2, *size);
    at = end + 2 + *size + 2;
    if (*size == 0) return whole;
  }
}

}  // namespace banger::test
