// What clients may ask of the daemon, answered from the runtime, the log and the drivers: the daemon's side of
// drivers/rpc/control_service.h. Translates and reads; every decision is the engine's.
#pragma once

#include <map>

#include "cli/bangerd/care/care.h"
#include "cli/bangerd/config.h"
#include "drivers/effects/host_effects.h"
#include "drivers/rpc/control_service.h"
#include "drivers/uv/worker_pool.h"
#include "engine/runtime/runtime.h"

namespace banger::bangerd {

struct ServiceParts {
  uv::Loop& loop;
  const Config& config;
  const Layout& layout;
  Runtime& runtime;
  log::EventLog& log;
  effects::HostEffects& effects;
  effects::Accelerator& accelerator;
  const effects::VmmDrivers& vmms;
  const disk::Disks& disks;
  std::string network;  // of bridged VMs, or why there can be none
  uv::WorkerPool& slow;     // for verify
  uv::WorkerPool& readers;  // for questions about the past
  std::int64_t started_at_ns;
  std::function<void()> stop;  // ends the daemon
};

class Service : public rpc::ControlService {
 public:
  explicit Service(ServiceParts parts);
  ~Service() override;

  [[nodiscard]] rpc::DaemonInfo info() override;
  void submit(const rpc::Caller& caller, CommandId id, std::string_view request, Ask ask,
              std::function<void(rpc::Answer)> answer) override;
  void open_exec(const rpc::Caller& caller, CommandId id, std::string_view request, StartExec start,
                 ExecAnswer answer) override;
  void resume_exec(VmId vm, ExecId exec, std::function<void(rpc::Hold)> answer) override;
  void finish_exec(const rpc::Caller& caller, VmId vm, ExecId exec, ExecOutcome outcome, std::uint32_t code,
                   std::function<void()> done) override;
  void vm(std::string_view reference,
          std::function<void(std::expected<rpc::VmDetails, Rejection>)> answer) override;
  [[nodiscard]] rpc::Hold await_stream(StreamId stream, Sequence after, std::uint64_t timeout_ms,
                                       std::function<void(rpc::StreamChange)> answer) override;
  void console(std::string_view reference, std::uint64_t offset, std::uint32_t max_bytes,
               std::function<void(std::expected<rpc::ConsoleBytes, Rejection>)> answer) override;
  void projections(std::function<void(std::vector<rpc::ProjectionSummary>)> answer) override;
  void projection_rows(std::string_view name, std::string_view after_key, std::uint32_t limit,
                       std::function<void(std::expected<rpc::RowPage, Rejection>)> answer) override;
  void events(Sequence from, std::uint32_t max_bytes, std::uint32_t known_actors, std::uint32_t known_boots,
              std::function<void(Result<rpc::EventBatch>)> answer) override;
  [[nodiscard]] rpc::Hold on_new_events(std::function<void()> wake) override;
  void stream_events(StreamId stream, StreamVersion from, std::uint32_t limit,
                     std::function<void(Result<std::vector<Sequence>>)> answer) override;
  void state_at(const rpc::Point& point, StreamKind kind, std::string_view reference,
                std::function<void(std::expected<rpc::PastRow, Rejection>)> answer) override;
  void states_at(const rpc::Point& point, StreamKind kind, std::uint64_t after_id,
                 std::function<void(std::expected<rpc::PastPage, Rejection>)> answer) override;
  void find_streams(StreamKind kind, std::string_view reference,
                    std::function<void(std::expected<rpc::FoundStreams, Rejection>)> answer) override;
  void search(const rpc::EventQuery& query, Sequence cursor, std::uint32_t known_actors, std::uint32_t known_boots,
              std::function<void(std::expected<rpc::SearchPage, Rejection>)> answer) override;
  void verify(std::function<void(std::uint64_t, std::uint64_t)> progress,
              std::function<void(Result<rpc::VerifySummary>)> answer) override;
  void reconcile_plan(std::function<void(std::vector<rpc::PlanLine>)> answer) override;
  [[nodiscard]] rpc::ReconcileNumbers reconcile_status() override;
  [[nodiscard]] rpc::Hold image_progress(ImageId image, std::uint64_t from_line, std::uint64_t timeout_ms,
                                         std::function<void(rpc::ImageLines)> answer) override;
  [[nodiscard]] rpc::CareService& care() override { return care_; }
  void stop(const rpc::Caller& caller, std::function<void()> answer) override;

 private:
  struct Wait;

  [[nodiscard]] Actor actor_of(const rpc::Caller& caller);
  [[nodiscard]] std::expected<const VmRuntime*, Rejection> find(std::string_view reference) const;
  [[nodiscard]] rpc::VmDetails details_of(const VmRuntime& vm) const;
  [[nodiscard]] rpc::Hold hold_exec(VmId vm, ExecId exec);
  // Calls `settled(timed_out)` at once, on every wake and when the time is up, until it gives true.
  [[nodiscard]] rpc::Hold wait_until(std::uint64_t timeout_ms, std::function<bool(bool)> settled);
  void wake_waits();

  ServiceParts parts_;
  Questions questions_;
  Care care_;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
  std::uint64_t subscription_ = 0;
  std::map<std::uint32_t, std::string> user_names_;
  std::vector<std::weak_ptr<Wait>> waits_;
};

}  // namespace banger::bangerd
