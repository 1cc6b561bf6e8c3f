// Changes JSON as JSON, every other time: a value becomes one of another kind, or a copy of another of the text, where
// a change of bytes would mostly leave nothing that parses. The whole text, or else one of its lines (QMP).
#include <nlohmann/json.hpp>

#include "tests/fuzz/fuzz.h"
#include "tests/support/random.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace banger::fuzz {
namespace {

using Json = nlohmann::json;
using test::Dice;

void collect(Json& value, std::vector<Json*>& all) {
  all.push_back(&value);
  if (!value.is_structured()) return;
  for (Json& each : value) collect(each, all);
}

Json another(const std::vector<Json*>& all, Dice& dice) {
  static const std::vector<Json> kOdd{nullptr, true,         0,   -1,  1.5,           UINT64_MAX,    INT64_MIN,
                                      "",      "\u001b[2Jx", "x", "7", Json::array(), Json::object()};
  const std::size_t chosen = dice.below(2 * kOdd.size());
  return chosen < kOdd.size() ? kOdd[chosen] : *all[dice.below(all.size())];
}

// Nothing where it is no JSON.
std::string mutated(std::string_view text, Dice& dice) {
  Json whole = Json::parse(text, nullptr, false);
  if (whole.is_discarded()) return {};
  std::vector<Json*> all;
  collect(whole, all);
  *all[dice.below(all.size())] = another(all, dice);
  return whole.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string mutated_line(std::string_view text, Dice& dice) {
  const std::size_t somewhere = dice.below(text.size() + 1);
  const std::size_t before = text.rfind('\n', somewhere);
  const std::size_t begin = before == std::string_view::npos ? 0 : std::min(before + 1, text.size());
  const std::size_t end = std::min(text.find('\n', begin), text.size());
  const std::string line = mutated(text.substr(begin, end - begin), dice);
  if (line.empty()) return {};
  return std::string(text.substr(0, begin)) + line + std::string(text.substr(end));
}

}  // namespace
}  // namespace banger::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  using namespace banger::fuzz;
  banger::test::Dice dice(std::uint64_t{seed});
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string made;
  if (dice.chance(50)) made = mutated(text, dice);
  if (made.empty() && dice.chance(50)) made = mutated_line(text, dice);
  if (made.empty() || made.size() > most) return LLVMFuzzerMutate(data, size, most);
  made.copy(reinterpret_cast<char*>(data), made.size());
  return made.size();
}
