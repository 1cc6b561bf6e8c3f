#include "drivers/image/digest.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "events/assert.h"

namespace banger::image {
namespace {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    BANGER_ASSERT(context_ != nullptr &&
                  EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  void update(const void* data, std::size_t size) {
    BANGER_ASSERT(EVP_DigestUpdate(context_.get(), data, size) == 1);
  }
  Digest finish() {
    Digest digest;
    unsigned size = 0;
    BANGER_ASSERT(EVP_DigestFinal_ex(context_.get(), digest.data(), &size) == 1 &&
                  size == digest.size());
    return digest;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

}  // namespace

Digest digest_of(std::string_view bytes) {
  Sha256 sha;
  sha.update(bytes.data(), bytes.size());
  return sha.finish();
}

Result<Digest> digest_of_file(const std::string& path, const std::atomic<bool>* cancelled) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail_errno("open " + path, errno);
  std::unique_ptr<int, void (*)(int*)> closer(&fd, [](int* open) { ::close(*open); });
  Sha256 sha;
  std::vector<char> buffer(1 << 20);
  while (true) {
    if (cancelled != nullptr && cancelled->load()) return fail("cancelled", ECANCELED);
    ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("read " + path, errno);
    if (n == 0) return sha.finish();
    sha.update(buffer.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace banger::image
