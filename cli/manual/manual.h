// A manual page in man(7)'s macros, made of the same CLI11 tree as --help, so that neither can know
// what the other does not. Each program prints its own with the hidden --manual; the build keeps
// them (packaging/). Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace banger::manual {

// Terms and what they mean: .TP lists.
struct Section {
  std::string title;  // "EXIT STATUS"
  std::string text;   // before the list; may be empty
  std::vector<std::pair<std::string, std::string>> terms = {};
};

struct Page {
  std::string name;      // "bangerctl"
  int section = 1;
  std::string version;
  std::string about;     // of the NAME line: "microVMs with ..."
  std::string text;      // DESCRIPTION, paragraphs apart by an empty line
  std::vector<Section> sections = {};
  std::vector<std::string> see_also = {};  // "bangerd(8)"
};

// NAME, SYNOPSIS, DESCRIPTION, OPTIONS, COMMANDS (every verb that is not hidden, with its options),
// then the page's own sections.
[[nodiscard]] std::string of_program(const CLI::App& app, const Page& page);
// The same without a command line.
[[nodiscard]] std::string of_file(const Page& page);

}  // namespace banger::manual
