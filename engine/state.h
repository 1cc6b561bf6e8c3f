// What the engine knows: VmRuntime is the durable view of one VM, Fleet all of them with the indexes that
// decide needs. Values only, filled by evolve and by the rows that evolve's results were stored as.
// Nothing here is a kernel handle; those are engine/handles.h, and live in memory only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "events/envelope.h"

namespace banger {

enum class VmState : std::uint16_t {
  kCreated = 1,
  kStarting = 2,
  kRunning = 3,
  kStopping = 4,
  kStopped = 5,
  kError = 6,
  kDeleting = 7,
};
[[nodiscard]] std::string_view name_of(VmState value);

enum class ImageState : std::uint16_t { kMaking = 1, kReady = 2, kFailed = 3, kDeleting = 4 };
[[nodiscard]] std::string_view name_of(ImageState value);

// A command or shell that was let into the guest and has not ended yet.
struct OpenExec {
  ExecId id;
  Sequence started = 0;

  friend bool operator==(const OpenExec&, const OpenExec&) = default;
  static constexpr auto fields() {
    return std::tuple{field("id", &OpenExec::id), field("started", &OpenExec::started)};
  }
};

struct VmRuntime {
  VmId id;
  std::string name;
  ImageId image;
  std::string image_name;
  VmSettings settings;
  std::uint16_t ssh_port = 0;  // on the host's loopback, with user networking; else 0
  std::string guest_ip;        // of a bridged VM
  bool remove_after_exec = false;

  VmState state = VmState::kCreated;
  std::uint32_t incarnation = 0;  // counts starts; 0 before the first
  Sequence fence = 0;             // the intent being worked on: an outcome with another fence is stale
  CommandId correlation;          // the user's command behind that intent
  StreamVersion version = 0;      // of its stream
  Sequence last_sequence = 0;     // of the last event of its stream

  bool ready = false;         // the guest answers
  bool ready_missed = false;  // it did not in time
  bool cut_off = false;       // this incarnation's tap was taken from it: only a restart gives it another
  std::uint64_t ready_after_ms = 0;
  std::uint64_t start_timeout_ms = 0;
  std::uint64_t ready_timeout_ms = 0;
  StopMode stop_mode = StopMode::kGraceful;  // of the stop under way
  std::uint64_t stop_timeout_ms = 0;
  bool then_start = false;  // the stop under way is half of a restart
  std::string last_error;   // of the last start or incarnation; empty once a start succeeded
  std::int64_t created_at_ns = 0;
  std::int64_t changed_at_ns = 0;  // when it entered its state
  std::vector<OpenExec> execs;

  friend bool operator==(const VmRuntime&, const VmRuntime&) = default;
  static constexpr auto fields() {
    using V = VmRuntime;
    return std::tuple{field("id", &V::id), field("name", &V::name), field("state", &V::state),
                      field("ready", &V::ready), field("ready_missed", &V::ready_missed),
                      field("ready_after_ms", &V::ready_after_ms), field("image", &V::image),
                      field("image_name", &V::image_name), field("settings", &V::settings),
                      field("ssh_port", &V::ssh_port), field("guest_ip", &V::guest_ip),
                      field("cut_off", &V::cut_off),
                      field("remove_after_exec", &V::remove_after_exec),
                      field("incarnation", &V::incarnation), field("fence", &V::fence),
                      field("correlation", &V::correlation), field("version", &V::version),
                      field("last_sequence", &V::last_sequence),
                      field("start_timeout_ms", &V::start_timeout_ms),
                      field("ready_timeout_ms", &V::ready_timeout_ms), field("stop_mode", &V::stop_mode),
                      field("stop_timeout_ms", &V::stop_timeout_ms), field("then_start", &V::then_start),
                      field("last_error", &V::last_error), field("created_at_ns", &V::created_at_ns),
                      field("changed_at_ns", &V::changed_at_ns), field("execs", &V::execs)};
  }
};

struct Image {
  ImageId id;
  std::string name;
  ImageState state = ImageState::kMaking;
  ImageSource source = ImageSource::kRecipe;
  std::string recipe;
  std::string path;  // of an import; dropped once it is made
  Digest digest{};
  std::uint64_t virtual_bytes = 0;
  std::uint64_t disk_bytes = 0;
  Sequence fence = 0;
  CommandId correlation;
  StreamVersion version = 0;
  Sequence last_sequence = 0;
  std::string last_error;
  std::int64_t created_at_ns = 0;

  friend bool operator==(const Image&, const Image&) = default;
  static constexpr auto fields() {
    using I = Image;
    return std::tuple{field("id", &I::id), field("name", &I::name), field("state", &I::state),
                      field("source", &I::source), field("recipe", &I::recipe), field("path", &I::path),
                      field("digest", &I::digest), field("virtual_bytes", &I::virtual_bytes),
                      field("disk_bytes", &I::disk_bytes), field("fence", &I::fence),
                      field("correlation", &I::correlation), field("version", &I::version),
                      field("last_sequence", &I::last_sequence), field("last_error", &I::last_error),
                      field("created_at_ns", &I::created_at_ns)};
  }
};

// The host stream's state: which boot we are in, and which leftovers were reported already.
struct HostState {
  BootId boot;
  std::string kernel_release;
  std::string daemon_version;
  StreamVersion version = 0;
  Sequence last_sequence = 0;
  std::uint64_t log_epoch = 0;  // the last that an event told of; 0: still the log's first
  std::set<std::string> reported;  // derived names of unowned things, so that each is reported once

  friend bool operator==(const HostState&, const HostState&) = default;
};

// A stream whose event could not be folded: it stops there, and everything about it is refused, loudly.
struct Parked {
  Sequence sequence = 0;
  std::string reason;

  friend bool operator==(const Parked&, const Parked&) = default;
};

struct Fleet {
  std::map<VmId, VmRuntime> vms;
  std::map<ImageId, Image> images;
  HostState host;
  std::map<StreamId, Parked> parked;
  Sequence last = 0;  // everything up to here is folded in

  // Indexes over the above, kept by evolve; never stored.
  std::map<std::string, VmId, std::less<>> vm_names;
  std::map<std::string, ImageId, std::less<>> image_names;
  std::map<std::uint16_t, VmId> host_ports;
  std::map<std::string, VmId, std::less<>> guest_addresses;

  [[nodiscard]] const VmRuntime* vm(VmId id) const;
  [[nodiscard]] const Image* image(ImageId id) const;
  // What the next event of the stream must follow; 0 for a new stream.
  [[nodiscard]] StreamVersion version_of(StreamId stream) const;
};

// Where the guest's ssh is reached from the host.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
};
// Nothing where the VM has no network, or no address yet.
[[nodiscard]] std::optional<Endpoint> ssh_endpoint(const VmRuntime& vm);

// The indexes of a fleet whose rows were loaded from a store.
void rebuild_indexes(Fleet& fleet);

}  // namespace banger
