#include "tests/stub_image.h"

#include <filesystem>
#include <fstream>

#include "drivers/host/child.h"

namespace banger::test {

Status write_stub_image(const std::string& directory) {
  std::filesystem::create_directory(directory);
  std::ofstream(directory + "/kernel") << "\177ELF, and no kernel";  // as far as anybody looks who does not boot it
  std::ofstream(directory + "/initrd") << "not an initrd";
  const auto made = host::run_child_checked(
      {.argv = {"/sbin/mke2fs", "-q", "-t", "ext4", directory + "/rootfs.ext4", "4M"},
       .directory = {},
       .deadline = std::chrono::seconds(30)});
  if (!made) return std::unexpected(made.error());
  return {};
}

}  // namespace banger::test
