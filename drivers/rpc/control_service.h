// What the daemon can do for a client, in banger's own words: schemas/control.capnp without Cap'n Proto.
// control_server turns calls into calls of this; cli/bangerd implements it on the runtime. All on the loop's
// thread. An answer comes once, later than the call, and maybe after the client has gone.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/rpc/care_service.h"
#include "drivers/rpc/unix_socket.h"
#include "drivers/uv/fd.h"
#include "engine/command.h"
#include "events/interned.h"
#include "events/result.h"

namespace banger::rpc {

struct Accepted {
  StreamId subject;
  Sequence first = 0;  // 0: nothing had to change
  Sequence last = 0;
};
using Answer = std::expected<Accepted, Rejection>;

// Who calls: by SO_PEERCRED, and by what the client says of itself in hello() (bounded, printable).
struct Caller {
  Peer peer;
  std::string client;
};

struct DaemonInfo {
  std::string version, store_id, data_dir, socket, accelerator, config_file, disk, network, observer, vmm;
  std::int32_t pid = 0;
  std::int64_t started_at_ns = 0;
  Sequence head = 0;
  Sequence first = 0;  // the oldest event that is kept
  std::uint64_t epoch = 0;
  bool low_water = false;
};

struct GuestAccess {
  std::string host, user, host_key;
  std::uint16_t port = 0;
  Fd client_key;  // open for reading
};

struct VmDetails {
  std::string row;  // as stored
  std::string dir, api_socket, overlay, console_log, handles_file, dns_name, guest_ip;
  std::int32_t pid = 0;
  std::int64_t process_since_ns = 0;
  std::uint64_t disk_used_bytes = 0;
};

struct ConsoleBytes {
  std::uint64_t offset = 0, size = 0;
  std::string data;
};

struct ProjectionSummary {
  std::string name, about;
  std::uint32_t version = 0;
  Sequence checkpoint = 0;
};

struct RowPage {
  std::vector<std::pair<std::string, std::string>> rows;
  bool more = false;
};

struct StoredEventBytes {
  std::string open, personal;
  bool erased = false;
  Digest digest{};
};
struct EventBatch {
  std::vector<InternedEntry> interned;
  std::vector<StoredEventBytes> events;
  Sequence next = 0, head = 0;
};

struct VerifySummary {
  bool ok = false;
  std::uint64_t events = 0, blocks = 0, elapsed_ms = 0;
  Sequence head = 0;
  std::string chain;
  std::vector<std::string> problems;
};

struct PlanLine {
  std::string subject, id, desired, observed, action, under_way;
};
struct ReconcileNumbers {
  std::uint64_t observations = 0, last_duration_us = 0, tick_ms = 0, corrections = 0;
  std::int64_t last_observation_ns = 0;
  std::uint32_t in_flight = 0, held = 0, parked = 0;
  std::string last_error;
  std::uint64_t shadow_folds = 0, shadow_fold_to = 0, drifted_rows = 0;
  std::int64_t last_shadow_fold_ns = 0;
};

struct StreamChange {
  bool changed = false, exists = false;
  Sequence last = 0;
};
struct ImageLines {
  std::vector<std::string> lines;
  std::uint64_t next_line = 0;
  bool running = false;
};

struct At {
  Sequence sequence = 0, at_least = 0, at_most = 0;
  std::int64_t time_ns = 0;
};
struct PastRow {
  At at;
  std::string row;
  Sequence parked_at = 0;  // 0: it was not
  std::string parked_reason;
};
struct PastPage {
  At at;
  std::vector<std::string> rows;
  std::uint64_t last_id = 0;
  bool more = false;
};
struct FoundStreams {
  std::vector<std::string> rows;
  bool more = false;
};

// All of what is set must hold; see schemas/control.capnp.
struct EventQuery {
  std::optional<StreamId> stream;
  std::vector<std::uint16_t> kinds;
  std::string actor;
  CommandId correlation;
  Sequence first = 0, last = 0;
  std::int64_t since_ns = 0, until_ns = 0;
  bool reverse = false;
  std::uint32_t limit = 0;
};
struct SearchPage {
  EventBatch batch;
  Sequence next = 0;
  bool done = false;
  std::uint64_t looked = 0;
};

// Something that lasts until it is dropped: a lease, a subscription, a wait.
using Hold = std::shared_ptr<void>;

class ControlService {
 public:
  virtual ~ControlService() = default;

  [[nodiscard]] virtual DaemonInfo info() = 0;
  // `request` is the canonical bytes of the intent, which the answer is kept under beside `id`.
  virtual void submit(const Caller& caller, CommandId id, std::string_view request, Ask ask,
                      std::function<void(Answer)> answer) = 0;

  struct Exec {
    ExecId exec;
    VmId vm;
    GuestAccess access;
    Hold lease;  // dropped: the client has gone
  };
  using ExecAnswer = std::function<void(Answer, Result<Exec>)>;  // Exec only with an accepted answer
  virtual void open_exec(const Caller& caller, CommandId id, std::string_view request, StartExec start,
                         ExecAnswer answer) = 0;
  // An empty hold: the exec is over.
  virtual void resume_exec(VmId vm, ExecId exec, std::function<void(Hold)> answer) = 0;
  virtual void finish_exec(const Caller& caller, VmId vm, ExecId exec, ExecOutcome outcome,
                           std::uint32_t code, std::function<void()> done) = 0;

  virtual void vm(std::string_view reference,
                  std::function<void(std::expected<VmDetails, Rejection>)> answer) = 0;
  // The hold ends the wait early.
  [[nodiscard]] virtual Hold await_stream(StreamId stream, Sequence after, std::uint64_t timeout_ms,
                                          std::function<void(StreamChange)> answer) = 0;
  virtual void console(std::string_view reference, std::uint64_t offset, std::uint32_t max_bytes,
                       std::function<void(std::expected<ConsoleBytes, Rejection>)> answer) = 0;

  virtual void projections(std::function<void(std::vector<ProjectionSummary>)> answer) = 0;
  virtual void projection_rows(std::string_view name, std::string_view after_key, std::uint32_t limit,
                               std::function<void(std::expected<RowPage, Rejection>)> answer) = 0;

  virtual void events(Sequence from, std::uint32_t max_bytes, std::uint32_t known_actors,
                      std::uint32_t known_boots, std::function<void(Result<EventBatch>)> answer) = 0;
  // Calls wake (again and again) when events beyond those that were there become durable.
  [[nodiscard]] virtual Hold on_new_events(std::function<void()> wake) = 0;
  virtual void stream_events(StreamId stream, StreamVersion from, std::uint32_t limit,
                             std::function<void(Result<std::vector<Sequence>>)> answer) = 0;

  // What was: answered by worker threads, so that the longest of them keeps nobody waiting.
  virtual void state_at(const Point& point, StreamKind kind, std::string_view reference,
                        std::function<void(std::expected<PastRow, Rejection>)> answer) = 0;
  virtual void states_at(const Point& point, StreamKind kind, std::uint64_t after_id,
                         std::function<void(std::expected<PastPage, Rejection>)> answer) = 0;
  virtual void find_streams(StreamKind kind, std::string_view reference,
                            std::function<void(std::expected<FoundStreams, Rejection>)> answer) = 0;
  virtual void search(const EventQuery& query, Sequence cursor, std::uint32_t known_actors,
                      std::uint32_t known_boots,
                      std::function<void(std::expected<SearchPage, Rejection>)> answer) = 0;

  virtual void verify(std::function<void(std::uint64_t done, std::uint64_t total)> progress,
                      std::function<void(Result<VerifySummary>)> answer) = 0;
  virtual void reconcile_plan(std::function<void(std::vector<PlanLine>)> answer) = 0;
  [[nodiscard]] virtual ReconcileNumbers reconcile_status() = 0;
  [[nodiscard]] virtual Hold image_progress(ImageId image, std::uint64_t from_line,
                                            std::uint64_t timeout_ms,
                                            std::function<void(ImageLines)> answer) = 0;
  // Who takes care of the log; lives as long as this.
  [[nodiscard]] virtual CareService& care() = 0;
  // Answers, and then ends the daemon.
  virtual void stop(const Caller& caller, std::function<void()> answer) = 0;
};

}  // namespace banger::rpc
