// A daemon for one benchmark: data directory, socket and configuration of its own. Stopped, with
// its directory removed, when the benchmark ends. Also starts the programs whose time is taken.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "events/result.h"

namespace banger::bench {

class PrivateDaemon {
 public:
  // Below `dir`, with these lines as its banger.toml. Serves when this returns.
  [[nodiscard]] static Result<std::unique_ptr<PrivateDaemon>> start(const std::string& dir,
                                                                    const std::string& config);
  PrivateDaemon(const PrivateDaemon&) = delete;
  PrivateDaemon& operator=(const PrivateDaemon&) = delete;
  ~PrivateDaemon();

  // What bangerctl printed; an Error unless it exits with 0.
  [[nodiscard]] Result<std::string> ctl(const std::vector<std::string>& words,
                                        std::chrono::seconds deadline) const;
  // bangerctl's path and these words, for a start whose time is taken. It finds this daemon by the
  // environment.
  [[nodiscard]] static std::vector<std::string> argv(const std::vector<std::string>& words);
  [[nodiscard]] const std::vector<std::string>& environment() const { return environment_; }
  [[nodiscard]] std::string data_dir() const { return dir_ + "/data"; }
  [[nodiscard]] std::string socket() const { return dir_ + "/run/bangerd.sock"; }
  // Of the daemon that runs now.
  [[nodiscard]] Result<pid_t> pid() const;
  // Its resident memory that is its own (RssAnon); what it maps of files is the page cache's.
  [[nodiscard]] Result<double> own_mib() const;
  // For VMs that are never started: an image with nothing in it.
  [[nodiscard]] Status import_stub_image(const std::string& name) const;

 private:
  explicit PrivateDaemon(std::string dir);
  std::string dir_;
  std::vector<std::string> environment_;
};

// posix_spawn(3) with stdin from nowhere and stdout and stderr to these descriptors.
[[nodiscard]] Result<pid_t> spawn(const std::vector<std::string>& argv,
                                  const std::vector<std::string>& environment, int out, int err);
// An Error unless it ends with 0. Reaps it.
[[nodiscard]] Status await_success(pid_t child, const std::string& what);

}  // namespace banger::bench
