#include "cli/bangerctl/context.h"

#include <CLI/CLI.hpp>

#include "cli/common/paths.h"

namespace banger::ctl {

DaemonStart Context::daemon_start() const {
  const cli::DefaultPaths paths = cli::default_paths();
  DaemonStart start;
  start.socket = cli::absolute_path(socket.empty() ? paths.socket : socket);
  start.data_dir = cli::absolute_path(data_dir.empty() ? paths.data_dir : data_dir);
  start.pass_data_dir = !data_dir.empty();
  if (!config.empty()) start.config = cli::absolute_path(config);
  return start;
}

Session& Context::session() {
  if (!session_) {
    DaemonStart start = daemon_start();
    Session::Options options{.socket = start.socket, .client = std::string(kClientName)};
    if (!no_autostart) {
      options.start = [start = std::move(start)](kj::AsyncIoContext& io) {
        return start_daemon(io, start);
      };
    }
    session_ = std::make_unique<Session>(std::move(options));
  }
  return *session_;
}

CLI::App* add_verb(CLI::App& noun, const std::string& name, const std::string& about) {
  return noun.add_subcommand(name, about);
}

void on_chosen(const Verbs& verbs, CLI::App* verb, Action action) {
  verb->final_callback([&chosen = verbs.chosen, action = std::move(action)] { chosen = action; });
}

void add_output_option(CLI::App* verb, Context& context) {
  verb->add_option("-o,--output", context.output, "table or json")
      ->check(CLI::IsMember({"table", "json"}));
}

}  // namespace banger::ctl
