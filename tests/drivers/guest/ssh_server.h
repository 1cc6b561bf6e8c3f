// A dropbear of the tests' own on a free loopback port, in a mount namespace where /etc/passwd
// gives its one user a private home. Ended and removed by its destructor; shows nothing to the
// machine but the port.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "drivers/guest/keys.h"
#include "drivers/guest/ssh_session.h"

namespace banger::guest {

// A directory of its own under /tmp, removed with all that is in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A listening loopback socket that accepts (by its backlog) and never says a word.
class SilentServer {
 public:
  SilentServer();
  ~SilentServer();
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
  uint16_t port_ = 0;
};

class SshServer {
 public:
  SshServer();
  ~SshServer();
  SshServer(const SshServer&) = delete;
  SshServer& operator=(const SshServer&) = delete;

  [[nodiscard]] SshTarget target() const;
  [[nodiscard]] const std::string& home() const { return home_; }
  [[nodiscard]] const KeyPair& host_key() const { return host_; }
  [[nodiscard]] std::string state_dir() const { return dir_.path() + "/state"; }
  [[nodiscard]] std::string log() const;
  // Kills the server's processes that serve a connection; the listener stays.
  void drop_connections() const;
  // Kills the listener too.
  void stop();

 private:
  TempDir dir_;
  std::string home_;
  KeyPair host_;
  KeyPair client_;
  std::string user_;
  uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace banger::guest
