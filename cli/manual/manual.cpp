#include "cli/manual/manual.h"

#include <CLI/CLI.hpp>

namespace banger::manual {
namespace {

// Text as troff must see it: no escape of ours, no line that looks like a request, and dashes that
// can be copied.
std::string plain(std::string_view text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') out += "\\e";
    else if (c == '-') out += "\\-";
    else out += c;
    line_start = c == '\n';
  }
  return out;
}

// An argument of a macro: in quotes, which double inside.
std::string as_argument(std::string_view text) {
  std::string out = "\"";
  for (const char c : plain(text)) out.append(c == '"' ? 2 : 1, c);
  return out + "\"";
}

std::string section(std::string_view title) { return ".SH " + as_argument(title) + "\n"; }

std::string paragraphs(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = text.find("\n\n");
    out += ".PP\n" + plain(text.substr(0, end)) + "\n";
    text = end == std::string_view::npos ? "" : text.substr(end + 2);
  }
  return out;
}

std::string term(std::string_view name, std::string_view about) {
  return ".TP\n.B " + as_argument(name) + "\n" + plain(about) + "\n";
}

std::string term_of(const CLI::Option& option) {
  std::string name = option.get_positional() ? option.get_name(true) : option.get_name(false, true);
  for (std::size_t comma = 0; (comma = name.find(',', comma)) != std::string::npos; comma += 2) {
    name.insert(comma + 1, " ");
  }
  // "TEXT:{table,json}": what may be chosen from stands in the text, where lines can break.
  const std::string type = option.get_type_name();
  const auto begin = type.find(":{");
  const auto end = type.find('}', begin == std::string::npos ? 0 : begin);
  const bool choice = begin != std::string::npos && end != std::string::npos;
  const bool takes_value = !option.get_positional() && option.get_items_expected_max() > 0;
  if (takes_value && !type.empty()) name += " " + type.substr(0, choice ? begin : type.size());
  std::string about = option.get_description() + ".";
  if (choice) {
    about += " One of: ";
    for (const char c : type.substr(begin + 2, end - begin - 2)) about += c == ',' ? std::string(", ") : std::string(1, c);
    about += ".";
  }
  return term(name, about);
}

// Arguments first, as they stand on the line.
std::string options_of(const CLI::App& app) {
  std::string out;
  for (const bool arguments : {true, false}) {
    for (const CLI::Option* option : app.get_options()) {
      if (option->get_group().empty() || option->get_positional() != arguments) continue;
      if (option->get_name(false, true) == "-h,--help") continue;  // once, at the top
      out += term_of(*option);
    }
  }
  return out;
}

std::string usage(const CLI::App& app, const std::string& words) {
  std::string line = words;
  bool has_options = false;
  std::string arguments;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional()) {
      has_options = has_options || option->get_name(false, true) != "-h,--help";
      continue;
    }
    const std::string name = option->get_name(true) + (option->get_items_expected_max() > 1 ? "..." : "");
    arguments += option->get_required() ? " " + name : " [" + name + "]";
  }
  return line + (has_options ? " [options]" : "") + arguments;
}

std::vector<const CLI::App*> verbs_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* each) { return !each->get_group().empty(); });
}

void add_verbs(const CLI::App& app, const std::string& words, std::string& out) {
  for (const CLI::App* verb : verbs_of(app)) {
    const std::string here = words + " " + verb->get_name();
    if (verbs_of(*verb).empty()) {
      out += ".SS " + as_argument(usage(*verb, here)) + "\n";
      out += plain(verb->get_description()) + ".\n" + options_of(*verb);
    }
    add_verbs(*verb, here, out);
  }
}

std::string head(const Page& page) {
  return ".TH " + as_argument(page.name) + " " + std::to_string(page.section) + " \"\" " +
         as_argument("banger " + page.version) + " \"banger\"\n" + section("NAME") + plain(page.name) + " \\- " +
         plain(page.about) + "\n";
}

std::string rest(const Page& page) {
  std::string out;
  for (const Section& each : page.sections) {
    out += section(each.title) + (each.text.empty() ? "" : paragraphs(each.text));
    for (const auto& [name, about] : each.terms) out += term(name, about);
  }
  if (page.see_also.empty()) return out;
  out += section("SEE ALSO");
  for (std::size_t i = 0; i < page.see_also.size(); ++i) {
    const std::string& each = page.see_also[i];
    const auto bracket = each.find('(');
    const bool last = i + 1 == page.see_also.size();
    out += ".BR " + as_argument(each.substr(0, bracket)) + " " + as_argument(each.substr(bracket) + (last ? "" : ",")) + "\n";
  }
  return out;
}

}  // namespace

std::string of_program(const CLI::App& app, const Page& page) {
  std::string out = head(page) + section("SYNOPSIS");
  const bool has_verbs = !verbs_of(app).empty();
  out += ".B " + as_argument(page.name) + "\n[options]" + (has_verbs ? " command ..." : "") + "\n";
  out += section("DESCRIPTION") + paragraphs(page.text);
  out += section("OPTIONS") + term("-h, --help", "Print help; behind a command, about that command.") + options_of(app);
  if (has_verbs) out += section("COMMANDS");
  add_verbs(app, page.name, out);
  return out + rest(page);
}

std::string of_file(const Page& page) {
  return head(page) + section("DESCRIPTION") + paragraphs(page.text) + rest(page);
}

}  // namespace banger::manual
