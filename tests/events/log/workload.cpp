#include "tests/events/log/workload.h"

#include <algorithm>
#include <stdexcept>

#include "tests/events/log/watched.h"

namespace banger::log::test {
namespace {

// A request of the workload. `events` 0: a command that changed nothing.
struct Step {
  std::size_t events;
  enum class What { kPlain, kArchive, kErase } what = What::kPlain;
};

constexpr std::size_t kFirstSession = 34;
constexpr std::size_t kArchiveStep = kFirstSession + 2;
constexpr std::size_t kEraseStep = kFirstSession + 4;
constexpr std::size_t kSecondSession = kFirstSession + 8;
constexpr std::size_t kSteps = kSecondSession + 4;
const std::vector<Sequence> kErased{2, 100, 640};  // two in the archive, one in the store

void must(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

template <class T>
T value_of(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

Step step(std::size_t number) {
  if (number == kArchiveStep) return {1, Step::What::kArchive};
  if (number == kEraseStep) return {1, Step::What::kErase};
  if (number % 9 == 0) return {0};
  return {number <= kFirstSession ? number % 5 * 11 + 1 : number % 3 + 1};
}

// The last event of this request, or of those before it.
Sequence last_of(std::size_t number) {
  Sequence last = 0;
  for (std::size_t i = 1; i <= number; ++i) last += step(i).events;
  return last;
}

CommandId id_of(std::size_t number) {
  return {0xfa117, number};
}

AppendRequest request(std::size_t number) {
  AppendRequest made = make_request(last_of(number - 1) + 1, step(number).events);
  made.command->id = id_of(number);
  made.rows = {{"fleet", 1, "last", std::to_string(number)}};
  return made;
}

class Session {
 public:
  Session(const LogPaths& paths, std::size_t sent, std::uint64_t low_water) : before_(sent), sent_(sent) {
    OpenOptions options = listener_.options(paths);
    options.anchor_interval = std::chrono::milliseconds(1);
    options.low_water_bytes = low_water;
    options.ballast_bytes = 64u << 10;
    options.on_durable = [this, tell = options.on_durable](Durable durable) {
      say("durable " + std::to_string(before_ + durable.ticket));
      tell(durable);
    };
    options.on_failure = [tell = options.on_failure](const Error& error) {
      say("failed " + error.message);
      tell(error);
    };
    auto opened = EventLog::open(std::move(options));
    if (!opened) {
      say("refused " + opened.error().message);
      return;
    }
    log_ = std::move(*opened);
    static_cast<void>(log_->low_water());  // a ballast that cannot be made now is made another time
  }

  // False: the log has failed, or is not there.
  [[nodiscard]] bool well() const { return log_ && !failed_; }
  [[nodiscard]] const EventLog& log() const { return *log_; }

  void send(AppendRequest made) {
    if (!well()) return;
    ++sent_;
    say("send " + std::to_string(sent_));
    ticket_ = log_->append(std::move(made));
    if (ticket_ == 0) fail();
  }
  void wait() {
    if (well() && !listener_.wait_for(ticket_)) fail();
  }
  void send_up_to(std::size_t number, std::size_t burst) {
    while (well() && sent_ < number) {
      send(request(sent_ + 1));
      if (sent_ % burst == 0) wait();
    }
    wait();
  }

  // An archive or an erasure as the daemon makes them: one that could not be made is not recorded.
  void archive() {
    if (!well()) return;
    AppendRequest made = request(sent_ + 1);
    const auto plan = log_->plan_archive(last_of(14), last_of(14));
    const auto change = plan && plan->last > 0 ? log_->write_archive(*plan, {}) : fail_with("nothing to archive");
    if (change) {
      made.archives.push_back(*change);
    } else {
      say("unarchived " + change.error().message);
    }
    send(std::move(made));
    wait();
    if (well() && change) static_cast<void>(log_->purge_archived());
  }
  void erase() {
    if (!well()) return;
    AppendRequest made = request(sent_ + 1);
    auto changes = log_->rewrite_archives(kErased);
    if (changes) {
      made.archives = *std::move(changes);
      made.erase = kErased;
    } else {
      say("unerased " + changes.error().message);
    }
    send(std::move(made));
    wait();
    if (well() && changes) static_cast<void>(log_->purge_erased());
  }

  // How many requests were sent.
  std::size_t close() {
    if (!log_) return sent_;
    const bool closed = log_->shutdown().has_value();
    must(listener_.failures().empty() || !closed, "a failed log says that it was closed well");
    must(listener_.failures().size() <= 1, "on_failure came twice");
    return sent_;
  }

 private:
  static Result<ArchiveChange> fail_with(const char* what) { return banger::fail(what); }

  // Final, whether or not the disk is well again; what was durable can still be read.
  void fail() {
    failed_ = true;
    listener_.wait_for_failure();
    for (int i = 0; i < 2; ++i) must(log_->append({}) == 0, "a failed log takes more");
    must(log_->head().sequence <= last_of(sent_), "the head is beyond what was sent");
  }

  Listener listener_;
  std::unique_ptr<EventLog> log_;
  const std::size_t before_;
  std::size_t sent_;
  Ticket ticket_ = 0;
  bool failed_ = false;
};

void check_erased(const EventLog& log, bool erased) {
  for (const Sequence sequence : kErased) {
    if (sequence > log.head().sequence) continue;
    must(value_of(log.event(sequence)).erased == erased, "event " + std::to_string(sequence) + " is erased or not, wrongly");
  }
  if (log.head().sequence >= 4) must(!value_of(log.event(4)).erased, "an event that nobody erased is erased");
}

void check_indexes(const EventLog& log, Sequence head) {
  std::size_t found = 0;
  for (std::uint64_t stream = 1; stream <= 7; ++stream) {
    const auto sequences = value_of(log.stream_events({StreamKind::kVm, stream}, 1, SIZE_MAX));
    for (std::size_t i = 0; i < sequences.size(); ++i) must(sequences[i] == stream + 7 * i, "a stream's index is not its events");
    found += sequences.size();
  }
  must(found == head, "the streams hold " + std::to_string(found) + " events of " + std::to_string(head));
}

void check_verifies(const LogPaths& paths) {
  const VerifyReport report = value_of(verify_log(paths, {}));
  must(report.ok(), report.ok() ? "" : "verify: " + report.problems.front());
}

// How many of the requests are there: all up to some one, wholly, and nothing of those behind it.
std::size_t requests_in(const EventLog& log) {
  std::size_t there = 0;
  for (std::size_t number = 1; number <= kSteps + 1; ++number) {
    const auto command = value_of(log.find_command(id_of(number)));
    if (!command) continue;
    must(number == there + 1, "request " + std::to_string(number) + " is there, and one before it is not");
    must(command->event_count == step(number).events, "another command record");
    there = number;
  }
  const Sequence head = last_of(there);
  must(log.head().sequence == head, "the head is " + std::to_string(log.head().sequence) + ", not " + std::to_string(head));
  const auto row = value_of(log.row("fleet", 1, "last"));
  must(row.value_or("0") == std::to_string(there), "a row is of another request");
  must(value_of(log.checkpoint("fleet", 1)) == head, "a checkpoint is of another request");
  require_events(log, head);
  check_indexes(log, head);
  return there;
}

std::filesystem::path backup_in(const TempDir& dir) {
  return dir.path() / "backup";
}

}  // namespace

void run_workload(const TempDir& dir) {
  std::size_t sent = 0;
  {
    Session first(dir.log(), sent, 0);
    first.send_up_to(24, 6);
    if (first.well()) static_cast<void>(first.log().purge_erased());  // flushes, too
    first.send_up_to(30, 1);
    if (first.well()) {
      say("backup");
      if (first.log().backup(backup_in(dir))) say("backed up");
    }
    first.send_up_to(kFirstSession, 3);
    sent = first.close();
    if (!first.well()) return;
  }
  {
    Session second(dir.log(), sent, 0);
    second.send_up_to(kArchiveStep - 1, 1);
    second.archive();
    second.send_up_to(kEraseStep - 1, 1);
    second.erase();
    second.send_up_to(kSecondSession, 2);
    sent = second.close();
    if (!second.well()) return;
  }
  Session third(dir.log(), sent, UINT64_MAX / 4);
  third.send_up_to(kSteps, 4);
  third.close();
}

void take_note(Promises& promises, const std::string& said) {
  const std::size_t space = said.find(' ');
  const std::string word = said.substr(0, space);
  const auto number = [&] { return static_cast<std::size_t>(std::stoull(said.substr(space + 1))); };
  if (word == "send") promises.sent = number();
  if (word == "durable") promises.durable = number();
  if (word == "unarchived") promises.unarchived = true;
  if (word == "unerased") promises.unerased = true;
  if (word == "backup") promises.in_backup = promises.durable;
  if (said == "backed up") promises.backed_up = true;
  if (word == "failed") ++promises.failures;
  if (word == "refused") promises.refused = true;
}

Promises promises_of(std::span<const std::string> said) {
  Promises promises;
  for (const std::string& line : said) take_note(promises, line);
  return promises;
}

std::size_t workload_requests() {
  return kSteps;
}

void check_kept(const LogPaths& paths, const Promises& promises) {
  if (promises.durable > 0) check_verifies(paths);
  OpenOptions options{.paths = paths};
  OpenLog open(std::move(options));
  const EventLog& log = *open.log;
  const std::size_t there = requests_in(log);
  must(there >= promises.durable, "request " + std::to_string(promises.durable) + " was acknowledged, and " +
                                      std::to_string(there) + " are there");
  must(there <= promises.sent, "there is more than was sent");
  check_erased(log, there >= kEraseStep && !promises.unerased);
  const auto archives = log.archives();
  must(archives.empty() == (there < kArchiveStep || promises.unarchived), "an archive is recorded or not, wrongly");
  for (const ArchiveState& archive : archives) must(archive.problem.empty(), archive.problem);
  must(value_of(log.epochs()).size() == 1, "an epoch began");
  open.commit(make_request(log.head().sequence + 1, 2));
  must(log.verify({})->ok(), "verify finds a problem once it went on");
  must(open.log->shutdown().has_value(), "it cannot be closed");
  check_verifies(paths);
}

void check_backup(const TempDir& dir, const Promises& promises) {
  const LogPaths paths{backup_in(dir), backup_in(dir)};
  check_verifies(paths);
  const OpenLog open(paths);
  const std::size_t there = requests_in(*open.log);
  must(there >= promises.in_backup, "the backup lacks what was acknowledged before it began");
  must(there <= promises.sent, "the backup has more than was sent");
}

}  // namespace banger::log::test
