// Sandbox: a private banger of a test's own: data directory, socket, configuration, and a daemon that bangerctl
// starts by itself. Whatever a test does, leave() ends what is left, and proves that it was nothing.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace banger::e2e {

struct Ran {
  int code = -1;
  std::string out;
  std::string err;
};

// Where a sandbox lies that outlives its test (a guest that reboots), or whose programs lie elsewhere.
struct Place {
  std::string dir;                       // made where it is not there, a new one where empty; leave() removes it
  std::string bin;                       // bangerctl and bangerd
  std::vector<std::string> environment;  // for these, "NAME=VALUE"
};

class Sandbox {
 public:
  // `config` is put into its banger.toml.
  explicit Sandbox(const std::string& config);
  Sandbox(const std::string& config, Place place);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  // bangerctl with these words, to its end.
  [[nodiscard]] Ran ctl(const std::vector<std::string>& words, const std::string& input = "") const;
  // A line as a user types it in the sandbox's directory, with bangerctl in PATH; stderr comes with stdout.
  [[nodiscard]] Ran shell(const std::string& line) const;
  // As ctl(), begun only; finish() waits for it.
  [[nodiscard]] pid_t begin(const std::vector<std::string>& words, const std::string& log) const;
  [[nodiscard]] static int finish(pid_t child);
  // What `-o json` printed, parsed. Fails the test where the command failed.
  [[nodiscard]] nlohmann::json json(std::vector<std::string> words) const;

  [[nodiscard]] const std::string& dir() const { return place_.dir; }
  [[nodiscard]] std::string data() const { return place_.dir + "/data"; }
  // The daemon's pid by its lock, 0 where none holds it.
  [[nodiscard]] pid_t daemon() const;
  // SIGKILL, and waits until it is gone.
  void kill_daemon() const;
  // Processes whose argv names this sandbox, by pid; programs by their base name.
  [[nodiscard]] std::map<pid_t, std::string> processes() const;
  [[nodiscard]] std::vector<pid_t> processes_of(const std::string& program) const;

  // Makes a small image that only a stand-in VMM will boot.
  void make_stub_image(const std::string& name = "base") const;
  // Stops the daemon, then says what is left: processes, files of VMs. Empty is as it should be.
  [[nodiscard]] std::string leave();

 private:
  [[nodiscard]] std::vector<std::string> words_of(const std::vector<std::string>& words) const;
  [[nodiscard]] std::vector<std::string> environment() const;

  Place place_;
  bool left_ = false;
};

// Waits for `holds` to be true, looking every few milliseconds, for at most a minute: for things that end by
// themselves and that nothing announces.
[[nodiscard]] bool eventually(const std::function<bool()>& holds);

}  // namespace banger::e2e
