// Queries and answers of DNS as bytes, written and read by hand: the tests must not lean on the library that the
// resolver uses.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace banger::network::test {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::uint16_t kA = 1, kSoa = 6, kTxt = 16, kAaaa = 28, kAny = 255;
inline constexpr std::uint8_t kNoError = 0, kFormErr = 1, kNxDomain = 3, kNotImp = 4, kRefused = 5;

inline void put16(Bytes& out, unsigned number) {
  out.push_back(static_cast<std::uint8_t>(number >> 8));
  out.push_back(static_cast<std::uint8_t>(number));
}

// "web.vm" as labels; "" is the root.
inline Bytes wire_name(std::string_view name) {
  Bytes out;
  while (!name.empty()) {
    const auto label = name.substr(0, name.find('.'));
    out.push_back(static_cast<std::uint8_t>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  out.push_back(0);
  return out;
}

// Recursion desired, as stubs ask. `id` comes back.
inline Bytes header(unsigned questions = 1, unsigned answers = 0, unsigned authorities = 0, unsigned others = 0) {
  Bytes out{0x12, 0x34, 0x01, 0x00};
  for (const unsigned count : {questions, answers, authorities, others}) put16(out, count);
  return out;
}

inline Bytes question(const Bytes& name, std::uint16_t type = kA, std::uint16_t in_class = 1) {
  Bytes out = name;
  put16(out, type);
  put16(out, in_class);
  return out;
}

inline Bytes operator+(Bytes one, const Bytes& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}

inline Bytes query(std::string_view name, std::uint16_t type = kA, std::uint16_t in_class = 1) {
  return header() + question(wire_name(name), type, in_class);
}

// The record that says: I speak EDNS of this version (RFC 6891, 6.1.2).
inline Bytes edns(std::uint8_t version = 0) { return {0, 0, 41, 0x10, 0x00, 0, version, 0, 0, 0, 0}; }

struct Answer {
  unsigned rcode = 0;
  bool authoritative = false;
  unsigned answers = 0;
  std::string address;  // of the one answer
  std::uint32_t ttl = 0;
};

// Reads what an answer to `asked` must be: its id, QR, its question again, and at most one address.
// The rcode is 999 where it is not.
inline Answer read_answer(const Bytes& asked, const Bytes& got) {
  Answer answer{.rcode = 999};
  if (got.size() < 12 || got[0] != asked[0] || got[1] != asked[1] || (got[2] & 0x80) == 0) return answer;
  answer.authoritative = (got[2] & 0x04) != 0;
  answer.answers = static_cast<unsigned>(got[6] << 8 | got[7]);
  const bool with_question = got[5] == 1;
  if (with_question) {
    std::size_t end = 12;
    while (end < asked.size() && asked[end] != 0) end += asked[end] + std::size_t{1};
    end += 5;
    if (got.size() < end || !std::equal(asked.begin() + 12, asked.begin() + static_cast<std::ptrdiff_t>(end), got.begin() + 12)) {
      return answer;
    }
    if (answer.answers == 1) {
      // The owner, a pointer or a name in full, then type, class, TTL, length 4 and the address.
      std::size_t at = end;
      if ((got[at] & 0xc0) == 0xc0) {
        at += 2;
      } else {
        while (got[at] != 0) at += got[at] + std::size_t{1};
        ++at;
      }
      if (got.size() < at + 14 || got[at + 1] != kA || got[at + 3] != 1 || got[at + 9] != 4) return answer;
      for (std::size_t i = 4; i < 8; ++i) answer.ttl = answer.ttl << 8 | got[at + i];
      for (std::size_t i = 10; i < 14; ++i) answer.address += (i > 10 ? "." : "") + std::to_string(got[at + i]);
    }
  }
  answer.rcode = got[3] & 0x0f;
  return answer;
}

}  // namespace banger::network::test
