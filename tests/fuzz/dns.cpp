// A query to the resolver. Every answer is a short one to this very query.
#include "drivers/network/dns_answer.h"

#include "tests/fuzz/fuzz.h"

namespace banger::fuzz {

void fuzz_one(std::string_view bytes) {
  static const network::NameTable names{{"web", {0xac100002}}, {"db", {0xac100003}}};
  const std::span query(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  const auto answer = network::answer_query(query, names);
  if (!answer) return;
  BANGER_ASSERT(answer->size() >= 12 && answer->size() <= network::kMaxAnswerBytes);
  BANGER_ASSERT((*answer)[0] == query[0] && (*answer)[1] == query[1] && ((*answer)[2] & 0x80) != 0);
  BANGER_ASSERT(!network::answer_query(*answer, names));  // or two servers would go on for ever
}

}  // namespace banger::fuzz
