#include "cli/bangerctl/daemon_start.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "cli/bangerctl/spawn.h"

namespace banger::ctl {
namespace {

constexpr std::size_t kMaxLine = 4096;

// The directory and those above it; only the last is made private, as the daemon wants it.
Status make_private_directory(const std::string& path) {
  for (std::size_t end = path.find('/', 1); end != std::string::npos;
       end = path.find('/', end + 1)) {
    if (::mkdir(path.substr(0, end).c_str(), 0755) != 0 && errno != EEXIST) {
      return fail_errno("make directory " + path.substr(0, end), errno);
    }
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail_errno("make directory " + path, errno);
  }
  return {};
}

// Up to the line's end, or what came before the daemon closed the pipe.
kj::Promise<std::string> read_line(kj::AsyncInputStream& in, std::string line) {
  auto byte = kj::heapArray<char>(256);
  auto read = in.tryRead(byte.begin(), 1, byte.size());
  return read.then([&in, byte = kj::mv(byte),
                    line = kj::mv(line)](std::size_t size) mutable -> kj::Promise<std::string> {
    line.append(byte.begin(), size);
    const auto end = line.find('\n');
    if (end != std::string::npos) line.resize(end);
    if (size == 0 || end != std::string::npos || line.size() > kMaxLine) return kj::mv(line);
    return read_line(in, kj::mv(line));
  });
}

Failure not_started(std::string why, const DaemonStart& start) {
  return {kNoDaemon, "the daemon did not start: " + std::move(why), "see " + daemon_log(start)};
}

}  // namespace

std::string daemon_log(const DaemonStart& start) {
  return start.data_dir + "/bangerd.log";
}

Answer<Started> start_daemon(kj::AsyncIoContext& io, const DaemonStart& start) {
  const auto refuse = [](Error error) {
    return std::unexpected(
        Failure{kNoDaemon, "no daemon runs, and none can be started: " + error.message});
  };
  auto program = find_program("bangerd");
  if (!program) return refuse(std::move(program).error());
  if (auto made = make_private_directory(start.data_dir); !made)
    return refuse(std::move(made).error());
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return refuse(fail_errno("make a pipe", errno).error());
  kj::AutoCloseFd ours(ends[0]);
  kj::AutoCloseFd theirs(ends[1]);

  Spawn what{.program = *program,
             .args = {"--socket", start.socket, "--ready-fd", std::to_string(kFirstPassed)},
             .pass = {theirs.get()},
             .detached = true,
             .log = daemon_log(start)};
  if (start.pass_data_dir) what.args.insert(what.args.end(), {"--data-dir", start.data_dir});
  if (!start.config.empty()) what.args.insert(what.args.end(), {"--config", start.config});
  if (auto pid = spawn(what); !pid) return refuse(std::move(pid).error());
  theirs = kj::AutoCloseFd();  // so that the daemon's end is the only one

  auto in = io.lowLevelProvider->wrapInputFd(kj::mv(ours));
  std::string line;
  try {
    line = io.provider->getTimer()
               .timeoutAfter(kReadyTimeoutS * kj::SECONDS, read_line(*in, {}))
               .wait(io.waitScope);
  } catch (const kj::Exception&) {
    return std::unexpected(
        not_started("it is not ready after " + std::to_string(kReadyTimeoutS) + " s", start));
  }
  if (line == "ready") return Started::kReady;
  if (line.starts_with("busy: ")) return Started::kBusy;
  constexpr std::string_view kError = "error: ";
  if (line.starts_with(kError))
    return std::unexpected(not_started(line.substr(kError.size()), start));
  return std::unexpected(not_started("it ended without a word", start));
}

}  // namespace banger::ctl
