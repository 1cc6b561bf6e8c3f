// A directory being read (readdir(3)), closed with its owner.
#pragma once

#include <dirent.h>

#include <memory>

namespace banger::host {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using DirectoryStream = std::unique_ptr<DIR, CloseDirectory>;

}  // namespace banger::host
