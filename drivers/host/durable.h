// Files that are there whole, and still there after a power cut, or not at all: written beside,
// synced, renamed, and the directory synced. Called by drivers on a worker thread. Blocks for as
// long as the disk takes.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "events/result.h"

namespace banger::host {

// Syncs one file or directory.
[[nodiscard]] Status sync_path(const std::string& path);

// Renames (over what is there) and syncs the directories of both.
[[nodiscard]] Status rename_durably(const std::string& from, const std::string& to);

[[nodiscard]] Status write_file_durably(const std::string& path, std::string_view bytes,
                                        mode_t mode);

// The directory that a path is in: "." for a bare name.
[[nodiscard]] std::string parent_of(const std::string& path);

// An error unless at least `bytes` are free for us where `path` is or will be.
[[nodiscard]] Status require_free_space(const std::string& directory, std::uint64_t bytes);

}  // namespace banger::host
