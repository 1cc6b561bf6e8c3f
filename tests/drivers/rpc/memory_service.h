// A ControlService in memory: it writes down what it is asked, answers from its fields, or keeps the answer for
// whoever made it to give. Its fields belong to the server's loop.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "drivers/rpc/control_service.h"

namespace banger::rpc::test {

// Writes down what it is asked, and gives what the test has put there.
struct MemoryCare final : CareService {
  LogHead head{.store_id = "00000000000000070000000000000009", .epoch = 3, .first = 5, .last = 20, .chain = {1}};
  BundleSelection selection;
  Sequence cursor = 0;
  Result<BundlePart> part = BundlePart{"records", 12};

  void log_head(std::function<void(LogHead)> answer) override { answer(head); }
  void bundle_part(BundleSelection chosen, Sequence from, std::size_t,
                   std::function<void(Result<BundlePart>)> answer) override {
    selection = std::move(chosen);
    cursor = from;
    answer(part);
  }
  Care<CheckReport> report;
  std::vector<std::string> happened;
  void check_projections(std::string_view name, std::function<void(Care<CheckReport>)> answer) override {
    happened.push_back("check " + std::string(name));
    answer(report);
  }
  void rebuild_projections(std::string_view name, std::function<void(Care<Rebuilt>)> answer) override {
    happened.push_back("rebuild " + std::string(name));
    answer(Rebuilt{3, 9});
  }
  void backup(std::string_view directory, std::function<void(Care<Sequence>)> answer) override {
    happened.push_back("backup " + std::string(directory));
    answer(std::unexpected(Rejection{Refusal::kInvalid, "it exists already", ""}));
  }
  void erase(std::uint32_t, std::string_view, VmId vm, std::string_view name,
             std::function<void(Care<Erased>)> answer) override {
    happened.push_back("erase " + vm.hex() + " " + std::string(name));
    answer(Erased{2, 21});
  }
  Care<Archived> archived = Archived{1, 8, 900, "some.archive", 1000, 22};
  void archive(std::uint32_t, std::string_view, ArchiveAsked asked,
               std::function<void(Care<Archived>)> answer) override {
    happened.push_back("archive " + std::to_string(asked.before.sequence.value_or(0)) + " " +
                       std::to_string(asked.before.time_ns.value_or(0)) + (asked.dry_run ? " dry" : ""));
    asked.progress(3, 8);
    answer(archived);
  }
  void archives(std::function<void(std::vector<ArchiveState>)> answer) override {
    answer({{1, 8, 1000, {7}, "some.archive", ""}, {9, 12, 500, {}, "other.archive", "it is not there"}});
  }
};

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

  Point point;  // of the last question about the past,
  EventQuery query;
  Sequence cursor = 0;
  PastRow past;  // and what is answered
  PastPage past_page;
  FoundStreams found;
  SearchPage search_page;
  std::vector<std::function<void(std::expected<SearchPage, Rejection>)>> searches;  // kept where told to

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
  void state_at(const Point& at, StreamKind kind, std::string_view reference,
                std::function<void(std::expected<PastRow, Rejection>)> answer) override;
  void states_at(const Point& at, StreamKind kind, std::uint64_t after_id,
                 std::function<void(std::expected<PastPage, Rejection>)> answer) override;
  void find_streams(StreamKind kind, std::string_view reference,
                    std::function<void(std::expected<FoundStreams, Rejection>)> answer) override;
  void search(const EventQuery& asked, Sequence from, std::uint32_t known_actors,
              std::uint32_t known_boots,
              std::function<void(std::expected<SearchPage, Rejection>)> answer) override;
  void verify(std::function<void(std::uint64_t done, std::uint64_t total)> report,
              std::function<void(Result<VerifySummary>)> answer) override;
  void reconcile_plan(std::function<void(std::vector<PlanLine>)> answer) override;
  ReconcileNumbers reconcile_status() override;
  Hold image_progress(ImageId image, std::uint64_t from_line, std::uint64_t timeout,
                      std::function<void(ImageLines)> answer) override;
  CareService& care() override { return log_care; }
  void stop(const Caller& caller, std::function<void()> answer) override;

  MemoryCare log_care;
};

}  // namespace banger::rpc::test
