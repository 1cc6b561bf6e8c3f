// A process of its own for what a test must survive: it appends, then dies as it was told to, or
// meets a disk that fails, or breaks a contract of the log and must be stopped by an assert. Usage:
// victim LOG_DIR ANCHOR_DIR append COUNT exact|crash|stale
//        victim LOG_DIR ANCHOR_DIR fault COUNT enospc|eio-write|eio-sync
//        victim LOG_DIR ANCHOR_DIR archive BEFORE crash|enospc|eio-write|eio-sync
//        victim LOG_DIR ANCHOR_DIR misuse gap|version|command|interned
// It prints "word value" lines. COUNT events are appended one a block.
#include <unistd.h>

#include <cstdio>
#include <string>

#include "events/assert.h"
#include "tests/events/log/fault_fs.h"
#include "tests/events/log/support.h"

namespace {

using namespace banger;
using namespace banger::log;
using namespace banger::log::test;

struct Victim {
  Victim(const LogPaths& paths, std::chrono::milliseconds anchor_interval, rocksdb::Env* env) {
    OpenOptions options = listener.options(paths);
    options.anchor_interval = anchor_interval;
    options.env = env;
    auto opened = EventLog::open(std::move(options));
    if (!opened) {
      std::printf("refused %s\n", opened.error().message.c_str());
      std::exit(3);
    }
    log = std::move(*opened);
  }

  bool append(std::size_t events) {
    const Ticket ticket = log->append(make_request(log->next_sequence(), events));
    return ticket != 0 && listener.wait_for(ticket);
  }

  Listener listener;
  std::unique_ptr<EventLog> log;
};

int append(const LogPaths& paths, std::uint64_t count, const std::string& how) {
  // Stale: the anchor of the empty log is all that ever gets written.
  const bool stale = how == "stale";
  Victim victim(paths, stale ? std::chrono::hours(1) : std::chrono::milliseconds(1), nullptr);
  for (std::uint64_t i = 1; i <= count; ++i) {
    if (i == count) {
      std::printf("wal_before_last %ju\n",
                  static_cast<std::uintmax_t>(std::filesystem::file_size(largest(paths, ".log"))));
    }
    if (!victim.append(1)) return 1;
  }
  std::printf("durable %ju\n", static_cast<std::uintmax_t>(victim.log->head().sequence));
  if (how == "exact" && !victim.log->shutdown()) return 1;
  std::fflush(stdout);
  ::_exit(0);
}

Fault fault_of(const std::string& how) {
  return how == "enospc"      ? Fault::kNoSpaceAtWrite
         : how == "eio-write" ? Fault::kErrorAtWrite
                              : Fault::kErrorAtSync;
}

// Of a log that is there; dies once the blocks have left the store, or could not.
int archive(const LogPaths& paths, Sequence before, const std::string& how) {
  const auto env = make_fault_env();
  Victim victim(paths, std::chrono::milliseconds(1), env.get());
  const auto plan = victim.log->plan_archive(before, before);
  if (!plan || plan->last == 0) return 1;
  const auto change = victim.log->write_archive(*plan, {});
  if (!change) return 1;
  if (how != "crash") set_fault(fault_of(how));
  AppendRequest request = make_request(victim.log->next_sequence(), 1);
  request.archives.push_back(*change);
  const bool durable = victim.listener.wait_for(victim.log->append(std::move(request)));
  std::printf("durable %d\nlast %ju\n", durable ? 1 : 0, static_cast<std::uintmax_t>(plan->last));
  std::fflush(stdout);
  ::_exit(0);
}

int fault(const LogPaths& paths, std::uint64_t count, const std::string& how) {
  const auto env = make_fault_env();
  Victim victim(paths, std::chrono::milliseconds(1), env.get());
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!victim.append(1)) return 1;
  }
  set_fault(fault_of(how));
  const Sequence doubtful = victim.log->next_sequence();
  std::printf("appended_after_fault %d\n", victim.append(1) ? 1 : 0);
  victim.listener.wait_for_failure();
  // The disk is well again: refusing must not depend on its state.
  set_fault(Fault::kNone);
  AppendRequest late;
  late.command = CommandRecord{
      .id = {9, 9}, .request_digest = {}, .first_sequence = 0, .event_count = 0, .subject = {}};
  std::printf("late_ticket %ju\n", static_cast<std::uintmax_t>(victim.log->append(late)));
  std::printf("failures %zu\n", victim.listener.failures().size());
  std::printf("errno %d\n", victim.listener.failures().front().sys_errno);
  std::printf("durable %ju\n", static_cast<std::uintmax_t>(victim.log->head().sequence));
  std::printf("doubtful %ju\n", static_cast<std::uintmax_t>(doubtful));
  std::printf("shutdown_ok %d\n", victim.log->shutdown() ? 1 : 0);
  std::fflush(stdout);
  ::_exit(0);
}

int misuse(const LogPaths& paths, const std::string& how) {
  Victim victim(paths, std::chrono::milliseconds(1), nullptr);
  AppendRequest first = make_request(1, 1);
  first.interned.push_back({1, 1, "uid 1000"});
  if (!victim.listener.wait_for(victim.log->append(first))) return 1;
  AppendRequest request = make_request(2, 1);
  if (how == "gap") request.events[0].sequence = 3;
  if (how == "version") request.events[0].stream_version = 2;
  if (how == "command") request.command->id = first.command->id;
  if (how == "interned") request.interned.push_back({1, 1, "uid 0"});
  std::printf("reached misuse\n");
  std::fflush(stdout);
  static_cast<void>(victim.listener.wait_for(victim.log->append(std::move(request))));
  return 0;  // it went through: the test fails
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  const LogPaths paths{argv[1], argv[2]};
  const std::string what = argv[3];
  if (what == "misuse") return misuse(paths, argv[4]);
  if (argc < 6) return 2;
  const std::uint64_t count = std::stoull(argv[4]);
  if (what == "archive") return archive(paths, count, argv[5]);
  return what == "append" ? append(paths, count, argv[5]) : fault(paths, count, argv[5]);
}
