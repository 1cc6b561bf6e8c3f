// handles.json: what the kernel held for a VM when somebody last wrote it down. A hint for the next
// daemon and a cache for this one, never an authority: each entry is verified against the host
// before use, and the file may hold anything. Written whole or not at all, and before the cache.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "engine/handles.h"
#include "engine/observation.h"
#include "engine/paths.h"
#include "events/result.h"

namespace banger::observe {

inline constexpr std::size_t kMaxHandlesBytes = 64 * 1024;

// Mode 0600, durable once it returns. A pid of 0 says that there is no VMM yet. ENOENT where the VM's directory is gone.
[[nodiscard]] Status write_handles(const std::string& path, const VmHandles& handles);
// Nothing where there is no such file; an Error where its content is not exactly what write_handles
// writes.
[[nodiscard]] Result<std::optional<VmHandles>> read_handles(const std::string& path);
// It may be gone already.
[[nodiscard]] Status remove_handles(const std::string& path);

struct Rediscovered {
  VmHandles handles;
  bool alive = false;    // handles.vmm was seen
  bool unknown = false;  // the look told nothing: keep everything, conclude nothing

  friend bool operator==(const Rediscovered&, const Rediscovered&) = default;
};

// What a VM has on the host, from one look and its scratch file (if it had a good one). The process
// that was seen wins over the one in the file. Where it is dead the file's other handles come back
// all the same, for the teardown to use.
[[nodiscard]] Rediscovered rediscover(VmId vm, const Observation& seen,
                                      const std::optional<VmHandles>& scratch);

// The handles of every VM that has some. Effects on worker threads put and drop; any thread finds.
// Two effects on one VM never overlap, so the file and the entry of one VM change in step.
class HandleCache {
 public:
  explicit HandleCache(Layout layout) : layout_(std::move(layout)) {}

  [[nodiscard]] Status put(VmId vm, const VmHandles& handles);
  [[nodiscard]] Status drop(VmId vm);
  [[nodiscard]] std::optional<VmHandles> find(VmId vm) const;
  // At start: what was rediscovered, without writing it again.
  void seed(VmId vm, const VmHandles& handles);

 private:
  const Layout layout_;
  mutable std::mutex mutex_;
  std::map<VmId, VmHandles> handles_;
};

}  // namespace banger::observe
