#include <CLI/CLI.hpp>

#include "cli/bangerctl/complete/place.h"
#include "cli/bangerctl/context.h"
#include "cli/bangerctl/rows.h"
#include "cli/bangerctl/terminal.h"
#include "projections/rows.h"

namespace banger::ctl {
namespace {

constexpr int kPatienceS = 1;  // somebody waits with a finger on the key

// Names are only taken from a daemon that runs and answers at once; without one there are none.
std::vector<Candidate> live(Context& context, Names names) {
  std::vector<Candidate> all;
  if (names == Names::kProjections) {
    for (const ProjectionInfo& each : kProjections) {
      all.push_back({std::string(each.name), std::string(each.about)});
    }
  }
  if (names == Names::kRecipes) all = {{"tiny", "from this host's programs"}, {"debian", "from Debian's packages"}};
  if (names != Names::kVms && names != Names::kImages) return all;
  Session session({.socket = context.daemon_start().socket,
                   .client = std::string(kClientName),
                   .hello_timeout_s = kPatienceS});
  if (!session.connect(Session::Start::kNever)) return all;
  if (names == Names::kVms) {
    if (const auto vms = read_vms(session)) {
      for (const VmRuntime& vm : *vms) all.push_back({vm.name, std::string(banger::name_of(vm.state))});
    }
  } else if (const auto images = read_images(session)) {
    for (const Image& image : *images) all.push_back({image.name, std::string(banger::name_of(image.state))});
  }
  return all;
}

// "word TAB about" lines. Nothing that goes wrong is told: it would stand in the middle of a prompt.
Answer<int> complete(Context& context, const CLI::App& root) {
  Place place = find_place(root, context.rest);
  for (Candidate& each : live(context, place.names)) {
    if (each.word.starts_with(place.typed)) place.candidates.push_back(std::move(each));
  }
  std::string lines;
  for (const Candidate& each : place.candidates) {
    lines += escape(each.word) + "\t" + escape(each.about) + "\n";
  }
  (void)print(lines);
  return kOk;
}

}  // namespace

void add_complete_verb(const Verbs& verbs) {
  CLI::App* verb = add_verb(verbs.app, kCompleteVerb, "Words that may come next, for a shell's completion");
  verb->group("");  // not for people
  on_chosen(verbs, verb, [&root = verbs.app](Context& context) { return complete(context, root); });
}

}  // namespace banger::ctl
