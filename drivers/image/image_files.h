// What image_store.cpp does inside one image's directory: the manifest, running a recipe, taking in
// foreign files.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "drivers/image/image_store.h"

namespace banger::image {

inline constexpr const char* kManifestName = "image.json";
inline constexpr const char* kRootfsName = "rootfs.ext4";
inline constexpr const char* kKernelName = "kernel";
inline constexpr const char* kInitrdName = "initrd";

// Runs a recipe of this library's with `out` as where its files go; its scripts are unpacked in
// `out` for as long.
[[nodiscard]] Status run_recipe(const std::string& recipe, const std::string& out,
                                const std::vector<std::string>& environment,
                                const std::atomic<bool>* cancelled, const Progress& progress);

// What a recipe says of its image (recipe.json), which is then removed.
[[nodiscard]] Result<ImageInfo> take_recipe_facts(const std::string& out);

// Copies `from` (raw, or qcow2 without a backing file) to a sparse raw `to`, and sees that it is
// ext4.
[[nodiscard]] Status take_rootfs(const std::string& from, const std::string& to,
                                 const std::atomic<bool>* cancelled);
[[nodiscard]] Status take_file(const std::string& from, const std::string& to,
                               const std::atomic<bool>* cancelled);

// Digests the files of `directory`, makes them read-only, and writes the manifest: nothing changes
// after this.
[[nodiscard]] Result<ImageInfo> seal(const std::string& directory, ImageInfo info,
                                     const std::atomic<bool>* cancelled);

// The manifest of a sealed directory; checks sizes, not contents.
[[nodiscard]] Result<ImageInfo> read_manifest(const std::string& directory);
// Contents too.
[[nodiscard]] Status verify_files(const std::string& directory);

}  // namespace banger::image
