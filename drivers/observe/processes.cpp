#include "drivers/observe/processes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <climits>

#include "drivers/host/directory_stream.h"
#include "drivers/observe/process.h"

namespace banger::observe {
namespace {

constexpr std::size_t kMaxArgvBytes = 64 * 1024;  // QEMU's, with 64 ports published, takes 6 KiB
constexpr std::size_t kMaxStatusBytes = 8 * 1024;
constexpr std::size_t kMaxStatBytes = 4096;

// What one process has to do with us.
enum class Verdict {
  kNotOurs,
  kGone,  // it ended while we looked
  kOurs,
  kCannotTell,  // it has the argument, but the rest of the proof could not be read
  kLookFailed,  // neither this process nor the next one can be read: out of descriptors or memory
};

struct Found {
  Verdict verdict = Verdict::kNotOurs;
  VmId vm;
  VmmSighting sighting;
};

Verdict verdict_of(int error) {
  switch (error) {
    case ENOENT:
    case ESRCH:
      return Verdict::kGone;
    case EACCES:
    case EPERM:
      return Verdict::kNotOurs;  // /proc mounted with hidepid: another user's
    default:
      return Verdict::kLookFailed;
  }
}

// QEMU's `unix:PATH,server=on,...`: the path ends at a comma, and two commas stand for one in it.
std::string socket_path(std::string_view argument) {
  constexpr std::string_view kUnix = "unix:";
  if (!argument.starts_with(kUnix)) return std::string(argument);
  argument.remove_prefix(kUnix.size());
  std::string path;
  for (std::size_t i = 0; i < argument.size(); ++i) {
    if (argument[i] == ',' && (i + 1 == argument.size() || argument[++i] != ',')) break;
    path += argument[i];
  }
  return path;
}

struct Claim {
  VmId vm;  // none: no API socket of this layout is named
  std::uint32_t incarnation = 0;
  VmmKind kind = VmmKind::kQemu;
  bool jailed = false;  // the socket is the one of any jail: whose it is, only the jail itself proves
};

Claim read_argv(const Layout& layout, std::string_view argv) {
  Claim claim;
  std::optional<VmmName> name;
  std::string_view flag;
  while (!argv.empty()) {
    std::string_view argument = argv.substr(0, argv.find('\0'));
    argv.remove_prefix(std::min(argv.size(), argument.size() + 1));
    if (!claim.vm && (flag == "-qmp" || flag == "--api-sock")) {
      claim.vm = vm_of_api_socket(layout, socket_path(argument));
      claim.kind = flag == "-qmp" ? VmmKind::kQemu : VmmKind::kFirecracker;
      claim.jailed = claim.kind == VmmKind::kFirecracker && argument == kJailApiSocket;
    }
    if (!name && (flag == "-name" || flag == "--id")) name = parse_vmm_name(argument);
    flag = argument;
  }
  if (claim.jailed && name) claim.vm = name->vm;
  if (name && name->vm == claim.vm) claim.incarnation = name->incarnation;
  return claim;
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_vmm(std::string_view executable, const std::vector<std::string>& programs) {
  return std::ranges::any_of(programs, [&](std::string_view program) {
    return program == (program.contains('/') ? executable : base_name(executable));
  });
}

// Whether the process has that directory for its root: only root can have put it there, and only into a jail of
// ours. By the inode: what the kernel says of the path is as seen from inside.
bool has_root(int process, const std::string& jail) {
  struct stat inside {}, outside {};
  return ::fstatat(process, "root", &inside, 0) == 0 && ::stat(jail.c_str(), &outside) == 0 &&
         inside.st_dev == outside.st_dev && inside.st_ino == outside.st_ino;
}

// The effective uid, from "Uid:\treal\teffective\t...". The owner of /proc/PID itself is root's for
// a process that may not be dumped, so that would not do.
std::optional<uid_t> effective_uid(std::string_view status) {
  auto line = status.find("\nUid:\t");
  auto tab = line == std::string_view::npos ? line : status.find('\t', line + 6);
  if (tab == std::string_view::npos) return std::nullopt;
  uid_t uid = 0;
  auto [end, error] = std::from_chars(status.data() + tab + 1, status.data() + status.size(), uid);
  if (error != std::errc()) return std::nullopt;
  return uid;
}

// The proof for a process whose argv claims to be a VM's. `process` is its directory in /proc,
// opened before the argv was read: it never comes to mean another process, even when the pid does.
Found prove(int process, std::int32_t pid, const Claim& claim, const Layout& layout, BootId boot,
            const Where& where) {
  Found found{.verdict = Verdict::kCannotTell, .vm = claim.vm};
  std::string jail;
  auto read_error = [&](int error) {
    Verdict verdict = verdict_of(error);
    found.verdict = verdict == Verdict::kNotOurs ? Verdict::kCannotTell : verdict;
    return found;
  };
  if (!claim.jailed) {
    auto status = read_at(process, "status", kMaxStatusBytes);
    if (!status) return read_error(status.error().sys_errno);
    auto uid = effective_uid(*status);
    if (!uid) return found;
    if (*uid != ::geteuid()) return {};
  }
  char link[PATH_MAX];
  ssize_t length = ::readlinkat(process, "exe", link, sizeof link);
  // What claims to be in a jail may be anybody's: of one that cannot be looked into nothing follows for the VM.
  if (length < 0 && claim.jailed) return {};
  if (length < 0) return read_error(errno);
  constexpr std::string_view kDeleted = " (deleted)";  // replaced by an upgrade while it runs
  std::string_view executable(link, static_cast<std::size_t>(length));
  if (executable.ends_with(kDeleted)) executable.remove_suffix(kDeleted.size());
  if (claim.jailed) {
    jail = jail_root(layout, base_name(executable), vmm_name({claim.vm, claim.incarnation}));
    if (!has_root(process, jail)) return {};
  } else if (!is_vmm(executable, where.vmm_programs)) {
    return {};
  }
  auto text = read_at(process, "stat", kMaxStatBytes);
  if (!text) return read_error(text.error().sys_errno);
  auto stat = parse_stat(*text);
  if (!stat) return found;
  found.verdict = stat->ended() ? Verdict::kGone : Verdict::kOurs;
  found.sighting = {{boot, pid, stat->start_ticks}, claim.incarnation, claim.kind, std::move(jail)};
  return found;
}

Found look_at(int proc, const char* name, std::int32_t pid, const Layout& layout, BootId boot,
              const Where& where) {
  Fd process(::openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!process) return {.verdict = verdict_of(errno)};
  // Of a kernel thread and of a zombie it is empty.
  auto argv = read_at(process.get(), "cmdline", kMaxArgvBytes);
  if (!argv) return {.verdict = verdict_of(argv.error().sys_errno)};
  Claim claim = read_argv(layout, *argv);
  if (!claim.vm) return {};
  return prove(process.get(), pid, claim, layout, boot, where);
}

// A look at one process after the other, in the /proc that is ours.
class Search {
 public:
  Search(const Layout& layout, BootId boot, const Where& where) : layout_(layout), boot_(boot), where_(where) {}

  // Where we don't see ourselves, no /proc is mounted, or another namespace's: then nothing is known.
  Status open() {
    proc_.reset(::opendir(where_.proc.c_str()));
    if (!proc_) return fail_errno("open " + where_.proc, errno);
    struct stat ourselves{};
    const std::string self = std::to_string(::getpid());
    if (::fstatat(::dirfd(proc_.get()), self.c_str(), &ourselves, 0) != 0) {
      return fail_errno("find ourselves in " + where_.proc, errno);
    }
    return {};
  }

  Status take(const char* name, std::int32_t pid) {
    if (pid == ::getpid()) return {};
    const Found found = look_at(::dirfd(proc_.get()), name, pid, layout_, boot_, where_);
    switch (found.verdict) {
      case Verdict::kNotOurs:
      case Verdict::kGone:
        break;
      case Verdict::kOurs:
        seen_.vmms[found.vm].push_back(found.sighting);
        break;
      case Verdict::kCannotTell:
        seen_.disturbed.insert(found.vm);
        break;
      case Verdict::kLookFailed:
        return fail("process " + std::to_string(pid) + " could not be read");
    }
    return {};
  }

  Status take_all() {
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(proc_.get());
      if (!entry && errno != 0) return fail_errno("read " + where_.proc, errno);
      if (!entry) return {};
      const std::string_view name = entry->d_name;
      std::int32_t pid = 0;
      auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
      if (error != std::errc() || end != name.data() + name.size()) continue;
      BANGER_TRY(take(entry->d_name, pid));
    }
  }

  Processes finish() && {
    for (auto& [vm, sightings] : seen_.vmms) {
      std::ranges::sort(sightings, {}, [](const VmmSighting& each) {
        return std::pair{each.process.start_ticks, each.process.pid};
      });
    }
    return std::move(seen_);
  }

 private:
  const Layout& layout_;
  BootId boot_;
  const Where& where_;
  host::DirectoryStream proc_;
  Processes seen_;
};

}  // namespace

Result<Processes> find_vmms(const Layout& layout, BootId boot, const Where& where) {
  Search search(layout, boot, where);
  BANGER_TRY(search.open());
  BANGER_TRY(search.take_all());
  return std::move(search).finish();
}

Result<Processes> prove_vmms(const std::vector<std::int32_t>& pids, const Layout& layout, BootId boot,
                             const Where& where) {
  Search search(layout, boot, where);
  BANGER_TRY(search.open());
  for (const std::int32_t pid : pids) BANGER_TRY(search.take(std::to_string(pid).c_str(), pid));
  return std::move(search).finish();
}

}  // namespace banger::observe
