// An image's manifest beside its files.
#include "drivers/image/image_files.h"

#include "tests/drivers/host/temp_dir.h"
#include "tests/fuzz/fuzz.h"

namespace banger::fuzz {

void fuzz_one(std::string_view bytes) {
  static const test::TempDir directory;
  static const bool made = [] {
    for (const char* name : {image::kRootfsName, image::kKernelName}) put_file(directory / name, name);
    return true;
  }();
  BANGER_ASSERT(made);
  put_file(directory / image::kManifestName, bytes);
  const auto info = image::read_manifest(directory.path());
  if (info) BANGER_ASSERT(!info->rootfs.empty() && !info->kernel.empty());
}

}  // namespace banger::fuzz
