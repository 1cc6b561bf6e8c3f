// The benchmarks that banger-bench runs, each beside its rival in the same run. A benchmark leaves
// nothing behind: no file in its directory, no process. An Error means that it could not be run.
#pragma once

#include <string>

#include "events/result.h"
#include "tests/bench/report.h"

namespace banger::bench {

enum class Size {
  kSmoke,  // just enough to see that it runs: figures mean nothing
  kQuick,
  kFull,
};

struct Options {
  Size size = Size::kFull;
  std::string dir;  // on the disk that is to be measured; short, since sockets lie below it

  template <class T>
  [[nodiscard]] T pick(T smoke, T quick, T full) const {
    return size == Size::kSmoke ? smoke : size == Size::kQuick ? quick : full;
  }
};

// Durable appends at the log's API for 1, 8 and 64 clients; rival: write + fdatasync of the same
// bytes in the batches that the log made of them; for 64 also SQLite with a transaction for each batch.
[[nodiscard]] Status log_append(const Options& options, Report& report);
// All events decoded and folded from the log; rival: the same from a flat file.
[[nodiscard]] Status replay(const Options& options, Report& report);
// What a VM was at some moment, by a time and a name; the rival is a bound of 100 ms. Also how many events a search
// without an index looks at.
[[nodiscard]] Status past(const Options& options, Report& report);
// The same of the log in `dir`, which is there.
[[nodiscard]] Status ask_past(const std::string& dir, Report& report);
// Intents of 64 clients over RPC; rivals: a method that does nothing, SQLite with a transaction
// each.
[[nodiscard]] Status rpc(const Options& options, Report& report);
// A hundred followers of one daemon, one of them deaf, while 10,000 events a second are offered; rival: one follower.
[[nodiscard]] Status follow(const Options& options, Report& report);
// A daemon on ten million events: restart, memory, listing, and `past`. Beside fixed limits.
[[nodiscard]] Status big_log(const Options& options, Report& report);
// `bangerctl vm ls` from start to end with a daemon running; rival: `true`.
[[nodiscard]] Status cli_start(const Options& options, Report& report);
// A look at 10 to 10,000 VMs and the plan that follows, by the observer `native`; rival: `tools`. Takes root.
[[nodiscard]] Status observe_host(const Options& options, Report& report);
// `bangerctl vm run` until the guest's first output; rival: QEMU by hand, same image, same argv.
[[nodiscard]] Status vm_run(const Options& options, Report& report);

}  // namespace banger::bench
