#include <CLI/CLI.hpp>

#include "cli/bangerctl/context.h"
#include "cli/bangerctl/log/fields.h"
#include "cli/bangerctl/log/log_verbs.h"
#include "cli/bangerctl/log/row_json.h"
#include "cli/bangerctl/render_json.h"
#include "cli/bangerctl/rows.h"
#include "cli/bangerctl/table.h"
#include "cli/bangerctl/terminal.h"
#include "events/capnp_bytes.h"

namespace banger::ctl {
namespace {

Answer<int> list(Context& context) {
  auto answer = context.session().call(
      [](schema::Control::Client control) { return control.projectionsRequest().send(); });
  if (!answer) return std::unexpected(answer.error());
  Json array = Json::array();
  Table table({"NAME", "VERSION", "CHECKPOINT", "ABOUT"});
  for (const auto each : answer->getProjections()) {
    array.push_back({{"name", text_of(each.getName())},
                     {"version", each.getVersion()},
                     {"checkpoint", each.getCheckpoint()},
                     {"about", text_of(each.getAbout())}});
    table.add({text_of(each.getName()), std::to_string(each.getVersion()),
               std::to_string(each.getCheckpoint()), text_of(each.getAbout())});
  }
  return context.json() ? printed(dump(array) + "\n") : printed(table);
}

// Rows with few fields as a table, others (vm_runtime) as a block each.
std::string as_text(const Json& rows) {
  constexpr std::size_t kMostColumns = 10;
  std::vector<FlatFields> all;
  for (const Json& row : rows) all.push_back(flat_fields(row));
  if (all.empty()) return {};
  std::string text;
  if (all.front().size() > kMostColumns) {
    for (const auto& fields : all) text += (text.empty() ? "" : "\n") + describe(fields);
    return text;
  }
  std::vector<std::string> titles;
  for (const auto& [name, value] : all.front()) titles.push_back(name);
  Table table(titles);
  for (const auto& fields : all) {
    std::vector<std::string> cells;
    for (const auto& [name, value] : fields) cells.push_back(value);
    table.add(std::move(cells));
  }
  return table.text(stdout_look());
}

Answer<int> dump_projection(Context& context, const std::string& name) {
  const auto rows = read_rows(context.session(), name);
  if (!rows) return std::unexpected(rows.error());
  Json array = Json::array();
  for (const auto& [key, value] : *rows) {
    auto row = row_json(name, key, value);
    if (!row) return std::unexpected(to_failure(std::move(row).error()));
    array.push_back(*std::move(row));
  }
  return printed(context.json() ? dump(array) + "\n" : as_text(array));
}

}  // namespace

void add_projection_verbs(const Verbs& verbs) {
  CLI::App* noun = add_verb(verbs.app, "projection", "Views that are folded from the log");
  noun->require_subcommand(1);

  CLI::App* verb = add_verb(*noun, "ls", "List projections");
  verb->alias("list");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, list);

  auto name = std::make_shared<std::string>();
  verb = add_verb(*noun, "dump", "Every row of a projection, as stored");
  verb->add_option("projection", *name, "As `projection ls` has it")->required();
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [name](Context& context) { return dump_projection(context, *name); });
  add_projection_care_verbs(verbs, *noun);
}

}  // namespace banger::ctl
