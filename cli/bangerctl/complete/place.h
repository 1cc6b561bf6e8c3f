// Where in the command tree the words typed so far have come, and what may come next. Pure: names of
// things that exist (VMs, images) are only asked for by their kind. Called by the hidden verb
// `complete`, which the shells' stubs in packaging/completions run.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace banger::ctl {

struct Candidate {
  std::string word;
  std::string about;  // one line, may be empty
};

// What of this installation fits, besides the words of the tree.
enum class Names { kNone, kVms, kImages, kProjections, kRecipes };

struct Place {
  std::vector<Candidate> candidates;  // already those that begin like the last word
  Names names = Names::kNone;
  std::string typed;  // the last word, as far as names must begin like it
};

// `words` behind "bangerctl"; the last is the one being typed, maybe empty. "=" may be a word of its
// own, as bash splits "--vm=web".
[[nodiscard]] Place find_place(const CLI::App& root, const std::vector<std::string>& words);

}  // namespace banger::ctl
