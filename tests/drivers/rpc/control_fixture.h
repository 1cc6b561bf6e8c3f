// A ControlService in memory behind a real server: it writes down what it is asked, answers from
// its fields, or keeps the answer for the test to give. Its fields belong to the server's loop:
// ServerThread::on_loop.
#pragma once

#include <map>

#include "drivers/rpc/control_server.h"
#include "schemas/control.capnp.h"
#include "tests/drivers/rpc/fixture.h"

namespace banger::rpc::test {

struct MemoryService final : ControlService {
  Answer answer = Accepted{{StreamKind::kVm, 7}, 11, 12};
  bool keep_answers = false;  // of submit, open_exec and finish_exec: in `kept`
  std::vector<std::function<void()>> kept;
  std::vector<std::string> happened;  // in order
  int holds = 0;                      // alive

  struct Submitted {
    Caller caller;
    CommandId id;
    std::string request;
    Ask ask;
  };
  std::vector<Submitted> submitted;
  bool exec_over = false;
  bool key_fails = false;

  std::vector<std::function<void(StreamChange)>> stream_waits;
  std::vector<std::function<void(ImageLines)>> image_waits;
  std::uint64_t timeout_ms = 0;
  std::uint32_t limit = 0;
  bool refuse_reads = false;
  RowPage page;
  std::vector<PlanLine> plan;

  std::vector<StoredEventBytes> log;
  std::vector<InternedEntry> interned;
  std::size_t events_per_read = 1000;
  int reads = 0;
  bool reads_fail = false;
  std::function<void()> during_read;  // once, when what is read is settled
  std::map<int, std::function<void()>> wakes;
  int last_wake = 0;
  void append(std::string open);

  std::function<void(std::uint64_t, std::uint64_t)> progress;
  std::function<void(Result<VerifySummary>)> verified;

  Hold hold(std::string name);  // writes down "<name> dropped"

  DaemonInfo info() override;
  void submit(const Caller& caller, CommandId id, std::string_view request, Ask ask,
              std::function<void(Answer)> answer) override;
  void open_exec(const Caller& caller, CommandId id, std::string_view request, StartExec start,
                 ExecAnswer answer) override;
  void resume_exec(VmId vm, ExecId exec, std::function<void(Hold)> answer) override;
  void finish_exec(const Caller& caller, VmId vm, ExecId exec, ExecOutcome outcome,
                   std::uint32_t code, std::function<void()> done) override;
  void vm(std::string_view reference,
          std::function<void(std::expected<VmDetails, Rejection>)> answer) override;
  Hold await_stream(StreamId stream, Sequence after, std::uint64_t timeout,
                    std::function<void(StreamChange)> answer) override;
  void console(std::string_view reference, std::uint64_t offset, std::uint32_t max_bytes,
               std::function<void(std::expected<ConsoleBytes, Rejection>)> answer) override;
  void projections(std::function<void(std::vector<ProjectionSummary>)> answer) override;
  void projection_rows(std::string_view name, std::string_view after_key, std::uint32_t most,
                       std::function<void(std::expected<RowPage, Rejection>)> answer) override;
  void events(Sequence from, std::uint32_t max_bytes, std::uint32_t known_actors,
              std::uint32_t known_boots, std::function<void(Result<EventBatch>)> answer) override;
  Hold on_new_events(std::function<void()> wake) override;
  void stream_events(StreamId stream, StreamVersion from, std::uint32_t most,
                     std::function<void(Result<std::vector<Sequence>>)> answer) override;
  void verify(std::function<void(std::uint64_t done, std::uint64_t total)> report,
              std::function<void(Result<VerifySummary>)> answer) override;
  void reconcile_plan(std::function<void(std::vector<PlanLine>)> answer) override;
  ReconcileNumbers reconcile_status() override;
  Hold image_progress(ImageId image, std::uint64_t from_line, std::uint64_t timeout,
                      std::function<void(ImageLines)> answer) override;
  void stop(const Caller& caller, std::function<void()> answer) override;
};

// The service, the server in its thread, and one stock client of it.
struct Controlled {
  MemoryService service;
  ServerThread server;
  kj::AsyncIoContext io = kj::setupAsyncIo();
  std::optional<ProbeClient> connection;
  schema::Control::Client control = nullptr;

  explicit Controlled(ServerLimits limits = {});
  schema::Control::Client connect(ProbeClient& client) {
    return client.bootstrap().castAs<schema::Control>();
  }
  template <class Fn>
  auto on_loop(Fn fn) {
    return server.on_loop(std::move(fn));
  }
  [[nodiscard]] std::vector<std::string> happened() {
    return on_loop([this] { return service.happened; });
  }
  // Whatever was sent before has been handled when this returns.
  void ping() { control.pingRequest().send().wait(io.waitScope); }
  void disconnect() {
    control = nullptr;
    connection.reset();
  }
};

}  // namespace banger::rpc::test
