// The recipe scripts, as they were when banger was built (embed.cmake). Only image_store.cpp
// unpacks them.
#pragma once

#include <string_view>
#include <vector>

namespace banger::image {

struct RecipeFile {
  std::string_view path;  // relative: "tiny.sh", "guest/boot"
  std::string_view content;
};

[[nodiscard]] const std::vector<RecipeFile>& recipe_files();

}  // namespace banger::image
