// For clang only, and included before everything else there: Cap'n Proto 0.9.2's blob.h compares StringPtr with
// const char*, which C++23's rewritten == makes ambiguous. These exact matches settle it. GCC 12 does not need them.
#pragma once

#include <kj/string.h>

namespace kj {

inline bool operator==(const char* left, const StringPtr& right) { return StringPtr(left).operator==(right); }
inline bool operator!=(const char* left, const StringPtr& right) { return !StringPtr(left).operator==(right); }

}  // namespace kj
