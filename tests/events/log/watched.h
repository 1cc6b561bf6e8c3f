// A process whose every call that changes files, or makes changes durable, goes by a judge before the kernel does it
// (seccomp's user notification): how disks fail and machines crash in the log's tests, beneath RocksDB and beneath the
// log's own files alike. The judge lets a call through, fails it, cuts it short, or says that it is done. Only for
// a test program that has no threads of its own: the watched process is its fork.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace banger::log::test {

struct Call {
  enum class Kind {
    kSay,  // say(), below: nothing that is on a disk
    kOpen, kWrite, kTruncate, kAllocate, kSync, kSynced /* a sync that was answered kLater is over */, kSyncRange, kRename, kLink, kUnlink, kMakeDir, kRemoveDir,
  };
  Kind kind = Kind::kSay;
  std::string path;
  std::string to;                        // kRename, kLink
  std::string bytes;                     // kWrite, kSay
  std::optional<std::uint64_t> offset{}; // kWrite, where it is not at the file's end
  std::uint64_t size = 0;                // kTruncate; kAllocate: up to where the file grows, 0: it does not
  bool cuts = false;                     // kOpen: O_TRUNC
};
// "write 000004.log", for people.
[[nodiscard]] std::string describe(const Call& call);

enum class Verdict {
  kDo,
  kFail,
  kHalf,   // of a write
  kDone,   // without doing it
  kLater,  // the same, once everything else in the process waits or is still for a moment: a slow sync
};
struct Answer {
  Verdict verdict = Verdict::kDo;
  int sys_errno = 0;
};
using Judge = std::function<Answer(const Call&)>;

struct WatchedEnd {
  int exit_code = -1;  // -1: a signal
  int signal = 0;
  std::vector<std::string> said;
  std::string errors;  // its stderr
};

// Within `work`: a line for WatchedEnd::said, in its place among the calls.
void say(const std::string& line);

// Runs `work` in a fork to its end; what it throws is its last word, and exit code 1. `judge` sees what it says and the
// calls about files beneath `root`, one at a time. A process that does nothing for two minutes is killed, and that is an
// exception.
[[nodiscard]] WatchedEnd watch(const std::filesystem::path& root, const std::function<void()>& work, const Judge& judge);

// A judge that lets everything pass, and tells syncs to be done: for what no disk matters to.
[[nodiscard]] Answer no_syncs(const Call& call);

// The same without a judge, and so much faster: for looking at what was left.
[[nodiscard]] WatchedEnd run_without_syncs(const std::function<void()>& work);

}  // namespace banger::log::test
