// What of a data directory may go without loss: images that were not made, directories of VMs that
// the log does not know, databases that a repair or a restore put aside. Only looks; `prune` removes,
// and doctor tells. Needs a daemon: only it knows what is whose.
#pragma once

#include <string>
#include <vector>

#include "cli/bangerctl/context.h"

namespace banger::ctl {

enum class LeftoverKind { kFailedImage, kVmDirectory, kAsideDatabase };

struct Leftover {
  LeftoverKind kind = LeftoverKind::kFailedImage;
  std::string name;  // of the image, or of the directory
  std::string path;  // empty for images, whose files are the daemon's business
  std::uint64_t disk_bytes = 0;
};

[[nodiscard]] std::string_view name_of(LeftoverKind kind);
// `aside`: databases that were put aside, too; they are an operator's way back.
[[nodiscard]] Answer<std::vector<Leftover>> find_leftovers(Session& session, bool aside);

// Directories below `vms_dir` that belong to no VM of the log. A VM has its event before it has a
// directory, so what was seen before the log was asked and is unknown to it is nobody's.
[[nodiscard]] Answer<std::vector<std::string>> directories_of_nobody(Session& session,
                                                                     const std::string& vms_dir);

// Of the daemon that answers; else of one that would be started now.
[[nodiscard]] std::string data_directory(Context& context);

}  // namespace banger::ctl
