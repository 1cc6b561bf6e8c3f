// banger-log: what an operator does to the event log while no daemon has it open: verify, repair,
// backup, restore, stat. Beside a running daemon `bangerctl events verify` asks it instead; this
// program then refuses. Exit codes: 0 done and sound; 1 refused or failed, with one line on stderr;
// 2 bad usage; 3 verify found damage.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/banger-log/print.h"
#include "cli/manual/manual.h"
#include "events/log/import.h"
#include "events/log/maintain.h"
#include "events/peek.h"

namespace {

using namespace banger;
using namespace banger::log;

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kDamaged = 3;

struct Arguments {
  LogPaths paths;
  std::string backup;
  std::vector<std::string> bundles;
  bool accept_loss = false;
  Output output = Output::kTable;
};

// On a terminal only: elsewhere a long walk is silent until its result.
void show_progress(Sequence done, Sequence total) {
  if (::isatty(STDERR_FILENO) == 0) return;
  std::fprintf(stderr, "\r%ju of %ju events%s", static_cast<std::uintmax_t>(done),
               static_cast<std::uintmax_t>(total), done == total ? "\n" : "");
}

int failed(const Error& error) {
  std::fprintf(stderr, "banger-log: %s\n", error.message.c_str());
  return kFailed;
}

int verify(const Arguments& arguments) {
  auto report = verify_log(arguments.paths, show_progress);
  if (!report) return failed(report.error());
  print_report(*report, arguments.output);
  return report->ok() ? kDone : kDamaged;
}

int repair(const Arguments& arguments) {
  auto repaired = repair_log(arguments.paths, arguments.accept_loss, show_progress);
  if (!repaired) return failed(repaired.error());
  print_replaced(*repaired, arguments.output);
  return kDone;
}

int backup(const Arguments& arguments) {
  if (auto done = backup_log(arguments.paths, arguments.backup); !done) return failed(done.error());
  print_backup(arguments.backup, arguments.output);
  return kDone;
}

int restore(const Arguments& arguments) {
  auto restored = restore_log(arguments.backup, arguments.paths, show_progress);
  if (!restored) return failed(restored.error());
  print_replaced(*restored, arguments.output);
  return kDone;
}

// Where an event belongs in the indexes. One that cannot be decoded keeps its place, under no kind.
Result<EventPlace> place_of(std::string_view public_bytes) {
  auto peeked = peek(public_bytes);
  if (!peeked) return std::unexpected(std::move(peeked).error());
  return EventPlace{peeked->stream, peeked->version, peeked->kind};
}

int import(const Arguments& arguments) {
  auto imported = import_bundles(arguments.bundles, arguments.paths, place_of, show_progress);
  if (!imported) return failed(imported.error());
  print_replaced(*imported, arguments.output);
  return kDone;
}

int stat(const Arguments& arguments) {
  auto found = stat_log(arguments.paths);
  if (!found) return failed(found.error());
  print_stat(*found, arguments.output);
  return kDone;
}

std::string manual_text(const CLI::App& app) {
  return manual::of_program(
      app,
      {.name = "banger-log",
       .section = 8,
       .version = BANGER_VERSION,
       .about = "works on banger's event log while no daemon runs",
       .text = "Verifies, repairs, backs up and restores the event log. It takes the log's lock, so it refuses while "
               "a daemon has the log open; bangerctl asks that daemon instead.\n\n"
               "Nothing that is replaced is deleted: the old database stays beside the new one.",
       .sections = {{"EXIT STATUS",
                     "",
                     {{"0", "Done, and sound."},
                      {"1", "Refused or failed."},
                      {"2", "The command line makes no sense."},
                      {"3", "verify found damage."}}}},
       .see_also = {"bangerctl(1)", "bangerd(8)"}});
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Works on banger's event log while no daemon runs.\n"
      "Exit codes: 0 done; 1 refused or failed; 2 bad usage; 3 verify found damage.");
  app.name("banger-log");
  app.require_subcommand(1);
  app.fallthrough();
  Arguments arguments;
  int (*verb)(const Arguments&) = nullptr;
  app.add_option("--log", arguments.paths.path, "Directory of the log (holds db/)")->required();
  app.add_option("--anchor", arguments.paths.anchor_dir, "Directory of its head anchor")
      ->required();
  app.add_option("-o,--output", arguments.output, "table or json")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, Output>{{"table", Output::kTable}, {"json", Output::kJson}}));
  const auto add = [&](const char* name, const char* what, int (*run)(const Arguments&)) {
    return app.add_subcommand(name, what)->callback([&verb, run] { verb = run; });
  };
  add("verify", "Walk the whole log: checksums, chain, anchor, indexes", verify);
  add("stat", "Head, anchor, epochs and sizes", stat);
  add("repair", "Drop what is damaged at the end of the log; a sound log is left alone", repair)
      ->add_flag("--accept-loss", arguments.accept_loss,
                 "Go on although events that had been synced are missing");
  add("backup", "Copy the log into a new directory, by hard links where that works", backup)
      ->add_option("directory", arguments.backup, "Must not exist")
      ->required();
  add("restore", "Put a backup in the log's place, in a new epoch; the old one is kept aside",
      restore)
      ->add_option("directory", arguments.backup, "A directory that `backup` made")
      ->required()
      ->check(CLI::ExistingDirectory);
  bool manual = false;
  app.add_flag("--manual", manual, "print banger-log(8), for man")->group("");
  // The manual needs no log: its flag alone is a whole command line.
  if (argc == 2 && std::string_view(argv[1]) == "--manual") {
    std::fputs(manual_text(app).c_str(), stdout);
    return kDone;
  }
  add("import", "Make an empty log out of bundles that hold every event; in a new epoch", import)
      ->add_option("bundles", arguments.bundles, "What `bangerctl events export` wrote, in order")
      ->required()
      ->check(CLI::ExistingFile);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  return verb(arguments);
}
