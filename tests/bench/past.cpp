// Questions about the past at the daemon's own functions, without the RPC: what they cost in a long
// log.
#include <chrono>
#include <filesystem>

#include "cli/bangerd/audit/living.h"
#include "cli/bangerd/audit/past.h"
#include "cli/bangerd/audit/search.h"
#include "engine/runtime/load_interned.h"
#include "tests/bench/bench.h"
#include "tests/bench/log_load.h"

namespace banger::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kVms = 1'000;
constexpr std::size_t kClients = 64;
constexpr std::size_t kChunk = 8'192;
constexpr std::size_t kQuestions = 200;
constexpr double kBoundMs = 100;  // what a person takes for at once

double ms_since(Clock::time_point then) {
  return std::chrono::duration<double, std::milli>(Clock::now() - then).count();
}

Status write(const std::string& dir, std::size_t events) {
  auto load = LogLoad::open(dir, kVms);
  if (!load) return std::unexpected(std::move(load).error());
  for (std::size_t written = 0; written < events; written += kChunk) {
    auto done =
        (*load)->append((*load)->make_requests(std::min(kChunk, events - written)), kClients);
    if (!done) return std::unexpected(std::move(done).error());
  }
  return (*load)->close();
}

// VMs at moments of chance, each by the name that it has then: first what the moment is, then who
// had the name, then what it was.
Result<std::vector<double>> show_at(const log::EventLog& log, Sequence head) {
  test::Dice dice(1);
  std::vector<double> all;
  const auto begin = bangerd::time_of(log, 1);
  const auto end = bangerd::time_of(log, head);
  if (!begin || !end) return fail("the log has no times");
  for (std::size_t i = 0; i < kQuestions; ++i) {
    const auto length = static_cast<std::uint64_t>(*end - *begin);
    const std::int64_t time = *begin + static_cast<std::int64_t>(dice.below(length));
    const auto found = bangerd::moment_of(log, time, head);
    if (!found) return std::unexpected(found.error());
    const auto asked_in = load_interned(log);
    const auto page =
        bangerd::living_at(log, *asked_in, StreamKind::kVm, found->sequence, dice.next(), {.rows = 1});
    if (!page || page->rows.empty()) continue;
    const std::string name = parse_vm_row(page->rows.front())->name;
    const auto since = Clock::now();
    const auto moment = bangerd::moment_of(log, time, head);
    const auto interned = load_interned(log);
    if (!moment || !interned) return fail("the log cannot be read");
    const auto named = bangerd::named_at(log, *interned, StreamKind::kVm, name, moment->sequence);
    if (!named || named->state.row.empty()) return fail("VM " + name + " was not found");
    all.push_back(ms_since(since));
  }
  return all;
}

// Every event looked at for an actor that there is not.
Result<double> scanned_per_s(const log::EventLog& log, Sequence head) {
  const bangerd::ActorSet nobody(std::in_place);
  std::uint64_t looked = 0;
  const auto since = Clock::now();
  for (Sequence cursor = 0;;) {
    const auto page = bangerd::search(log, {}, nobody, cursor, head);
    if (!page) return std::unexpected(page.error());
    looked += page->looked;
    if (page->done) return static_cast<double>(looked) / ms_since(since) * 1000;
    cursor = page->next;
  }
}

struct Listed {
  double ms = 0;
  std::size_t vms = 0, folded = 0;
};
// All pages of it, as `vm ls --at` asks for them.
Result<Listed> list_at(const log::EventLog& log, const Interned& interned, Sequence at) {
  Listed listed;
  const auto since = Clock::now();
  for (std::uint64_t after = 0;;) {
    const auto page = bangerd::living_at(log, interned, StreamKind::kVm, at, after);
    if (!page) return std::unexpected(page.error());
    listed.vms += page->rows.size();
    listed.folded += page->folded;
    if (!page->more) break;
    after = page->last_id;
  }
  listed.ms = ms_since(since);
  return listed;
}

// The slowest of moments all over the log, which is what a person may happen to ask for.
Status measure_list(const log::EventLog& log, Sequence head, Report& report) {
  constexpr Sequence kParts = 10;
  const auto interned = load_interned(log);
  if (!interned) return std::unexpected(interned.error());
  Listed slowest;
  std::vector<double> all;
  for (Sequence part = 1; part <= kParts; ++part) {
    const auto listed = list_at(log, *interned, head * part / kParts);
    if (!listed) return std::unexpected(listed.error());
    all.push_back(listed->ms);
    if (listed->ms > slowest.ms) slowest = *listed;
  }
  report.add({.name = "vm_ls_at_worst_ms",
              .ours = slowest.ms,
              .rival = kBoundMs,
              .sense = Target::kAtMost,
              .target = 1,
              .details = {{"p50_ms", median(all)},
                          {"now_ms", all.back()},
                          {"events", static_cast<double>(head)},
                          {"vms", static_cast<double>(slowest.vms)},
                          {"folded", static_cast<double>(slowest.folded)}}});
  return {};
}

}  // namespace

Status ask_past(const std::string& dir, Report& report) {
  auto log = log::EventLog::open({.paths = log_paths(dir)});
  if (!log) return std::unexpected(std::move(log).error());
  const Sequence head = (*log)->head().sequence;
  const auto shown = show_at(**log, head);
  if (!shown) return std::unexpected(shown.error());
  const auto scanned = scanned_per_s(**log, head);
  if (!scanned) return std::unexpected(scanned.error());
  if (shown->empty()) return fail("there was no VM to ask about");
  report.add({.name = "vm_show_at_p99_ms",
              .ours = quantile(*shown, 0.99),
              .rival = kBoundMs,
              .sense = Target::kAtMost,
              .target = 1,
              .details = {{"p50_ms", median(*shown)},
                          {"events", static_cast<double>(head)},
                          {"scanned_per_s", *scanned}}});
  BANGER_TRY(measure_list(**log, head, report));
  return (*log)->shutdown();
}

Status past(const Options& options, Report& report) {
  const auto events = options.pick<std::size_t>(2'000, 100'000, 1'000'000);
  Report::progress("past: writing " + std::to_string(events) + " events");
  const std::string dir = options.dir + "/past";
  std::filesystem::create_directory(dir);
  Status done = write(dir, events);
  if (done) done = ask_past(dir, report);
  std::filesystem::remove_all(dir);
  return done;
}

}  // namespace banger::bench
