// projection verify, diff and rebuild: stored rows against what the log makes of them.
#include <CLI/CLI.hpp>

#include "cli/bangerctl/log/care_calls.h"
#include "cli/bangerctl/log/fields.h"
#include "cli/bangerctl/log/log_verbs.h"
#include "cli/bangerctl/log/row_json.h"
#include "cli/bangerctl/table.h"
#include "cli/bangerctl/terminal.h"
#include "cli/bangerctl/vm_watch.h"
#include "events/capnp_bytes.h"
#include "projections/check.h"

namespace banger::ctl {
namespace {

Answer<int> verify(Context& context, const std::string& name) {
  const auto answer = check_projections(context.session(), name);
  if (!answer) return std::unexpected(answer.error());
  const auto report = answer->getReport();
  Json array = Json::array();
  Table table({"PROJECTION", "ROWS", "BYTES", "DRIFTED"});
  std::uint64_t drifted = 0;
  for (const auto each : report.getProjections()) {
    drifted += each.getDrifted();
    array.push_back({{"name", text_of(each.getName())},
                     {"rows", each.getRows()},
                     {"bytes", each.getBytes()},
                     {"drifted", each.getDrifted()}});
    table.add({text_of(each.getName()), std::to_string(each.getRows()), std::to_string(each.getBytes()),
               std::to_string(each.getDrifted())});
    table.tone(each.getDrifted() == 0 ? Tone::kGood : Tone::kBad, 3);
  }
  const Json json{{"events", report.getSequence()}, {"drifted", drifted}, {"projections", array}};
  const auto done = print(context.json() ? dump(json) + "\n"
                                         : table.text(stdout_look()) + std::to_string(report.getSequence()) +
                                               " events folded\n");
  if (!done) return std::unexpected(done.error());
  if (drifted > 0) {
    return failed(std::to_string(drifted) + " rows are not what the log makes them", "bangerctl projection diff");
  }
  return kOk;
}

// A row's bytes as JSON; those that cannot be read say so.
Json row_of(const std::string& projection, std::string_view key, std::string_view bytes) {
  if (bytes.empty()) return nullptr;
  auto json = row_json(projection, key, bytes);
  return json ? *std::move(json) : Json{{"unreadable", json.error().message}};
}

std::string difference_text(const std::string& projection, std::string_view key, const Json& stored,
                            const Json& folded) {
  std::string text = projection + " " + key_hex(key) + "\n";
  if (stored.is_null()) return text + "  is not stored, and should be\n";
  if (folded.is_null()) return text + "  is stored, and should not be\n";
  for (const ValueChange& change : value_changes(stored, folded)) {
    text += "  " + escape(change.name) + ": stored " + (change.before.empty() ? "nothing" : escape(change.before)) +
            ", the log makes it " + (change.after.empty() ? "nothing" : escape(change.after)) + "\n";
  }
  return text;
}

Answer<int> diff(Context& context, const std::string& name) {
  const auto answer = check_projections(context.session(), name);
  if (!answer) return std::unexpected(answer.error());
  Json array = Json::array();
  std::string text;
  for (const auto row : answer->getReport().getRows()) {
    const std::string projection = text_of(row.getProjection());
    const std::string_view key = bytes_of(row.getKey());
    const Json stored = row_of(projection, key, bytes_of(row.getStored()));
    const Json folded = row_of(projection, key, bytes_of(row.getFolded()));
    text += difference_text(projection, key, stored, folded);
    array.push_back({{"projection", projection}, {"key", key_hex(key)}, {"stored", stored}, {"folded", folded}});
  }
  const std::uint64_t left_out = answer->getReport().getLeftOut();
  if (left_out > 0) note("and " + std::to_string(left_out) + " rows more");
  if (!context.json() && array.empty()) text = "every row is what the log makes it\n";
  const auto done = print(context.json() ? dump(array) + "\n" : text);
  if (!done) return std::unexpected(done.error());
  return array.empty() ? kOk : kFailed;
}

Answer<int> rebuild(Context& context, const std::string& name) {
  auto answer = context.session().call([&](schema::Control::Client control) {
    auto request = control.logCareRequest().send().getCare().rebuildProjectionsRequest();
    request.setName(name);
    return request.send();
  });
  if (!answer) return std::unexpected(answer.error());
  if (answer->getReply().isRefused()) return std::unexpected(refusal(answer->getReply().getRefused()));
  return printed(context.json()
                ? dump(Json{{"rows", answer->getWritten()}, {"events", answer->getSequence()}}) + "\n"
                : std::to_string(answer->getWritten()) + " rows written anew, from " +
                      std::to_string(answer->getSequence()) + " events\n");
}

void add(const Verbs& verbs, CLI::App& noun, const char* name, const char* about,
         Answer<int> (*run)(Context&, const std::string&)) {
  auto projection = std::make_shared<std::string>();
  CLI::App* verb = add_verb(noun, name, about);
  verb->add_option("name", *projection, "This projection only; else all of them");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [projection, run](Context& context) { return run(context, *projection); });
}

}  // namespace

void add_projection_care_verbs(const Verbs& verbs, CLI::App& noun) {
  add(verbs, noun, "verify", "Fold the log again and hold the stored rows against it", verify);
  add(verbs, noun, "diff", "Rows that are not what the log makes them, field by field", diff);
  add(verbs, noun, "rebuild", "Write the rows anew, from the log", rebuild);
}

}  // namespace banger::ctl
