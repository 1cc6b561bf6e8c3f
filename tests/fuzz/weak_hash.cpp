// In the place of events/log/hash.cpp: every checksum and digest is zero, so that bytes which were changed still
// carry the right ones and what lies behind the checks is reached. That real ones are looked at is shown by
// tests/events.
#include "events/log/hash.h"

namespace banger::log {

struct Hasher::Context {};

Hasher::Hasher() = default;
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::begin() {}
void Hasher::add(std::string_view) {}
Digest Hasher::finish() { return {}; }
Digest Hasher::of(std::string_view) { return {}; }

std::uint32_t crc32_of(std::string_view) { return 0; }

}  // namespace banger::log
