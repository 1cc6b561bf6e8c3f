#include "drivers/guest/ssh_session.h"

#include <libssh/libssh.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "drivers/guest/tcp.h"

namespace banger::guest {
namespace {

using Key = std::unique_ptr<ssh_key_struct, decltype([](ssh_key key) { ssh_key_free(key); })>;

std::unexpected<SshError> fault(SshFault kind, std::string message) {
  return std::unexpected(SshError{kind, std::move(message)});
}

// "ssh-ed25519 AAAA... comment" as a key. Only ed25519 is ever made, so only that is pinned.
Key read_pinned(std::string_view line) {
  constexpr std::string_view kType = "ssh-ed25519 ";
  if (!line.starts_with(kType)) return nullptr;
  line.remove_prefix(kType.size());
  std::string blob(line.substr(0, line.find_first_of(" \r\n")));
  ssh_key key = nullptr;
  if (ssh_pki_import_pubkey_base64(blob.c_str(), SSH_KEYTYPE_ED25519, &key) != SSH_OK)
    return nullptr;
  return Key(key);
}

Key read_private(const std::string& text) {
  ssh_key key = nullptr;
  // The callback answers for a passphrase: without it libssh would ask on the terminal.
  auto no_passphrase = [](const char*, char*, size_t, int, int, void*) { return -1; };
  if (ssh_pki_import_privkey_base64(text.c_str(), nullptr, no_passphrase, nullptr, &key) !=
      SSH_OK) {
    return nullptr;
  }
  return Key(key);
}

bool set_options(ssh_session session, const SshTarget& target, int fd) {
  int off = 0;
  unsigned port = target.port;
  auto set = [session](ssh_options_e option, const void* value) {
    return ssh_options_set(session, option, value) == SSH_OK;
  };
  // libssh orders host key types by known_hosts even when nobody asks it to check: hence /dev/null.
  return set(SSH_OPTIONS_PROCESS_CONFIG, &off) && set(SSH_OPTIONS_KNOWNHOSTS, "/dev/null") &&
         set(SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null") && set(SSH_OPTIONS_SSH_DIR, "/dev/null") &&
         set(SSH_OPTIONS_HOST, target.host.c_str()) && set(SSH_OPTIONS_PORT, &port) &&
         set(SSH_OPTIONS_USER, target.user.c_str()) && set(SSH_OPTIONS_HOSTKEYS, "ssh-ed25519") &&
         set(SSH_OPTIONS_FD, &fd);
}

// Repeats a call of libssh until it is through. Returns SSH_AGAIN if the deadline came first.
template <class Step>
int drive(const SshSession& session, Deadline deadline, Step step, int again = SSH_AGAIN) {
  for (;;) {
    int rc = step();
    if (rc != again) return rc;
    if (!session.wait(deadline)) return again;
  }
}

SshResult<void> exchange_keys(const SshSession& session, Deadline deadline) {
  int rc = drive(session, deadline, [&] { return ssh_connect(session.raw()); });
  if (rc == SSH_OK) return {};
  bool spoke = ssh_get_serverbanner(session.raw()) != nullptr;
  if (rc == SSH_AGAIN && spoke) {
    return fault(SshFault::timed_out,
                 "the guest's ssh server did not finish the key exchange in time");
  }
  if (!spoke && (rc == SSH_AGAIN || !session.alive())) {
    return fault(SshFault::no_banner, "the connection was accepted, but no ssh server spoke");
  }
  return std::unexpected(session.error(SshFault::protocol, "ssh key exchange"));
}

SshResult<void> check_host_key(const SshSession& session, const Key& pinned) {
  ssh_key shown = nullptr;
  if (ssh_get_server_publickey(session.raw(), &shown) != SSH_OK) {
    return std::unexpected(session.error(SshFault::protocol, "ssh host key"));
  }
  Key theirs(shown);
  if (ssh_key_cmp(theirs.get(), pinned.get(), SSH_KEY_CMP_PUBLIC) != 0) {
    return fault(SshFault::wrong_host_key,
                 "the host key is not the one made for this VM: somebody else answers there");
  }
  return {};
}

SshResult<void> authenticate(const SshSession& session, const Key& key, Deadline deadline) {
  int rc = drive(
      session, deadline, [&] { return ssh_userauth_publickey(session.raw(), nullptr, key.get()); },
      SSH_AUTH_AGAIN);
  if (rc == SSH_AUTH_SUCCESS) return {};
  if (rc == SSH_AUTH_AGAIN)
    return fault(SshFault::timed_out, "the guest did not log us in in time");
  if (rc == SSH_AUTH_DENIED || rc == SSH_AUTH_PARTIAL) {
    return fault(SshFault::auth_refused, "the guest does not accept this VM's key");
  }
  return std::unexpected(session.error(SshFault::lost, "ssh login"));
}

}  // namespace

void SshSession::Free::operator()(ssh_session_struct* session) const {
  if (event != nullptr) {
    ssh_event_remove_session(event, session);
    ssh_event_free(event);
  }
  ssh_disconnect(session);
  ssh_free(session);
  // libssh closes a descriptor that it was given only if the connection got far enough. The inode
  // tells whether the number is still our socket, or by now something that another thread has
  // opened.
  struct stat now{};
  if (::fstat(fd, &now) == 0 && now.st_ino == inode) ::close(fd);
}

int SshSession::fd() const {
  return ssh_get_fd(session_.get());
}

short SshSession::poll_events() const {
  bool writing = (ssh_get_poll_flags(session_.get()) & SSH_WRITE_PENDING) != 0;
  return static_cast<short>(writing ? POLLIN | POLLOUT : POLLIN);
}

bool SshSession::wait(Deadline deadline) const {
  pollfd waiting{fd(), poll_events(), 0};
  for (;;) {
    int left = poll_timeout(deadline);
    if (left == 0) return false;  // also while data keeps coming
    int n = ::poll(&waiting, 1, left);
    if (n >= 0) return n > 0;
    if (errno != EINTR) return false;
  }
}

void SshSession::turn() const {
  // An error is a lost connection, which alive() tells.
  (void)ssh_event_dopoll(session_.get_deleter().event, 0);
}

bool SshSession::alive() const {
  return ssh_is_connected(session_.get()) != 0;
}

SshError SshSession::error(SshFault kind, std::string_view what) const {
  return {alive() ? kind : SshFault::lost,
          std::string(what) + ": " + ssh_get_error(session_.get())};
}

SshResult<SshSession> SshSession::connect(const SshTarget& target, Deadline deadline) {
  Key pinned = read_pinned(target.host_key);
  if (!pinned) return fault(SshFault::bad_key, "the pinned host key is not an ssh-ed25519 line");
  Key key = read_private(target.private_key);
  if (!key) return fault(SshFault::bad_key, "the VM's private key cannot be read");
  auto fd = tcp_connect(target.host, target.port, deadline);
  if (!fd) return fault(SshFault::unreachable, std::move(fd).error().message);
  struct stat socket{};
  ssh_session made = ssh_new();
  if (made == nullptr || ::fstat(*fd, &socket) != 0) {
    ::close(*fd);
    if (made != nullptr) ssh_free(made);
    return fault(SshFault::protocol, "libssh has no memory for a connection");
  }
  SshSession session(made);
  session.session_.get_deleter() = {nullptr, *fd, socket.st_ino};
  if (!set_options(session.raw(), target, *fd)) {
    return fault(SshFault::protocol, "libssh did not take the connection's options");
  }
  ssh_set_blocking(session.raw(), 0);
  auto done = exchange_keys(session, deadline);
  if (done) done = check_host_key(session, pinned);
  if (done) done = authenticate(session, key, deadline);
  if (!done) return std::unexpected(std::move(done).error());
  auto& event = session.session_.get_deleter().event;
  event = ssh_event_new();
  if (event == nullptr || ssh_event_add_session(event, session.raw()) != SSH_OK) {
    return fault(SshFault::protocol, "libssh has no memory for a connection");
  }
  return session;
}

}  // namespace banger::guest
