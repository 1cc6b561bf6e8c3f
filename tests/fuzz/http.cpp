// The head of a request to the metrics' port, and the address that the configuration gives it.
#include "drivers/http/request.h"
#include "drivers/http/text_server.h"
#include "tests/fuzz/fuzz.h"

namespace banger::fuzz {

void fuzz_one(std::string_view bytes) {
  (void)http::check_loopback(std::string(bytes));
  const auto end = http::head_end(bytes);
  if (!end) return;
  BANGER_ASSERT(*end <= bytes.size());
  const auto request = http::parse_head(bytes.substr(0, *end));
  if (!request) return;
  BANGER_ASSERT(!request->method.empty() && request->path.starts_with('/') && !request->path.contains('?'));
  const std::string answer = http::answer(http::Code::kNotFound, "it is at /metrics\n", request->method == "GET");
  BANGER_ASSERT(http::head_end(answer).has_value());
}

}  // namespace banger::fuzz
