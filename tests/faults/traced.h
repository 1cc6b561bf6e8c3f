// Traced: a program under ptrace(2), whose system calls are counted over all of its threads and over its children until they
// exec, so that one of them can be the last (SIGKILL before it is carried out) or fail. strace(1) counts each thread by itself,
// and knows a path but no directory. x86-64.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace banger::faults {

// What is counted, and what becomes of the `nth`.
struct Fault {
  enum class Calls { kAll, kWrite, kSync, kOpen, kRename };  // all but the first: of files below `below` alone; opens that may write
  enum class Then { kKill, kFail };

  Calls calls = Calls::kAll;
  Then then = Then::kKill;
  std::uint64_t nth = 0;  // from 1; 0: counts only
  int error = 0;          // of a call that fails
  bool for_ever = false;  // and so does each one after it
  std::string below;
};

class Traced {
 public:
  // Starts the program, which gets the writing end of ready() as descriptor 3; what it says is appended to `output`. With a fault
  // it is traced from its first flock(2) on, which is how bangerd takes its data directory.
  Traced(const std::vector<std::string>& argv, const std::string& output, const Fault* from_start = nullptr);
  ~Traced();  // kills it where it still runs
  Traced(const Traced&) = delete;
  Traced& operator=(const Traced&) = delete;

  // Traces a program that runs, from now on. Once.
  void strike(const Fault& fault);
  // From here on nothing befalls it any more. Gives whether anything has.
  bool relent();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int ready() const { return ready_; }
  [[nodiscard]] std::uint64_t counted() const { return counted_; }
  [[nodiscard]] bool struck() const { return struck_; }
  void kill() const;  // SIGKILL
  // Waits for its end; as waitpid(2) says it.
  int wait();
  // Of the call that was struck: its number, and its file where that mattered. After wait().
  [[nodiscard]] const std::string& struck_call() const { return struck_call_; }

 private:
  struct Loop;  // of the tracing thread
  void trace_from(const Fault& fault, bool counting);

  pid_t pid_ = -1;
  int ready_ = -1;
  int status_ = 0;
  bool reaped_ = false;
  std::thread tracer_;
  std::atomic<std::uint64_t> counted_ = 0;
  std::atomic<bool> struck_ = false;
  std::mutex mutex_;  // held where it is decided that a fault is due, or none any more
  bool over_ = false;
  std::string struck_call_;
};

}  // namespace banger::faults
