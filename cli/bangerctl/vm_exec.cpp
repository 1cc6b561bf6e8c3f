#include <CLI/CLI.hpp>

#include "cli/bangerctl/terminal.h"
#include "cli/bangerctl/vm_verbs.h"

namespace banger::ctl {
namespace {

struct ExecOptions {
  GuestOptions guest;
  std::string vm;
  std::vector<std::string> argv;
};

std::vector<std::string> whole_argv(const ExecOptions& options, const Context& context) {
  std::vector<std::string> argv = options.argv;
  argv.insert(argv.end(), context.rest.begin(), context.rest.end());
  return argv;
}

Answer<int> exec(Context& context, const ExecOptions& options) {
  auto command = to_command(options.guest, options.vm, whole_argv(options, context));
  if (!command) return std::unexpected(command.error());
  if (command->argv.empty()) {
    return misused("which command?", "bangerctl vm exec " + options.vm +
                                         " -- command, or bangerctl vm ssh " + options.vm);
  }
  return run_in_guest(context.session(), *command);
}

// A shell with a terminal where we have one; a command as ssh would run it.
Answer<int> ssh(Context& context, ExecOptions options) {
  std::vector<std::string> argv = whole_argv(options, context);
  options.guest.tty = options.guest.tty || (argv.empty() && is_terminal(0));
  auto command = to_command(options.guest, options.vm, std::move(argv));
  if (!command) return std::unexpected(command.error());
  return run_in_guest(context.session(), *command);
}

}  // namespace

void add_guest_options(CLI::App* verb, GuestOptions& options) {
  verb->add_flag("-i,--interactive", options.interactive,
                 "Pass stdin on even where it is a terminal");
  verb->add_flag("-t,--tty", options.tty, "Give the command a terminal");
  verb->add_flag("-n,--no-stdin", options.no_stdin, "The command gets no stdin");
  verb->add_option("--timeout", options.timeout, "End the command after this long: 90, 5m");
  verb->add_option("-e,--env", options.env, "NAME=VALUE for the command; repeatable")
      ->allow_extra_args(false);
  verb->add_option("-w,--cwd", options.cwd, "Directory to run the command in");
}

void add_exec_verbs(const Verbs& verbs, CLI::App& vm) {
  auto options = std::make_shared<ExecOptions>();
  CLI::App* verb = add_verb(vm, "exec", "Run a command in a guest: exec VM -- command...");
  add_guest_options(verb, options->guest);
  verb->add_option("vm", options->vm, "Name, id or prefix of an id")->required();
  verb->add_option("command", options->argv, "The command; after -- its words are left alone");
  on_chosen(verbs, verb, [options](Context& context) { return exec(context, *options); });

  auto shell = std::make_shared<ExecOptions>();
  verb = add_verb(vm, "ssh", "Open a shell in a guest");
  add_guest_options(verb, shell->guest);
  verb->add_option("vm", shell->vm, "Name, id or prefix of an id")->required();
  verb->add_option("command", shell->argv, "A command instead of a shell");
  on_chosen(verbs, verb, [shell](Context& context) { return ssh(context, *shell); });
}

}  // namespace banger::ctl
