#include "cli/banger-guest/options.h"

#include <fcntl.h>
#include <getopt.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace banger::guest {
namespace {

constexpr size_t kMaxKeyBytes = 16 * 1024;

template <class T>
Result<T> number(std::string_view name, std::string_view text, T least, T most) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    return fail("--" + std::string(name) + " takes a number from " + std::to_string(least) +
                " to " + std::to_string(most));
  }
  return value;
}

// pread: the descriptor is shared with whoever opened it, and so is its offset.
Result<std::string> read_key(int fd) {
  std::string key(kMaxKeyBytes, '\0');
  ssize_t n = ::pread(fd, key.data(), key.size(), 0);
  if (n < 0) return fail_errno("read the VM's key", errno);
  key.resize(static_cast<size_t>(n));
  return key;
}

Result<std::string> read_key_file(const char* path) {
  int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail_errno("open the VM's key", errno);
  auto key = read_key(fd);
  ::close(fd);
  return key;
}

template <class T>
Status store(T& to, Result<T> value) {
  if (!value) return std::unexpected(std::move(value).error());
  to = *std::move(value);
  return {};
}

enum Flag {
  kHost = 1,
  kPort,
  kUser,
  kKeyFd,
  kKeyFile,
  kHostKey,
  kExecId,
  kTimeout,
  kTty,
  kInteractive,
  kEnv,
  kCwd,
  kRunAs,
  kStateDir,
  kConnectTimeout,
  kOutcomeFd,
  kDieWithParent
};

constexpr option kFlags[] = {{"host", required_argument, nullptr, kHost},
                             {"port", required_argument, nullptr, kPort},
                             {"user", required_argument, nullptr, kUser},
                             {"key-fd", required_argument, nullptr, kKeyFd},
                             {"key-file", required_argument, nullptr, kKeyFile},
                             {"host-key", required_argument, nullptr, kHostKey},
                             {"exec-id", required_argument, nullptr, kExecId},
                             {"timeout", required_argument, nullptr, kTimeout},
                             {"tty", no_argument, nullptr, kTty},
                             {"interactive", no_argument, nullptr, kInteractive},
                             {"env", required_argument, nullptr, kEnv},
                             {"cwd", required_argument, nullptr, kCwd},
                             {"run-as", required_argument, nullptr, kRunAs},
                             {"state-dir", required_argument, nullptr, kStateDir},
                             {"connect-timeout", required_argument, nullptr, kConnectTimeout},
                             {"outcome-fd", required_argument, nullptr, kOutcomeFd},
                             {"die-with-parent", no_argument, nullptr, kDieWithParent},
                             {nullptr, 0, nullptr, 0}};

Status apply_target(Options& options, int flag, const char* value) {
  int fd = -1;
  switch (static_cast<Flag>(flag)) {
    case kHost:
      options.target.host = value;
      return {};
    case kPort:
      return store(options.target.port, number<uint16_t>("port", value, 1, 65535));
    case kUser:
      options.target.user = value;
      return {};
    case kHostKey:
      options.target.host_key = value;
      return {};
    case kKeyFile:
      return store(options.target.private_key, read_key_file(value));
    case kKeyFd:
      BANGER_TRY(store(fd, number<int>("key-fd", value, 0, 1 << 20)));
      return store(options.target.private_key, read_key(fd));
    default:
      return fail("unknown option");
  }
}

Status apply(Options& options, int flag, const char* value) {
  switch (static_cast<Flag>(flag)) {
    case kExecId:
      options.exec.id = value;
      return {};
    case kTimeout:
      return store(options.exec.timeout_s, number<uint32_t>("timeout", value, 1, 30 * 86400));
    case kTty:
      options.exec.tty = true;
      return {};
    case kInteractive:
      options.interactive = true;
      return {};
    case kEnv:
      options.exec.env.emplace_back(value);
      return {};
    case kCwd:
      options.exec.cwd = value;
      return {};
    case kRunAs:
      options.exec.run_as = value;
      return {};
    case kStateDir:
      options.exec.state_dir = value;
      return {};
    case kConnectTimeout:
      return store(options.connect_timeout_s, number<int>("connect-timeout", value, 1, 3600));
    case kOutcomeFd:
      return store(options.outcome_fd, number<int>("outcome-fd", value, 0, 1 << 20));
    case kDieWithParent:
      options.die_with_parent = true;
      return {};
    default:
      return apply_target(options, flag, value);
  }
}

}  // namespace

Result<Options> parse_options(int argc, char** argv) {
  constexpr const char* kUsage =
      "usage: banger-guest exec|shell --host A --port N --host-key LINE "
      "--key-fd N [options] [-- command...]";
  Options options;
  if (argc < 2) return fail(kUsage);
  if (std::strcmp(argv[1], "shell") == 0) {
    options.verb = Options::Verb::shell;
  } else if (std::strcmp(argv[1], "exec") != 0) {
    return fail(kUsage);
  }
  opterr = 0;
  optind = 2;
  for (;;) {
    int index = -1;
    // "+": the first word that is no option ends them, so the command's own flags stay its own.
    int flag = ::getopt_long(argc, argv, "+", kFlags, &index);
    if (flag == -1) break;
    if (index < 0) return fail(std::string("not an option of banger-guest: ") + argv[optind - 1]);
    if (auto done = apply(options, flag, optarg); !done) {
      return std::unexpected(std::move(done).error());
    }
  }
  options.exec.argv.assign(argv + optind, argv + argc);
  if (options.target.host.empty() || options.target.host_key.empty() ||
      options.target.private_key.empty()) {
    return fail(kUsage);
  }
  return options;
}

}  // namespace banger::guest
