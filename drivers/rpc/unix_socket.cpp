#include "drivers/rpc/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

namespace banger::rpc {
namespace {

constexpr int kBacklog = SOMAXCONN;

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail("the socket's path must have 1 to " + std::to_string(sizeof address.sun_path - 1) +
                " bytes, and has " + std::to_string(path.size()) + ": " + path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Whoever can write to the directory can put a socket of his own in our place.
Status prepare_directory(const std::string& directory, bool shared) {
  if (::mkdir(directory.c_str(), 0700) == 0) {
    if (shared && ::chmod(directory.c_str(), 0711) != 0) return fail_errno("chmod " + directory, errno);
  } else if (errno != EEXIST) {
    return fail_errno("create the socket's directory " + directory, errno);
  }
  struct stat info{};
  if (::lstat(directory.c_str(), &info) != 0) return fail_errno("look at " + directory, errno);
  if (!S_ISDIR(info.st_mode)) return fail("the socket's directory is not one: " + directory);
  if (info.st_uid != ::geteuid() && info.st_uid != 0) {
    return fail("the socket's directory belongs to somebody else: " + directory);
  }
  if ((info.st_mode & 0022) != 0) {
    return fail("others can write to the socket's directory: " + directory +
                "; choose one of your own, or chmod 0711 it");
  }
  if (shared && (info.st_mode & 0001) == 0) {
    return fail("the groups of [access] cannot pass the socket's directory: " + directory +
                "; chmod 0711 it, or choose another");
  }
  return {};
}

Fd new_socket() {
  return Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

Status remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return fail_errno("look at " + path, errno);
  }
  if (!S_ISSOCK(info.st_mode)) return fail("there is something else at the socket's path: " + path);
  const Fd probe = new_socket();
  if (!probe) return fail_errno("socket", errno);
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  // EAGAIN is a server with a full backlog, so only a refusal proves that nobody listens.
  if (::connect(probe.get(), raw, sizeof address) == 0 || errno != ECONNREFUSED) {
    return fail("a server already listens at " + path);
  }
  if (::unlink(path.c_str()) != 0) return fail_errno("remove the stale socket " + path, errno);
  return {};
}

// Those of the process when it connected, its primary one among them.
Result<std::vector<gid_t>> groups_of(int socket, gid_t primary) {
  std::vector<gid_t> groups(32);
  for (;;) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    const bool got = ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0;
    if (!got && errno != ERANGE) return fail_errno("SO_PEERGROUPS", errno);
    groups.resize(size / sizeof(gid_t));  // with ERANGE what it takes: 65536 at most (NGROUPS_MAX)
    if (!got) continue;
    groups.push_back(primary);
    return groups;
  }
}

}  // namespace

Result<Peer> peer_of(int socket, const Access& access) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return fail_errno("SO_PEERCRED", errno);
  }
  Peer peer{credentials.uid, credentials.gid, credentials.pid};
  const auto groups = groups_of(socket, peer.gid);
  if (!groups) return std::unexpected(groups.error());
  peer.role = access.role_of(peer.uid, *groups);
  return peer;
}

Result<ListeningSocket> ListeningSocket::open(const std::string& path, bool shared) {
  const auto address = address_of(path);
  if (!address) return std::unexpected(address.error());
  const std::string parent = std::filesystem::path(path).parent_path();
  BANGER_TRY(prepare_directory(parent.empty() ? "." : parent, shared));
  BANGER_TRY(remove_stale(path, *address));

  ListeningSocket result;
  Fd fd = new_socket();
  if (!fd) return fail_errno("socket", errno);
  // On Linux bind() gives the file the socket's own mode, less the umask: so it is never open to
  // more, not even for a moment, and chmod can only give what a umask took away.
  const mode_t mode = shared ? 0666 : 0600;
  if (::fchmod(fd.get(), mode) != 0) return fail_errno("fchmod a socket", errno);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return fail_errno("bind " + path, errno);
  }
  result.fd_ = std::move(fd);
  if (::lstat(path.c_str(), &result.made_) != 0) return fail_errno("look at " + path, errno);
  result.path_ = path;  // from here on the destructor removes it
  if (::chmod(path.c_str(), mode) != 0) return fail_errno("chmod " + path, errno);
  if (::listen(result.fd_.get(), kBacklog) != 0) return fail_errno("listen at " + path, errno);
  return result;
}

ListeningSocket::~ListeningSocket() {
  struct stat now{};
  if (!fd_ || path_.empty() || ::lstat(path_.c_str(), &now) != 0) return;
  if (now.st_dev == made_.st_dev && now.st_ino == made_.st_ino) ::unlink(path_.c_str());
}

}  // namespace banger::rpc
