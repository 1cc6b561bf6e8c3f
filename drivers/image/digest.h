// SHA-256 of bytes and of files, for image manifests. Holes of a sparse file count as the zeros
// that they read as, so `sha256sum` prints the same.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "events/ids.h"
#include "events/result.h"

namespace banger::image {

[[nodiscard]] Digest digest_of(std::string_view bytes);

// Reads the whole file: about a second per GiB. `cancelled` as in host::ChildSpec.
[[nodiscard]] Result<Digest> digest_of_file(const std::string& path,
                                            const std::atomic<bool>* cancelled = nullptr);

}  // namespace banger::image
