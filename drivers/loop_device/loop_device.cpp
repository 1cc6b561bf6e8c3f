#include "drivers/loop_device/loop_device.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "drivers/host/directory_stream.h"

namespace banger::loop {
namespace {

constexpr const char* kControl = "/dev/loop-control";
constexpr const char* kBlocks = "/sys/block";
constexpr int kTries = 64;                    // as many as want a loop at the same instant
constexpr std::size_t kMaxPath = 4096 + 16;  // and " (deleted)"

// A small file of sysfs. ENOENT where the loop has lost its file meanwhile.
Result<std::string> read_attribute(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno("open " + path, errno);
  std::string text(kMaxPath, '\0');
  ssize_t length = ::read(file.get(), text.data(), text.size());
  if (length < 0) return fail_errno("read " + path, errno);
  text.resize(static_cast<std::size_t>(length));
  if (text.ends_with('\n')) text.pop_back();  // sysfs ends it with one; a name may hold more of them
  return text;
}

// The block device itself. Without devtmpfs only the first few have a node: then one is made, opened and
// removed again, for nothing but the descriptor is needed.
Result<Fd> open_loop(std::uint32_t number, int mode) {
  const std::string node = "/dev/loop" + std::to_string(number);
  Fd fd(::open(node.c_str(), mode | O_CLOEXEC));
  if (fd || errno != ENOENT) return fd ? Result<Fd>(std::move(fd)) : fail_errno("open " + node, errno);
  auto numbers = read_attribute(std::string(kBlocks) + "/loop" + std::to_string(number) + "/dev");
  if (!numbers) return std::unexpected(numbers.error());
  unsigned major_number = 0;
  unsigned minor_number = 0;
  if (std::sscanf(numbers->c_str(), "%u:%u", &major_number, &minor_number) != 2) return fail(node + ": no numbers");
  const std::string made = "/dev/.banger-loop" + std::to_string(number) + "-" + std::to_string(::gettid());
  if (::mknod(made.c_str(), S_IFBLK | 0600, makedev(major_number, minor_number)) != 0) {
    return fail_errno("make a node for loop " + std::to_string(number), errno);
  }
  fd.reset(::open(made.c_str(), mode | O_CLOEXEC));
  const int error = errno;
  ::unlink(made.c_str());
  if (!fd) return fail_errno("open loop " + std::to_string(number), error);
  return fd;
}

// ENXIO where it has no file.
Result<LoopDevice> look_at(std::uint32_t number, int fd) {
  loop_info64 info{};
  struct stat own {};
  if (::ioctl(fd, LOOP_GET_STATUS64, &info) != 0 || ::fstat(fd, &own) != 0) {
    return fail_errno("look at loop " + std::to_string(number), errno);
  }
  const auto* mark = reinterpret_cast<const char*>(info.lo_file_name);
  return LoopDevice{.number = number,
                    .device = own.st_rdev,
                    .file = {static_cast<dev_t>(info.lo_device), static_cast<ino_t>(info.lo_inode)},
                    .read_only = (info.lo_flags & LO_FLAGS_READ_ONLY) != 0,
                    .autoclear = (info.lo_flags & LO_FLAGS_AUTOCLEAR) != 0,
                    .whole = info.lo_offset == 0 && info.lo_sizelimit == 0,
                    .mark = std::string(mark, ::strnlen(mark, LO_NAME_SIZE))};
}

void take_path(LoopDevice& loop, std::string text) {
  constexpr std::string_view kDeleted = " (deleted)";
  loop.path = std::move(text);
  auto there = file_id(loop.path);
  loop.deleted = !there || *there != loop.file;
  if (loop.deleted && loop.path.ends_with(kDeleted)) loop.path.resize(loop.path.size() - kDeleted.size());
}

std::string backing_file_of(std::uint32_t number) {
  return std::string(kBlocks) + "/loop" + std::to_string(number) + "/loop/backing_file";
}

bool is_gone(int error) { return error == ENOENT || error == ENXIO || error == ENODEV; }

Result<std::optional<HeldLoop>> hold(std::uint32_t number) {
  auto path = read_attribute(backing_file_of(number));
  if (!path && is_gone(path.error().sys_errno)) return std::nullopt;
  if (!path) return std::unexpected(path.error());
  auto fd = open_loop(number, O_RDONLY);
  if (!fd && is_gone(fd.error().sys_errno)) return std::nullopt;
  if (!fd) return std::unexpected(fd.error());
  auto loop = look_at(number, fd->get());
  if (!loop && is_gone(loop.error().sys_errno)) return std::nullopt;
  if (!loop) return std::unexpected(loop.error());
  take_path(*loop, std::move(*path));
  return HeldLoop{std::move(*loop), std::move(*fd)};
}

Result<std::vector<std::uint32_t>> numbers() {
  host::DirectoryStream blocks(::opendir(kBlocks));
  if (!blocks) return fail_errno(std::string("open ") + kBlocks, errno);
  std::vector<std::uint32_t> found;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(blocks.get());
    if (!entry && errno != 0) return fail_errno(std::string("read ") + kBlocks, errno);
    if (!entry) break;
    std::string_view name = entry->d_name;
    if (!name.starts_with("loop")) continue;
    name.remove_prefix(4);
    std::uint32_t number = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size()) found.push_back(number);
  }
  std::ranges::sort(found);
  return found;
}

// The file to be attached, open as the loop is to be.
Result<Fd> open_backing(const AttachSpec& spec) {
  if (spec.mark.empty() || spec.mark.size() > kMaxMark) return fail("a loop's mark has 1 to 63 bytes");
  const int mode = spec.read_only ? O_RDONLY : O_RDWR;
  Fd file(::open(spec.path.c_str(), mode | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) return fail_errno("open " + spec.path, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return fail_errno("look at " + spec.path, errno);
  if (!S_ISREG(info.st_mode)) return fail(spec.path + " is not a file");
  return file;
}

loop_config config_of(const AttachSpec& spec, int file) {
  loop_config config{};
  config.fd = static_cast<__u32>(file);
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (spec.read_only ? LO_FLAGS_READ_ONLY : 0);
  std::memcpy(config.info.lo_file_name, spec.mark.data(), spec.mark.size());
  return config;
}

}  // namespace

Result<FileId> file_id(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return fail_errno("look at " + path, errno);
  return FileId{info.st_dev, info.st_ino};
}

Result<std::vector<LoopDevice>> list_loops() {
  auto all = numbers();
  if (!all) return std::unexpected(all.error());
  std::vector<LoopDevice> loops;
  for (std::uint32_t number : *all) {
    auto held = hold(number);
    if (!held) return std::unexpected(held.error());
    if (*held) loops.push_back(std::move((*held)->loop));
  }
  return loops;
}

Result<std::optional<std::string>> mark_of(std::uint32_t number) {
  // One that has no file needs no opening, which may have to make a node for it first.
  if (::access(backing_file_of(number).c_str(), F_OK) != 0 && is_gone(errno)) return std::nullopt;
  auto fd = open_loop(number, O_RDONLY);
  auto loop = fd ? look_at(number, fd->get()) : std::unexpected(fd.error());
  if (!loop && is_gone(loop.error().sys_errno)) return std::nullopt;
  if (!loop) return std::unexpected(loop.error());
  return std::move(loop->mark);
}

Result<std::vector<std::string>> marks() {
  auto all = numbers();
  if (!all) return std::unexpected(all.error());
  std::vector<std::string> found;
  for (std::uint32_t number : *all) {
    auto mark = mark_of(number);
    if (!mark) return std::unexpected(mark.error());
    if (*mark) found.push_back(**std::move(mark));
  }
  return found;
}

Result<HeldLoop> attach(const AttachSpec& spec, const Intend& intend) {
  auto file = open_backing(spec);
  if (!file) return std::unexpected(file.error());
  Fd control(::open(kControl, O_RDWR | O_CLOEXEC));
  if (!control) return fail_errno(std::string("open ") + kControl, errno);
  const loop_config config = config_of(spec, file->get());
  for (int i = 0; i < kTries; ++i) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return fail_errno("find a free loop device", errno);
    const auto free = static_cast<std::uint32_t>(number);
    if (intend) BANGER_TRY(intend(LoopDevice{.number = free}.node()));
    auto fd = open_loop(free, O_RDWR);
    if (!fd) return std::unexpected(fd.error());
    if (::ioctl(fd->get(), LOOP_CONFIGURE, &config) != 0) {
      if (errno == EBUSY) continue;  // somebody was faster
      return fail_errno("attach " + spec.path + " to loop " + std::to_string(number), errno);
    }
    auto loop = look_at(free, fd->get());
    if (!loop) return std::unexpected(loop.error());
    loop->path = spec.path;
    return HeldLoop{std::move(*loop), std::move(*fd)};
  }
  return fail("every loop device that was free was taken by somebody else", EBUSY);
}

Result<std::optional<HeldLoop>> find_attached(const AttachSpec& spec) {
  auto wanted = file_id(spec.path);
  if (!wanted) return std::unexpected(wanted.error());
  auto all = numbers();
  if (!all) return std::unexpected(all.error());
  for (std::uint32_t number : *all) {
    auto held = hold(number);
    if (!held) return std::unexpected(held.error());
    if (!*held) continue;
    const LoopDevice& loop = (*held)->loop;
    if (loop.file == *wanted && loop.mark == spec.mark && loop.read_only == spec.read_only && loop.whole) {
      return std::move(*held);
    }
  }
  return std::nullopt;
}

Result<HeldLoop> share(const AttachSpec& spec, const Intend& intend) {
  auto found = find_attached(spec);
  if (!found) return std::unexpected(found.error());
  if (!*found) return attach(spec, intend);
  if (intend) BANGER_TRY(intend((*found)->loop.node()));
  // Its file may have grown since it was attached.
  if (::ioctl((*found)->fd.get(), LOOP_SET_CAPACITY, 0) != 0) {
    return fail_errno("take the size of " + spec.path, errno);
  }
  return std::move(**found);
}

Status detach(const LoopDevice& loop) {
  auto held = hold(loop.number);
  if (!held) return std::unexpected(held.error());
  if (!*held || (*held)->loop.file != loop.file || (*held)->loop.mark != loop.mark) return {};
  if (::ioctl((*held)->fd.get(), LOOP_CLR_FD, 0) == 0 || errno == ENXIO) return {};
  return fail_errno("detach " + loop.node(), errno);
}

}  // namespace banger::loop
