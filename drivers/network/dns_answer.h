// What is answered to a DNS query about `<name>.vm`: a pure function from bytes to bytes (RFC 1035, 2308, 6891).
// The resolver calls it for every packet. Whoever may send one is not trusted: nothing that comes in can crash it,
// and no answer is longer than kMaxAnswerBytes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/addresses.h"

namespace banger::network {

// A VM's name, in lower case and without ".vm", and where it is. What comes from `decide` is such a name.
using NameTable = std::map<std::string, Ipv4, std::less<>>;

inline constexpr std::uint32_t kAnswerTtlSeconds = 5;  // short: a VM made again may have another address
inline constexpr std::size_t kMaxQueryBytes = 1024;    // a name is 255 at most; the rest is for EDNS options
inline constexpr std::size_t kMaxAnswerBytes = 512;    // so that none is ever truncated (RFC 1035, 2.3.4)

// The answer to `query`, or nothing where silence is right: an answer (two servers could go on for ever), or too
// short to be told who asked what. Whether the name is written in upper or lower case does not matter.
//   A of a known name       its address       AAAA and other types of one    NOERROR, and nothing in it
//   an unknown name         NXDOMAIN          another domain or class        REFUSED
//   no query, or malformed  FORMERR           another opcode                 NOTIMP
//   EDNS of another version BADVERS
[[nodiscard]] std::optional<std::vector<std::uint8_t>> answer_query(std::span<const std::uint8_t> query,
                                                                    const NameTable& names);

}  // namespace banger::network
