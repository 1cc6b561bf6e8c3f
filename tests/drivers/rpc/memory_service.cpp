#include "tests/drivers/rpc/memory_service.h"

#include <sys/mman.h>
#include <unistd.h>

#include <utility>

#include "events/assert.h"

namespace banger::rpc::test {

Hold MemoryService::hold(std::string name) {
  ++holds;
  // Owns nothing but its end, as holds may.
  return Hold(nullptr, [this, name = std::move(name)](void*) {
    --holds;
    happened.push_back(name + " dropped");
  });
}

void MemoryService::append(std::string open) {
  log.push_back({.open = std::move(open), .personal = "p", .erased = false, .digest = {1, 2}});
  for (const auto& [id, wake] : std::map(wakes)) wake();
}

DaemonInfo MemoryService::info() {
  DaemonInfo info;
  info.version = "0.1.0";
  info.store_id = "store";
  info.pid = 42;
  info.head = log.size();
  info.low_water = true;
  return info;
}

void MemoryService::submit(const Caller& caller, CommandId id, std::string_view request, Ask ask,
                           std::function<void(Answer)> give) {
  submitted.push_back({caller, id, std::string(request), std::move(ask)});
  if (keep_answers) {
    kept.push_back([this, give] { give(answer); });
  } else {
    give(answer);
  }
}

void MemoryService::open_exec(const Caller& caller, CommandId id, std::string_view request,
                              StartExec start, ExecAnswer give) {
  submitted.push_back({caller, id, std::string(request), std::move(start)});
  auto open = [this, give] {
    if (!answer) return give(answer, fail("refused"));
    if (key_fails) return give(answer, fail("no key"));
    Fd key(::memfd_create("key", MFD_CLOEXEC));
    BANGER_ASSERT(::write(key.get(), "secret", 6) == 6);
    give(answer, Exec{.exec = {9},
                      .vm = {7},
                      .access = {"127.0.0.1", "root", "ssh-ed25519 AAAA", 2222, std::move(key)},
                      .lease = hold("lease")});
  };
  if (keep_answers) {
    kept.emplace_back(open);
  } else {
    open();
  }
}

void MemoryService::resume_exec(VmId vm, ExecId exec, std::function<void(Hold)> give) {
  happened.push_back("resume " + std::to_string(vm.value) + " " + std::to_string(exec.value));
  give(exec_over ? Hold() : hold("lease"));
}

void MemoryService::finish_exec(const Caller&, VmId vm, ExecId exec, ExecOutcome outcome,
                                std::uint32_t code, std::function<void()> done) {
  happened.push_back("finish " + std::to_string(vm.value) + " " + std::to_string(exec.value) + " " +
                     std::string(name_of(outcome)) + " " + std::to_string(code));
  if (keep_answers) {
    kept.push_back(std::move(done));
  } else {
    done();
  }
}

void MemoryService::vm(std::string_view reference,
                       std::function<void(std::expected<VmDetails, Rejection>)> give) {
  if (refuse_reads) {
    return give(std::unexpected(Rejection{Refusal::kNotFound, "no VM", "bangerctl vm ls"}));
  }
  VmDetails details;
  details.row = std::string("\0row", 4);
  details.dir = "/vms/" + std::string(reference);
  details.pid = 17;
  give(std::move(details));
}

Hold MemoryService::await_stream(StreamId, Sequence, std::uint64_t timeout,
                                 std::function<void(StreamChange)> give) {
  timeout_ms = timeout;
  stream_waits.push_back(std::move(give));
  return hold("wait");
}

void MemoryService::console(std::string_view, std::uint64_t offset, std::uint32_t max_bytes,
                            std::function<void(std::expected<ConsoleBytes, Rejection>)> give) {
  limit = max_bytes;
  if (refuse_reads) return give(std::unexpected(Rejection{Refusal::kNotFound, "no VM", ""}));
  give(ConsoleBytes{.offset = offset, .size = 99, .data = std::string("a\0b", 3)});
}

void MemoryService::projections(std::function<void(std::vector<ProjectionSummary>)> give) {
  give({{"vm_runtime", "VMs", 1, 5}, {"images", "images", 2, 6}});
}

void MemoryService::projection_rows(std::string_view, std::string_view after_key,
                                    std::uint32_t most,
                                    std::function<void(std::expected<RowPage, Rejection>)> give) {
  limit = most;
  happened.push_back("rows after " + std::string(after_key));
  if (refuse_reads) return give(std::unexpected(Rejection{Refusal::kNotFound, "no such", ""}));
  give(page);
}

void MemoryService::events(Sequence from, std::uint32_t max_bytes, std::uint32_t known_actors,
                           std::uint32_t known_boots,
                           std::function<void(Result<EventBatch>)> give) {
  ++reads;
  limit = max_bytes;
  if (reads_fail) return give(fail("disk full"));
  EventBatch batch{.interned = {}, .events = {}, .next = from, .head = log.size()};
  for (const InternedEntry& entry : interned) {
    if (entry.number > (entry.table == InternTable::kActor ? known_actors : known_boots)) {
      batch.interned.push_back(entry);
    }
  }
  std::size_t bytes = 0;
  while (batch.next <= log.size() && batch.events.size() < events_per_read) {
    const StoredEventBytes& event = log[batch.next - 1];
    bytes += event.open.size() + event.personal.size();
    if (bytes > max_bytes && !batch.events.empty()) break;
    batch.events.push_back(event);
    ++batch.next;
  }
  if (during_read) std::exchange(during_read, nullptr)();
  give(std::move(batch));
}

Hold MemoryService::on_new_events(std::function<void()> wake) {
  const int id = ++last_wake;
  wakes.emplace(id, std::move(wake));
  return Hold(nullptr, [this, id](void*) { wakes.erase(id); });
}

void MemoryService::stream_events(StreamId, StreamVersion from, std::uint32_t most,
                                  std::function<void(Result<std::vector<Sequence>>)> give) {
  limit = most;
  if (reads_fail) return give(fail("disk full"));
  give(std::vector<Sequence>{from, from + 5});
}

void MemoryService::state_at(const Point& at, StreamKind kind, std::string_view reference,
                             std::function<void(std::expected<PastRow, Rejection>)> give) {
  point = at;
  happened.push_back("state of " + std::to_string(static_cast<int>(kind)) + " " +
                     std::string(reference));
  if (refuse_reads) return give(std::unexpected(Rejection{Refusal::kNotFound, "not then", "later"}));
  give(past);
}

void MemoryService::states_at(const Point& at, StreamKind kind, std::uint64_t after_id,
                              std::function<void(std::expected<PastPage, Rejection>)> give) {
  point = at;
  happened.push_back("states of " + std::to_string(static_cast<int>(kind)) + " after " +
                     std::to_string(after_id));
  if (refuse_reads) return give(std::unexpected(Rejection{Refusal::kNotFound, "not then", ""}));
  give(past_page);
}

void MemoryService::find_streams(StreamKind, std::string_view reference,
                                 std::function<void(std::expected<FoundStreams, Rejection>)> give) {
  happened.push_back("find " + std::string(reference));
  if (refuse_reads) return give(std::unexpected(Rejection{Refusal::kNotFound, "no such", ""}));
  give(found);
}

void MemoryService::search(const EventQuery& asked, Sequence from, std::uint32_t, std::uint32_t,
                           std::function<void(std::expected<SearchPage, Rejection>)> give) {
  query = asked;
  cursor = from;
  if (refuse_reads) return give(std::unexpected(Rejection{Refusal::kInvalid, "disk full", ""}));
  if (keep_answers) {
    searches.push_back(std::move(give));
  } else {
    give(search_page);
  }
}

void MemoryService::verify(std::function<void(std::uint64_t, std::uint64_t)> report,
                           std::function<void(Result<VerifySummary>)> give) {
  progress = std::move(report);
  verified = std::move(give);
}

void MemoryService::reconcile_plan(std::function<void(std::vector<PlanLine>)> give) {
  give(plan);
}

ReconcileNumbers MemoryService::reconcile_status() {
  ReconcileNumbers numbers;
  numbers.observations = 3;
  numbers.last_error = "none";
  return numbers;
}

Hold MemoryService::image_progress(ImageId, std::uint64_t, std::uint64_t timeout,
                                   std::function<void(ImageLines)> give) {
  timeout_ms = timeout;
  image_waits.push_back(std::move(give));
  return hold("wait");
}

void MemoryService::stop(const Caller& caller, std::function<void()> give) {
  happened.push_back("stop by " + caller.client);
  give();
}

}  // namespace banger::rpc::test
