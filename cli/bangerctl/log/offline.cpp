// What needs the log while no daemon has it open: handed to banger-log, which takes this program's place.
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cli/bangerctl/log/offline.h"
#include "cli/bangerctl/log/log_verbs.h"
#include "cli/bangerctl/spawn.h"
#include "engine/paths.h"

namespace banger::ctl {

Answer<int> become_banger_log(Context& context, std::vector<std::string> words) {
  auto program = find_program("banger-log");
  if (!program) return std::unexpected(to_failure(std::move(program).error()));
  const Layout layout{context.daemon_start().data_dir};
  std::vector<std::string> argv{*program, "--log", layout.log_dir(), "--anchor", layout.anchor_dir()};
  argv.insert(argv.end(), words.begin(), words.end());
  argv.insert(argv.end(), {"-o", context.output});
  std::vector<char*> pointers;
  for (std::string& word : argv) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execv(program->c_str(), pointers.data());
  return std::unexpected(to_failure(fail_errno("run " + *program, errno).error()));
}

void add_import_verb(const Verbs& verbs, CLI::App& events) {
  auto files = std::make_shared<std::vector<std::string>>();
  CLI::App* verb = add_verb(events, "import",
                            "Make an empty data directory's log out of bundles of a whole log; no daemon may run");
  verb->add_option("bundles", *files, "Every event from the first on, in order")->required()->check(CLI::ExistingFile);
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [files](Context& context) {
    std::vector<std::string> words{"import"};
    words.insert(words.end(), files->begin(), files->end());
    return become_banger_log(context, std::move(words));
  });
}

}  // namespace banger::ctl
