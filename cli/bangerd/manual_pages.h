// bangerd(8) from its command line, bangerd.toml(5) from the table of configuration keys.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace banger::bangerd {

// `section` is 8 or 5.
[[nodiscard]] std::string manual_text(const CLI::App& app, int section);

}  // namespace banger::bangerd
