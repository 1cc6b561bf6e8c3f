// ImageStore: the directory of images that VMs start from, one subdirectory per image id. An image
// is there whole or not at all: it is made in a temporary directory, synced and renamed; what a
// crash left is swept by open(). Files are read-only and never change afterwards: VMs' overlays are
// over them. Straight-line functions for worker threads; the store itself holds no state, so
// several may be used at once for different ids. Whether an image is in use is not known here:
// whoever calls remove() has made sure that it isn't.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "events/ids.h"
#include "events/result.h"

namespace banger::image {

struct ImageInfo {
  ImageId id;
  Digest digest{};  // of the manifest, which holds the digests of the files
  std::uint64_t virtual_bytes = 0;
  std::uint64_t disk_bytes = 0;  // all files together, holes not counted
  std::string rootfs;            // raw ext4
  std::string kernel;
  std::string initrd;   // empty: none
  std::string arch;     // as uname -m prints it
  std::string user;     // whom to log in as
  std::string cmdline;  // what this image wants on its kernel's command line besides ours
  std::string kernel_version;
  std::string recipe;  // empty: imported

  friend bool operator==(const ImageInfo&, const ImageInfo&) = default;
};

// A step of a build, to show: "step 2/5 packages of Debian bookworm". Bytes of a build: escape
// before showing.
using Progress = std::function<void(std::string_view line)>;

struct BuildSpec {
  std::string recipe;                    // one of recipes()
  std::vector<std::string> environment;  // "NAME=value", what the recipes name at their top
  const std::atomic<bool>* cancelled = nullptr;
};

struct ImportSpec {
  std::string path;  // a raw ext4, a qcow2 of one, or a directory with rootfs.ext4 and maybe kernel
                     // and initrd
  std::string kernel;  // empty: the one in the directory, else what scripts/install-deps unpacked,
                       // with its initrd
  std::string initrd;  // empty: the one in the directory if its kernel is used, else none
  std::string cmdline;
  std::vector<std::string> environment;
  const std::atomic<bool>* cancelled = nullptr;
};

class ImageStore {
 public:
  // Makes the directory (0700), removes what unfinished builds left in it.
  [[nodiscard]] static Result<ImageStore> open(std::string directory);

  // Names that build() takes.
  [[nodiscard]] static std::vector<std::string> recipes();

  // EEXIST as sys_errno when `id` is there; ETIMEDOUT, ECANCELED, ENOSPC where these were the
  // reason.
  [[nodiscard]] Result<ImageInfo> build(ImageId id, const BuildSpec& spec,
                                        const Progress& progress) const;
  [[nodiscard]] Result<ImageInfo> import(ImageId id, const ImportSpec& spec,
                                         const Progress& progress) const;

  // ENOENT as sys_errno when it isn't there.
  [[nodiscard]] Result<ImageInfo> find(ImageId id) const;
  // What is whole, in order of ids. A directory without a readable manifest is left out.
  [[nodiscard]] Result<std::vector<ImageInfo>> list() const;
  // Reads every byte and compares with the manifest.
  [[nodiscard]] Status verify(ImageId id) const;
  // No error when it isn't there. It is out of list() before its first file goes.
  [[nodiscard]] Status remove(ImageId id) const;

  [[nodiscard]] std::string directory_of(ImageId id) const;

 private:
  explicit ImageStore(std::string directory) : directory_(std::move(directory)) {}
  [[nodiscard]] Result<std::string> begin(ImageId id) const;
  [[nodiscard]] Result<ImageInfo> finish(ImageId id, const std::string& work, ImageInfo info,
                                         const std::atomic<bool>* cancelled) const;
  std::string directory_;
};

}  // namespace banger::image
