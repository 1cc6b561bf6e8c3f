#include "drivers/disk/qcow2.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "drivers/host/child.h"
#include "drivers/host/durable.h"

namespace banger::disk {
namespace {

constexpr std::uint64_t kSector = 512;

Result<std::string> qemu_img(std::vector<std::string> arguments) {
  host::ChildSpec child;
  child.argv = {"qemu-img"};
  child.argv.insert(child.argv.end(), arguments.begin(), arguments.end());
  child.deadline = std::chrono::seconds(30);
  return host::run_child_checked(child);
}

// A comma starts an option for qemu-img's backing file; none of our own paths has one, and a user's
// may.
Status check_name(const std::string& path) {
  if (!path.starts_with('/')) return fail("not an absolute path: " + path);
  if (path.find_first_of(",\n") != std::string::npos) {
    return fail("a disk's path must hold no comma and no newline: " + path);
  }
  return {};
}

Result<DiskInfo> create(const OverlaySpec& spec, std::uint64_t size) {
  BANGER_TRY(host::require_free_space(host::parent_of(spec.overlay), spec.keep_free_bytes));
  const std::string beside = spec.overlay + ".new";
  ::unlink(beside.c_str());  // left by a crash; nobody has it open, or it would have its final name
  auto made = qemu_img({"create", "-q", "-f", "qcow2", "-b", spec.base, "-F", spec.base_format,
                        beside, std::to_string(size)});
  Status done = made ? Status{} : std::unexpected(made.error());
  if (done) done = host::sync_path(beside);
  if (done) done = host::rename_durably(beside, spec.overlay);
  if (done) return disk_info(spec.overlay);
  ::unlink(beside.c_str());
  return std::unexpected(done.error());
}

Result<DiskInfo> grow(const OverlaySpec& spec, const DiskInfo& now, std::uint64_t size) {
  if (now.base != spec.base) {
    return fail(spec.overlay + " is over " + (now.base.empty() ? "nothing" : now.base) + ", not " +
                spec.base);
  }
  if (now.virtual_bytes >= size) return now;
  auto grown = qemu_img({"resize", "-q", "-f", "qcow2", spec.overlay, std::to_string(size)});
  if (!grown) return std::unexpected(grown.error());
  BANGER_TRY(host::sync_path(spec.overlay));
  return disk_info(spec.overlay);
}

}  // namespace

Result<DiskInfo> ensure_overlay(const OverlaySpec& spec) {
  BANGER_TRY(check_name(spec.base));
  BANGER_TRY(check_name(spec.overlay));
  auto base = disk_info(spec.base, spec.base_format);
  if (!base) return std::unexpected(base.error());
  if (!base->base.empty()) return fail(spec.base + " is an overlay itself, of " + base->base);
  std::uint64_t size = std::max(spec.size_bytes, base->virtual_bytes);
  size = (size + kSector - 1) / kSector * kSector;
  if (::access(spec.overlay.c_str(), F_OK) != 0) return create(spec, size);
  auto now = disk_info(spec.overlay);
  if (!now) return std::unexpected(now.error());
  return grow(spec, *now, size);
}

Result<DiskInfo> disk_info(const std::string& path, const std::string& format) {
  // -U: without the lock, so that a running VM's disk can be looked at.
  auto text = qemu_img({"info", "-U", "-f", format, "--output=json", path});
  if (!text) return std::unexpected(text.error());
  auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object()) return fail("qemu-img info " + path + ": not JSON");
  DiskInfo info;
  info.format = json.value("format", "");
  info.virtual_bytes = json.value("virtual-size", std::uint64_t{0});
  info.disk_bytes = json.value("actual-size", std::uint64_t{0});
  info.base = json.value("backing-filename", "");
  return info;
}

}  // namespace banger::disk
