#include "drivers/observe/handles_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <nlohmann/json.hpp>

#include "drivers/host/durable.h"
#include "drivers/observe/process.h"

namespace banger::observe {
namespace {

using Json = nlohmann::json;

constexpr int kFormat = 1;
constexpr mode_t kMode = 0600;
constexpr std::size_t kMaxNameBytes = 4096;

// The handles that are names, each with its key.
constexpr std::pair<const char*, std::string VmHandles::*> kNames[] = {
    {"tap_device", &VmHandles::tap_device}, {"base_loop", &VmHandles::base_loop},
    {"cow_loop", &VmHandles::cow_loop},     {"dm_name", &VmHandles::dm_name},
    {"dm_device", &VmHandles::dm_device},
};
constexpr std::size_t kKeys = 5 + std::size(kNames);

// A whole number of the object within bounds, or nothing.
std::optional<std::uint64_t> number_in(const Json& object, const char* key, std::uint64_t least,
                                       std::uint64_t most) {
  auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  auto value = found->get<std::uint64_t>();
  if (value < least || value > most) return std::nullopt;
  return value;
}

std::optional<std::string> text_in(const Json& object, const char* key) {
  auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  auto text = found->get<std::string>();
  bool plain = std::ranges::none_of(text, [](unsigned char c) { return c < ' ' || c == 0x7f; });
  if (text.size() > kMaxNameBytes || !plain) return std::nullopt;
  return text;
}

Result<VmHandles> parse(const std::string& text) {
  Json object = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return fail("it holds no JSON object");
  if (object.size() != kKeys) return fail("it has other keys than it should");
  constexpr auto kMaxPid = static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max());
  constexpr auto kMax32 = std::uint64_t{std::numeric_limits<std::uint32_t>::max()};
  auto boot_text = text_in(object, "boot_id");
  auto boot = boot_text ? BootId::parse(*boot_text) : std::nullopt;
  auto pid = number_in(object, "pid", 0, kMaxPid);
  auto start = number_in(object, "start_ticks", 0, std::numeric_limits<std::uint64_t>::max());
  auto incarnation = number_in(object, "incarnation", 1, kMax32);
  if (!number_in(object, "format", kFormat, kFormat)) return fail("its format is not known");
  if (!boot || !pid || !start || !incarnation) return fail("it names no process");
  // 0: what comes before the VMM has been acquired, and the VMM not yet.
  if (*pid == 0 && *start != 0) return fail("its pid is none, and has a start");
  VmHandles handles{.vmm = {*boot, static_cast<std::int32_t>(*pid), *start},
                    .incarnation = static_cast<std::uint32_t>(*incarnation)};
  for (auto [key, member] : kNames) {
    auto name = text_in(object, key);
    if (!name) return fail(std::string("its ") + key + " is no name");
    handles.*member = *std::move(name);
  }
  return handles;
}

}  // namespace

Status write_handles(const std::string& path, const VmHandles& handles) {
  Json object{{"format", kFormat},
              {"boot_id", handles.vmm.boot.hex()},
              {"pid", handles.vmm.pid},
              {"start_ticks", handles.vmm.start_ticks},
              {"incarnation", handles.incarnation}};
  for (auto [key, member] : kNames) object[key] = handles.*member;
  return host::write_file_durably(
      path, object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n", kMode);
}

Result<std::optional<VmHandles>> read_handles(const std::string& path) {
  // Neither a link nor a FIFO in its place may lead or hold us anywhere.
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file && errno == ENOENT) return std::optional<VmHandles>();
  if (!file) return fail_errno("open " + path, errno);
  struct stat found{};
  if (::fstat(file.get(), &found) != 0) return fail_errno("look at " + path, errno);
  if (!S_ISREG(found.st_mode)) return fail(path + ": it is not a file");
  if (found.st_uid != ::geteuid()) return fail(path + ": it is another user's");
  auto text = read_all(file.get(), kMaxHandlesBytes + 1);
  if (!text) return with_context("read " + path, text.error());
  if (text->size() > kMaxHandlesBytes) return fail(path + ": it is larger than 64 KiB");
  auto handles = parse(*text);
  if (!handles) return with_context(path, handles.error());
  return *std::move(handles);
}

Status remove_handles(const std::string& path) {
  if (::unlink(path.c_str()) == 0) return host::sync_path(host::parent_of(path));
  if (errno == ENOENT) return {};
  return fail_errno("remove " + path, errno);
}

Rediscovered rediscover(VmId vm, const Observation& seen, const std::optional<VmHandles>& scratch) {
  Rediscovered result{.handles = scratch.value_or(VmHandles{})};
  if (!seen.processes_known || seen.disturbed.contains(vm)) {
    result.unknown = true;
    return result;
  }
  auto found = seen.vmms.find(vm);
  if (found == seen.vmms.end() || found->second.empty()) return result;
  const auto& sightings = found->second;
  // The file says which of several is meant, where it names one of them.
  auto named = std::ranges::find(sightings, result.handles.vmm, &VmmSighting::process);
  const VmmSighting& vmm = named == sightings.end() ? sightings.front() : *named;
  result.alive = true;
  result.handles.vmm = vmm.process;
  if (vmm.incarnation != 0) result.handles.incarnation = vmm.incarnation;
  return result;
}

Status HandleCache::put(VmId vm, const VmHandles& handles) {
  BANGER_TRY(write_handles(vm_paths(layout_, vm).handles, handles));
  seed(vm, handles);
  return {};
}

Status HandleCache::drop(VmId vm) {
  BANGER_TRY(remove_handles(vm_paths(layout_, vm).handles));
  std::lock_guard lock(mutex_);
  handles_.erase(vm);
  return {};
}

std::optional<VmHandles> HandleCache::find(VmId vm) const {
  std::lock_guard lock(mutex_);
  auto found = handles_.find(vm);
  if (found == handles_.end()) return std::nullopt;
  return found->second;
}

void HandleCache::seed(VmId vm, const VmHandles& handles) {
  std::lock_guard lock(mutex_);
  handles_[vm] = handles;
}

}  // namespace banger::observe
