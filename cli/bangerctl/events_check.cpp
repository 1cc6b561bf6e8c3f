// replay and verify: the log held against what was made of it, and against itself.
#include <CLI/CLI.hpp>

#include "cli/bangerctl/event_reader.h"
#include "cli/bangerctl/events_verbs.h"
#include "cli/bangerctl/log/care_calls.h"
#include "cli/bangerctl/rows.h"
#include "cli/bangerctl/table.h"
#include "cli/bangerctl/terminal.h"
#include "events/capnp_bytes.h"
#include "projections/check.h"

namespace banger::ctl {
namespace {

// A daemon that is busy moves on while its rows are read; then it is caught up with and read again.
constexpr int kRounds = 50;

struct Compared {
  std::string projection;
  std::size_t rows = 0;
  std::size_t bytes = 0;
  std::string difference;  // empty: byte for byte the same
};

Answer<void> fold_to_head(EventReader& reader, Replay& replay, Progress& progress) {
  for (;;) {
    const auto records = reader.page(replay.fleet().last + 1, kPageBytes);
    if (!records) return std::unexpected(records.error());
    if (records->empty()) return {};
    for (const EventRecord& record : *records) {
      const Status folded = replay.fold(record);
      if (!folded) return std::unexpected(to_failure(folded.error()));
    }
    progress.show("replay", "events", replay.fleet().last, reader.head());
  }
}

// The first row that is not the same; empty where all are.
std::string first_difference(std::string_view projection, const StoredRows& replayed, const StoredRows& served) {
  RowCheck check(projection, replayed);
  for (const auto& [key, value] : served) check.see(key, value);
  CheckReport report;
  std::move(check).finish(report);
  if (report.rows.empty()) return {};
  const DriftedRow& row = report.rows.front();
  const std::string name = "row " + key_hex(row.key);
  if (row.stored.empty()) return name + " is missing in the daemon's";
  return row.folded.empty() ? name + " is in the daemon's only" : name + " differs";
}

// The sequence up to which every projection is folded, or nothing where they differ.
Answer<std::optional<Sequence>> checkpoint(Session& session) {
  auto answer = session.call(
      [](schema::Control::Client control) { return control.projectionsRequest().send(); });
  if (!answer) return std::unexpected(answer.error());
  std::optional<Sequence> all;
  for (const auto each : answer->getProjections()) {
    if (all && *all != each.getCheckpoint()) return std::nullopt;
    all = each.getCheckpoint();
  }
  return all;
}

// Nothing where the daemon moved on meanwhile.
Answer<std::optional<std::vector<Compared>>> compare(Session& session, const Replay& replay) {
  std::vector<Compared> all;
  auto at = checkpoint(session);
  if (!at) return std::unexpected(at.error());
  if (*at != replay.fleet().last) return std::nullopt;
  for (const ProjectionInfo& info : kProjections) {
    const auto served = read_rows(session, std::string(info.name));
    if (!served) return std::unexpected(served.error());
    const StoredRows replayed = replay.rows(info.name);
    Compared compared{std::string(info.name), replayed.size(), 0,
                      first_difference(info.name, replayed, *served)};
    for (const auto& [key, value] : replayed) compared.bytes += key.size() + value.size();
    all.push_back(std::move(compared));
  }
  at = checkpoint(session);
  if (!at) return std::unexpected(at.error());
  if (*at != replay.fleet().last) return std::nullopt;
  return all;
}

Answer<int> tell(Context& context, const Replay& replay, const std::vector<Compared>& all) {
  bool same = true;
  Json projections = Json::array();
  Table table({"PROJECTION", "ROWS", "BYTES", "SAME"});
  for (const Compared& each : all) {
    const bool equal = each.difference.empty();
    same = same && equal;
    projections.push_back({{"name", each.projection},
                           {"rows", each.rows},
                           {"bytes", each.bytes},
                           {"same", equal},
                           {"difference", equal ? Json(nullptr) : Json(each.difference)}});
    table.add({each.projection, std::to_string(each.rows), std::to_string(each.bytes),
               equal ? "byte for byte" : "no: " + each.difference});
    table.tone(equal ? Tone::kGood : Tone::kBad, 3);
  }
  const std::string text =
      context.json()
          ? dump(Json{
                {"events", replay.fleet().last}, {"same", same}, {"projections", projections}}) +
                "\n"
          : table.text(stdout_look()) + std::to_string(replay.fleet().last) +
                " events replayed\n";
  const auto done = print(text);
  if (!done) return std::unexpected(done.error());
  if (!same)
    return failed("what the daemon serves is not what its log says", "bangerctl events verify");
  return kOk;
}

Answer<int> replay(Context& context) {
  Session& session = context.session();
  EventReader reader(session);
  Replay replay;
  Progress progress;
  for (int round = 0; round < kRounds; ++round) {
    const auto folded = fold_to_head(reader, replay, progress);
    if (!folded) return std::unexpected(folded.error());
    auto compared = compare(session, replay);
    if (!compared) return std::unexpected(compared.error());
    if (*compared) {
      progress.clear();
      return tell(context, replay, **compared);
    }
  }
  return failed("the log grew faster than its projections could be read",
                "again in a quieter moment");
}

Answer<int> verify(Context& context) {
  auto answer = context.session().call([](schema::Control::Client control) {
    auto request = control.verifyRequest();
    request.setProgress(shown_progress("verify"));
    return request.send();
  });
  if (!answer) return std::unexpected(answer.error());
  const auto report = answer->getReport();
  Json problems = Json::array();
  std::vector<std::pair<std::string, std::string>> fields{
      {"Verdict", report.getOk() ? "whole" : "damaged"},
      {"Events", std::to_string(report.getEvents())},
      {"Blocks", std::to_string(report.getBlocks())},
      {"Head", std::to_string(report.getHeadSequence())},
      {"Chain", text_of(report.getChain())},
      {"Took", format_ms(report.getElapsedMs())}};
  for (const auto problem : report.getProblems()) {
    problems.push_back(text_of(problem));
    fields.emplace_back("Problem", text_of(problem));
  }
  const Json json{{"ok", report.getOk()},
                  {"events", report.getEvents()},
                  {"blocks", report.getBlocks()},
                  {"head_sequence", report.getHeadSequence()},
                  {"chain", text_of(report.getChain())},
                  {"problems", problems},
                  {"elapsed_ms", report.getElapsedMs()}};
  const auto done = print(context.json() ? dump(json) + "\n" : describe(fields));
  if (!done) return std::unexpected(done.error());
  return report.getOk() ? kOk : kFailed;
}

}  // namespace

void add_replay_verb(const Verbs& verbs, CLI::App& events) {
  CLI::App* verb =
      add_verb(events, "replay",
               "Fold every event again and compare with what the daemon serves, byte for byte");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, replay);
}

void add_verify_verb(const Verbs& verbs, CLI::App& events) {
  CLI::App* verb = add_verb(events, "verify", "Check checksums, chain and anchor of the whole log");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, verify);
}

}  // namespace banger::ctl
