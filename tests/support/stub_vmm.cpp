// banger-stub-vmm: a process that stands in for a VMM in tests of everything around one. It takes
// QEMU's argv and heeds what the outside can see of it: the QMP socket (one client at a time, as
// with QEMU), the pidfile, the forwarded ports (the guest's port 22 greets like an ssh server), the
// console. Everything else in argv is ignored. Never outlives --max-seconds, so that a leaked one
// ends by itself. As QEMU does, it holds its disks and its tap open for as long as it runs, and does not come up without them.
//
//   --api-sock PATH | -qmp unix:PATH,...    --id NAME | -name NAME    -pidfile PATH
//   -netdev user,...,hostfwd=tcp:ADDR:PORT-:GUEST    -netdev tap,...,ifname=NAME
//   -chardev file,...,path=PATH    -drive ...,file=PATH[,readonly=on]
//   --start-delay-ms N      before anything of it can be seen but the process
//   --die-at-start          ends with a complaint before anything of it can be seen
//   --ignore-powerdown      a guest that does not obey the power button
//   --flood-console-mib N   on SIGUSR2 the guest writes so much to its console, as fast as it is read, and then a last line
//   --max-seconds N         600
//
// The same options, blank-separated, are taken from BANGER_STUB_VMM, for callers that don't make
// the argv. SIGUSR1: the guest switches itself off.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxLine = 64 * 1024;
constexpr std::size_t kMaxVisitors = 64;

struct Forward {
  std::string address;
  std::uint16_t port = 0;
  bool ssh = false;
};

struct Drive {
  std::string path;
  bool read_only = false;
};

struct Options {
  std::string api_socket;
  std::string pidfile;
  std::string console;
  std::vector<Drive> drives;
  std::string tap;
  std::vector<Forward> forwards;
  unsigned start_delay_ms = 0;
  unsigned max_seconds = 600;
  std::uint64_t flood_bytes = 0;  // of a flood that is asked for
  bool ignore_powerdown = false;
  bool die_at_start = false;
};

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "banger-stub-vmm: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

// QEMU's option lists: a comma ends a part, and two of them stand for one.
std::vector<std::string> parts_of(const std::string& value) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != ',') {
      parts.back() += value[i];
    } else if (i + 1 < value.size() && value[i + 1] == ',') {
      parts.back() += value[i++];
    } else {
      parts.emplace_back();
    }
  }
  return parts;
}

// "hostfwd=tcp:ADDR:PORT-:GUEST"
void add_forward(const std::string& part, std::vector<Forward>& forwards) {
  constexpr std::string_view kHead = "hostfwd=tcp:";
  if (!part.starts_with(kHead)) return;
  auto port = part.find(':', kHead.size());
  auto guest = part.find("-:", port);
  if (port == std::string::npos || guest == std::string::npos) return;
  forwards.push_back({part.substr(kHead.size(), port - kHead.size()),
                      static_cast<std::uint16_t>(std::stoul(part.substr(port + 1))),
                      part.substr(guest + 2) == "22"});
}

Drive read_drive(const std::vector<std::string>& parts) {
  Drive drive;
  for (const std::string& part : parts) {
    if (part.starts_with("file=")) drive.path = part.substr(5);
    if (part == "readonly=on") drive.read_only = true;
  }
  return drive;
}

Options parse(const std::vector<std::string>& argv) {
  Options options;
  for (std::size_t i = 0; i < argv.size(); ++i) {
    const std::string& flag = argv[i];
    if (flag == "--ignore-powerdown") options.ignore_powerdown = true;
    if (flag == "--die-at-start") options.die_at_start = true;
    if (i + 1 == argv.size()) break;
    const std::string& value = argv[i + 1];
    if (flag == "--api-sock") options.api_socket = value;
    if (flag == "-qmp") options.api_socket = parts_of(value).front().substr(5);  // after "unix:"
    if (flag == "-pidfile") options.pidfile = value;
    if (flag == "--start-delay-ms") options.start_delay_ms = std::stoul(value);
    if (flag == "--flood-console-mib") options.flood_bytes = std::stoull(value) << 20;
    if (flag == "--max-seconds") options.max_seconds = std::stoul(value);
    if (flag == "-drive") options.drives.push_back(read_drive(parts_of(value)));
    for (const std::string& part : parts_of(value)) {
      if (flag == "-netdev") add_forward(part, options.forwards);
      if (flag == "-netdev" && part.starts_with("ifname=")) options.tap = part.substr(7);
      if (flag == "-chardev" && part.starts_with("path=")) options.console = part.substr(5);
    }
  }
  return options;
}

int listen_unix(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    give_up(path);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  ::unlink(path.c_str());
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) give_up(path);
  if (::listen(fd, 8) != 0) give_up(path);
  return fd;
}

int listen_tcp(const Forward& forward) {
  sockaddr_in address{
      .sin_family = AF_INET, .sin_port = htons(forward.port), .sin_addr = {}, .sin_zero = {}};
  ::inet_pton(AF_INET, forward.address.c_str(), &address.sin_addr);
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  std::string what =
      "Could not set up host forwarding rule for port " + std::to_string(forward.port);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) give_up(what);
  if (::listen(fd, 8) != 0) give_up(what);
  return fd;
}

// The descriptor is what keeps the disk, or the tap, busy: it is never closed.
void hold_drive(const Drive& drive) {
  if (::open(drive.path.c_str(), (drive.read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC) < 0) give_up(drive.path);
}

// A tap that is there and nobody's (persistent), as banger makes it; IFF_VNET_HDR as QEMU asks for it.
void hold_tap(const std::string& name) {
  const int fd = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (name.size() >= sizeof request.ifr_name) errno = ENAMETOOLONG;
  if (fd < 0 || name.size() >= sizeof request.ifr_name) give_up(name);
  std::memcpy(request.ifr_name, name.c_str(), name.size());
  if (::ioctl(fd, TUNSETIFF, &request) != 0) give_up(name);
}

class Stub {
 public:
  explicit Stub(Options options) : options_(std::move(options)) {}

  int run() {
    sigset_t ends;
    sigemptyset(&ends);
    for (int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&ends, number);
    sigprocmask(SIG_BLOCK, &ends, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    signals_ = ::signalfd(-1, &ends, SFD_CLOEXEC);
    ::alarm(options_.max_seconds);
    pollfd before{signals_, POLLIN, 0};
    if (::poll(&before, 1, static_cast<int>(options_.start_delay_ms)) == 1) return 0;
    if (options_.die_at_start) {
      std::fputs("banger-stub-vmm: the test wants it to die\n", stderr);
      return 1;
    }
    come_up();
    while (!done_) turn();
    ::unlink(options_.api_socket.c_str());
    if (!options_.pidfile.empty()) ::unlink(options_.pidfile.c_str());
    return 0;
  }

 private:
  void come_up() {
    for (const Drive& drive : options_.drives) hold_drive(drive);
    if (!options_.tap.empty()) hold_tap(options_.tap);
    for (const Forward& forward : options_.forwards) forwards_.push_back(listen_tcp(forward));
    if (!options_.pidfile.empty()) {
      FILE* file = std::fopen(options_.pidfile.c_str(), "we");
      if (!file) give_up(options_.pidfile);
      std::fprintf(file, "%d\n", ::getpid());
      std::fclose(file);
    }
    if (!options_.console.empty()) {
      // For reading too, so that a FIFO without a reader does not hold us up.
      console_ = ::open(options_.console.c_str(),
                        O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0600);
      if (console_ < 0) give_up(options_.console);
      constexpr std::string_view kHello = "banger-stub-vmm: up\r\n";
      if (::write(console_, kHello.data(), kHello.size()) < 0) give_up(options_.console);
    }
    if (!options_.api_socket.empty()) listener_ = listen_unix(options_.api_socket);
  }

  void turn() {
    const short flood = flood_left_ > 0 ? POLLOUT : 0;
    std::vector<pollfd> fds{{signals_, POLLIN, 0}, {client_ < 0 ? listener_ : client_, POLLIN, 0}, {console_, flood, 0}};
    for (int fd : forwards_) fds.push_back({fd, POLLIN, 0});
    for (int fd : visitors_) fds.push_back({fd, POLLIN, 0});
    if (::poll(fds.data(), fds.size(), -1) < 0) return;
    if (fds[0].revents != 0) return heed_signal();
    if (fds[1].revents != 0) client_ < 0 ? welcome() : hear();
    if ((fds[2].revents & POLLOUT) != 0) flood_console();
    std::size_t at = 3;
    for (std::size_t i = 0; i < forwards_.size(); ++i, ++at) {
      if (fds[at].revents != 0) visit(forwards_[i], options_.forwards[i].ssh);
    }
    for (; at < fds.size(); ++at) {
      if (fds[at].revents != 0) hear_visitor(fds[at].fd);
    }
  }

  // An endless line, until it is enough.
  void flood_console() {
    static const std::string kChunk(64 * 1024, 'x');
    const ssize_t written = ::write(console_, kChunk.data(), std::min<std::uint64_t>(kChunk.size(), flood_left_));
    if (written > 0) flood_left_ -= static_cast<std::uint64_t>(written);
    if (flood_left_ > 0) return;
    constexpr std::string_view kEnd = "\r\nbanger-stub-vmm: dry\r\n";
    if (::write(console_, kEnd.data(), kEnd.size()) < 0) flood_left_ = 1;  // no room: once more
  }

  void heed_signal() {
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof info) != sizeof info) give_up("read a signal");
    if (info.ssi_signo == SIGUSR2) {
      flood_left_ = options_.flood_bytes;
      return;
    }
    info.ssi_signo == SIGUSR1 ? shut_down(true, "guest-shutdown") : shut_down(false, "host-signal");
  }

  void say(const Json& message) {
    std::string line = message.dump() + "\r\n";
    if (client_ >= 0) (void)::send(client_, line.data(), line.size(), MSG_NOSIGNAL);
  }

  void say_event(const char* name, Json data) {
    say({{"event", name},
         {"data", std::move(data)},
         {"timestamp", {{"seconds", ::time(nullptr)}, {"microseconds", 0}}}});
  }

  void welcome() {
    client_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    partial_.clear();
    Json version{{"qemu", {{"major", 7}, {"minor", 2}, {"micro", 0}}},
                 {"package", "banger-stub-vmm"}};
    say({{"QMP", {{"version", version}, {"capabilities", Json::array()}}}});
  }

  void hear() {
    char bytes[4096];
    ssize_t got = ::read(client_, bytes, sizeof bytes);
    if (got > 0) partial_.append(bytes, static_cast<std::size_t>(got));
    for (auto end = partial_.find('\n'); end != std::string::npos && !done_;
         end = partial_.find('\n')) {
      obey(partial_.substr(0, end));
      partial_.erase(0, end + 1);
    }
    if (got > 0 && partial_.size() <= kMaxLine) return;
    ::close(client_);
    client_ = -1;
  }

  void obey(const std::string& line) {
    Json command = Json::parse(line, nullptr, false);
    std::string name = command.is_object() ? command.value("execute", "") : "";
    Json answer{{"return", Json::object()}};
    if (command.is_object() && command.contains("id")) answer["id"] = command["id"];
    if (name == "query-status") {
      answer["return"] = {{"status", "running"}, {"running", true}, {"singlestep", false}};
    } else if (name != "qmp_capabilities" && name != "system_powerdown" && name != "quit") {
      answer.erase("return");
      answer["error"] = {{"class", "CommandNotFound"}, {"desc", "the stub has no command " + name}};
    }
    say(answer);
    if (name == "system_powerdown") {
      say_event("POWERDOWN", Json::object());
      if (!options_.ignore_powerdown) shut_down(true, "guest-shutdown");
    }
    if (name == "quit") shut_down(false, "host-qmp-quit");
  }

  void shut_down(bool by_guest, const char* reason) {
    say_event("SHUTDOWN", {{"guest", by_guest}, {"reason", reason}});
    done_ = true;
  }

  void visit(int listener, bool ssh) {
    int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    constexpr std::string_view kBanner = "SSH-2.0-stub\r\n";
    if (ssh) (void)::send(fd, kBanner.data(), kBanner.size(), MSG_NOSIGNAL);
    visitors_.push_back(fd);
    if (visitors_.size() > kMaxVisitors) leave(visitors_.front());
  }

  // Whatever a visitor says is thrown away, until it goes.
  void hear_visitor(int fd) {
    char bytes[4096];
    if (::read(fd, bytes, sizeof bytes) <= 0) leave(fd);
  }

  void leave(int fd) {
    if (std::erase(visitors_, fd) != 0) ::close(fd);
  }

  Options options_;
  int signals_ = -1;
  int console_ = -1;
  std::uint64_t flood_left_ = 0;
  int listener_ = -1;
  int client_ = -1;
  std::vector<int> forwards_;
  std::vector<int> visitors_;
  std::string partial_;
  bool done_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (const char* more = std::getenv("BANGER_STUB_VMM")) {
    std::istringstream stream(more);
    for (std::string word; stream >> word;) words.push_back(word);
  }
  return Stub(parse(words)).run();
}
