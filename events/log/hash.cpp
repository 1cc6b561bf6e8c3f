#include "events/log/hash.h"

#include <openssl/evp.h>
#include <zlib.h>

#include "events/assert.h"

namespace banger::log {

struct Hasher::Context {
  EVP_MD* algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  EVP_MD_CTX* context = EVP_MD_CTX_new();

  Context() = default;
  Context(const Context&) = delete;
  ~Context() {
    EVP_MD_CTX_free(context);
    EVP_MD_free(algorithm);
  }
};

Hasher::Hasher() : context_(std::make_unique<Context>()) {
  BANGER_ASSERT(context_->algorithm != nullptr && context_->context != nullptr);
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::begin() {
  BANGER_ASSERT(EVP_DigestInit_ex2(context_->context, context_->algorithm, nullptr) == 1);
}

void Hasher::add(std::string_view bytes) {
  BANGER_ASSERT(EVP_DigestUpdate(context_->context, bytes.data(), bytes.size()) == 1);
}

Digest Hasher::finish() {
  Digest digest;
  unsigned length = 0;
  BANGER_ASSERT(EVP_DigestFinal_ex(context_->context, digest.data(), &length) == 1);
  BANGER_ASSERT(length == digest.size());
  return digest;
}

Digest Hasher::of(std::string_view bytes) {
  begin();
  add(bytes);
  return finish();
}

std::uint32_t crc32_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace banger::log
