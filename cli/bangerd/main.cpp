// bangerd: reads its configuration, takes the data directory, and serves. See daemon.h for the parts.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/systemd_sink.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cli/bangerd/daemon.h"
#include "cli/bangerd/manual_pages.h"
#include "cli/common/paths.h"
#include "drivers/effects/vmm_drivers.h"

namespace {

using namespace banger;

constexpr int kUsage = 2;
constexpr rlim_t kMostDescriptors = 65'536;

// To the journal with its fields where systemd runs us, else plain lines on stderr.
void set_up_logging(const std::string& level) {
  std::shared_ptr<spdlog::logger> logger;
  if (std::getenv("JOURNAL_STREAM")) {
    logger = std::make_shared<spdlog::logger>("bangerd", std::make_shared<spdlog::sinks::systemd_sink_mt>("bangerd"));
  } else {
    logger = std::make_shared<spdlog::logger>("bangerd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %l %v", spdlog::pattern_time_type::utc);
  }
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(logger);
}

// What this machine has bounds what a VM may ask for, unless the configuration says otherwise.
void limit_to_host(HostLimits& limits) {
  auto mib = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) >> 20;
  if (limits.max_memory_mib == 0) limits.max_memory_mib = mib;
  if (limits.max_disk_mib == 0) limits.max_disk_mib = 16ull << 20;  // 16 TiB: sparse, and bounded all the same
}

// A descriptor for each client and several for each VM: as many as we may have. VMMs inherit that, and it limits them less.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, kMostDescriptors);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) spdlog::warn("the limit of open files stays: {}", std::strerror(errno));
}

// Whoever started us waits for this line: "ready", or as our last "busy: ..." where another daemon serves the
// directory (so it is soon to be reached), or "error: ...".
void tell_starter(int fd, const std::string& line) {
  if (fd < 0) return;
  std::string text = line + "\n";
  [[maybe_unused]] ssize_t written = ::write(fd, text.data(), text.size());
  ::close(fd);
}

// "key = value" lines; `bangerctl doctor` reads them.
int print_settings(const bangerd::Config& config) {
  const std::pair<const char*, std::string> settings[] = {
      {"config", config.file},
      {"data_dir", config.data_dir},
      {"socket", config.socket},
      {"disk", std::string(disk::name_of(config.disk))},
      {"observer", bangerd::describe(config.observer)},
      {"vmm.kind", std::string(effects::name_of(config.vmm))},
      {"vmm.program", config.vmm_program},
      {"vmm.firecracker", config.firecracker_program},
      {"vmm.jailer", config.jailer},
      {"log.low_water_mib", std::to_string(config.low_water_mib)},
  };
  for (const auto& [key, value] : settings) std::printf("%s = %s\n", key, value.c_str());
  return 0;
}

int refuse_to_start(int ready_fd, const Error& error, int code) {
  std::fprintf(stderr, "bangerd: %s\n", error.message.c_str());
  bool busy = error.sys_errno == EWOULDBLOCK;
  tell_starter(ready_fd, (busy ? "busy: " : "error: ") + error.message);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  auto defaults = cli::default_paths();
  bangerd::Config config{.data_dir = defaults.data_dir, .socket = defaults.socket};
  std::string config_file, data_dir, socket;
  int ready_fd = -1;
  CLI::App app{"bangerd: keeps VMs as the event log says they should be"};
  app.add_option("--config", config_file, "configuration (default " + defaults.config_file + ", if it is there)");
  app.add_option("--data-dir", data_dir, "where everything is kept (default " + defaults.data_dir + ")");
  app.add_option("--socket", socket, "where clients connect (default " + defaults.socket + ")");
  app.add_option("--ready-fd", ready_fd, "write 'ready' or an error to this descriptor");
  bool check = false;
  app.add_flag("--check", check, "read the configuration, print what it comes to, and end");
  int manual_section = 0;
  app.add_option("--manual", manual_section, "print bangerd(8) or bangerd.toml(5), for man")
      ->check(CLI::IsMember({5, 8}))
      ->group("");
  app.set_version_flag("--version", std::string("bangerd ") + BANGER_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }

  if (manual_section != 0) {
    std::fputs(bangerd::manual_text(app, manual_section).c_str(), stdout);
    return 0;
  }
  ::umask(077);
  auto read = bangerd::read_config(config_file.empty() ? defaults.config_file : config_file, !config_file.empty(), config);
  if (!read) return refuse_to_start(ready_fd, read.error(), kUsage);
  if (!data_dir.empty()) config.data_dir = cli::absolute_path(data_dir);
  if (!socket.empty()) config.socket = cli::absolute_path(socket);
  if (check) return print_settings(config);
  limit_to_host(config.limits);
  set_up_logging(config.log_level);
  raise_descriptor_limit();

  const Layout layout{config.data_dir};
  auto lock = bangerd::take_data_dir(layout);
  if (!lock) return refuse_to_start(ready_fd, lock.error(), 1);
  auto ended = bangerd::serve(config, layout, [ready_fd] { tell_starter(ready_fd, "ready"); });
  if (!ended) return refuse_to_start(ready_fd, ended.error(), 1);
  return 0;
}
