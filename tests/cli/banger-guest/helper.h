// banger-guest as bangerctl starts it, against the tests' own dropbear.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/drivers/guest/child.h"
#include "tests/drivers/guest/ssh_server.h"

namespace banger::guest {

class Helper {
 public:
  explicit Helper(const SshServer& server) : target_(server.target()), server_(server) {
    (void)write_private_file(key(), target_.private_key);
  }
  void use_port(uint16_t port) { target_.port = port; }
  void use_host_key(std::string line) { target_.host_key = std::move(line); }

  // Words for the program: `flags`, then "--" and the command where there is one.
  [[nodiscard]] std::vector<std::string> words(const std::string& verb,
                                               std::vector<std::string> flags,
                                               const std::vector<std::string>& command) {
    char id[17];
    std::snprintf(id, sizeof id, "%016x", ++next_);
    std::vector<std::string> all{BANGER_GUEST_PROGRAM,
                                 verb,
                                 "--host",
                                 target_.host,
                                 "--port",
                                 std::to_string(target_.port),
                                 "--user",
                                 target_.user,
                                 "--key-file",
                                 key(),
                                 "--host-key",
                                 target_.host_key,
                                 "--exec-id",
                                 id,
                                 "--state-dir",
                                 server_.state_dir(),
                                 "--outcome-fd",
                                 "9"};
    all.insert(all.end(), flags.begin(), flags.end());
    all.emplace_back("--");
    all.insert(all.end(), command.begin(), command.end());
    return all;
  }
  [[nodiscard]] std::unique_ptr<Child> start(std::vector<std::string> flags,
                                             const std::vector<std::string>& command, int tty = -1,
                                             const std::string& verb = "exec") {
    int fd = ::open(outcome_file().c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    Child::Options options;
    options.tty = tty;
    options.extra = fd;
    auto child = std::make_unique<Child>(words(verb, std::move(flags), command), options);
    ::close(fd);
    return child;
  }
  [[nodiscard]] Output run(std::vector<std::string> flags, const std::vector<std::string>& command,
                           std::string_view input = {}) {
    return start(std::move(flags), command)->finish(input);
  }
  // The line of JSON that the last run wrote.
  [[nodiscard]] nlohmann::json outcome() const {
    return nlohmann::json::parse(std::ifstream(outcome_file()));
  }

 private:
  [[nodiscard]] std::string key() const { return dir_.path() + "/key"; }
  [[nodiscard]] std::string outcome_file() const { return dir_.path() + "/outcome"; }
  TempDir dir_;
  SshTarget target_;
  const SshServer& server_;
  int next_ = 0;
};

}  // namespace banger::guest
