// An image for VMs that no VMM ever boots: what `image import` takes, with nothing in it. Used by the sandbox of tests/e2e
// and by the benchmarks.
#pragma once

#include <string>

#include "events/result.h"

namespace banger::test {

// Kernel, initrd and a root file system of 4 MiB, in a new directory. An Error where mke2fs fails.
[[nodiscard]] Status write_stub_image(const std::string& directory);

}  // namespace banger::test
