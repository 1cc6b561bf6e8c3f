// What the tests of snapshots share: an image and disks in a directory of their own, and a look from outside at what
// the kernel holds, by dmsetup and losetup: other programs than what is tested.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "drivers/disk/dm_snapshot.h"
#include "drivers/disk/sparse_file.h"
#include "drivers/host/child.h"
#include "drivers/loop_device/loop_device.h"
#include "drivers/uv/fd.h"
#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"

namespace banger::test {

inline constexpr std::uint64_t kMiB = 1 << 20;
inline constexpr std::uint64_t kImageBytes = 8 * kMiB;
inline constexpr std::uint64_t kDiskBytes = 12 * kMiB;
inline constexpr StoreId kStore{0xaaaa, 0xbbbb};

inline void must(const Status& status) {
  INFO((status ? "" : status.error().message));
  REQUIRE(status);
}

template <class T>
T must(Result<T> result) {
  INFO((result ? "" : result.error().message));
  REQUIRE(result);
  return std::move(*result);
}

inline std::string say(std::vector<std::string> argv) {
  return must(host::run_child_checked({.argv = std::move(argv)}));
}

// All devices and loops, one a line.
inline std::string kernel_holds() {
  std::string devices = say({"dmsetup", "ls"});
  if (devices.starts_with("No devices")) devices.clear();
  return devices + say({"losetup", "-a"});
}

class Disks {
 public:
  Disks() {
    std::ofstream image(image_path());
    for (std::uint64_t i = 0; i < kImageBytes / 8; ++i) {
      const std::uint64_t word = i * 0x9e3779b97f4a7c15;
      image.write(reinterpret_cast<const char*>(&word), sizeof word);
    }
  }
  Disks(const Disks&) = delete;
  Disks& operator=(const Disks&) = delete;
  ~Disks() { CHECK(kernel_holds() == ""); }

  [[nodiscard]] std::string image_path() const { return dir_ / "image"; }
  [[nodiscard]] const TempDir& dir() const { return dir_; }
  [[nodiscard]] disk::SnapshotSpec spec(std::uint64_t vm) const {
    const std::string name = std::to_string(vm);
    return {.store = kStore,
            .vm = VmId{vm},
            .base = image_path(),
            .cow = dir_ / (name + ".cow"),
            .rest = dir_ / (name + ".rest"),
            .size_bytes = kDiskBytes,
            .keep_free_bytes = 0};
  }
  [[nodiscard]] std::string digest() const { return say({"busybox", "sha256sum", image_path()}).substr(0, 64); }

 private:
  TempDir dir_;
};

inline Status note_nothing(const VmHandles&) { return {}; }

inline VmHandles ensured(const disk::SnapshotSpec& spec) {
  VmHandles handles;
  must(disk::ensure_snapshot(spec, handles, note_nothing));
  return handles;
}

inline Status removed(const disk::SnapshotSpec& spec, std::chrono::milliseconds patience = std::chrono::seconds(20)) {
  return disk::remove_snapshot(spec.store, spec.vm, patience);
}

// As a VMM would: through the device, and on the disk when this returns. False: the device refused.
inline bool write_at(const std::string& node, std::uint64_t offset, const std::string& text) {
  Fd fd(::open(node.c_str(), O_WRONLY | O_CLOEXEC));
  REQUIRE(fd);
  return ::pwrite(fd.get(), text.data(), text.size(), static_cast<off_t>(offset)) ==
             static_cast<ssize_t>(text.size()) &&
         ::fsync(fd.get()) == 0;
}

inline std::string read_at(const std::string& node, std::uint64_t offset, std::size_t length) {
  Fd fd(::open(node.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(fd);
  std::string text(length, '\0');
  const ssize_t got = ::pread(fd.get(), text.data(), length, static_cast<off_t>(offset));
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

}  // namespace banger::test
