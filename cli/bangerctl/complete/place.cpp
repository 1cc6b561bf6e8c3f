#include "cli/bangerctl/complete/place.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

namespace banger::ctl {
namespace {

bool shown(const CLI::App* app) { return !app->get_group().empty(); }

// The verb as it is called here, also by an alias.
const CLI::App* find_verb(const CLI::App& app, const std::string& word) {
  const auto found = app.get_subcommands(
      [&](const CLI::App* each) { return each->check_name(word) && shown(each); });
  return found.empty() ? nullptr : found.front();
}

// Options of a verb are also those of the nouns above it (fallthrough).
const CLI::Option* find_option(const CLI::App* app, const std::string& word) {
  for (; app != nullptr; app = app->get_parent()) {
    const auto found =
        app->get_options([&](const CLI::Option* each) { return each->check_name(word); });
    if (!found.empty()) return found.front();
  }
  return nullptr;
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// "TEXT:{table,json}": the words of CLI::IsMember.
std::vector<std::string> fixed_values(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const auto begin = type.find('{');
  const auto end = type.find('}', begin == std::string::npos ? 0 : begin);
  std::vector<std::string> values;
  if (begin == std::string::npos || end == std::string::npos) return values;
  std::istringstream words(type.substr(begin + 1, end - begin - 1));
  for (std::string word; std::getline(words, word, ',');) values.push_back(word);
  return values;
}

// What a value is the name of, by how the option or argument is called.
Names names_for(const std::string& name, const CLI::App& verb) {
  if (name == "vm") return Names::kVms;
  if (name == "image") return Names::kImages;
  if (name == "projection") return Names::kProjections;
  if (name == "recipe" || (name == "name" && verb.get_name() == "build")) return Names::kRecipes;
  return Names::kNone;
}

void offer(Place& place, const std::string& word, const std::string& about) {
  if (!word.starts_with(place.typed)) return;
  place.candidates.push_back({word, about.substr(0, about.find('\n'))});
}

void offer_value(Place& place, const CLI::Option& option, const CLI::App& verb) {
  for (const std::string& value : fixed_values(option)) offer(place, value, "");
  const std::string name =
      option.get_lnames().empty() ? option.get_name(true) : option.get_lnames().front();
  place.names = names_for(name, verb);
}

void offer_options(Place& place, const CLI::App* app) {
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      if (option->get_positional() || option->get_group().empty()) continue;
      for (const std::string& name : option->get_lnames()) {
        offer(place, "--" + name, option->get_description());
      }
    }
  }
}

// The argument that the next word without a dash is.
const CLI::Option* argument(const CLI::App& app, std::size_t taken) {
  const auto all = app.get_options([](const CLI::Option* each) { return each->get_positional(); });
  for (const CLI::Option* each : all) {
    const auto most = static_cast<std::size_t>(std::max(each->get_items_expected_max(), 1));
    if (taken < most) return each;
    taken -= most;
  }
  return nullptr;
}

}  // namespace

Place find_place(const CLI::App& root, const std::vector<std::string>& words) {
  Place place;
  if (words.empty()) return place;
  const CLI::App* app = &root;
  const CLI::Option* pending = nullptr;  // an option whose value comes next
  std::size_t arguments = 0;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--") return place;  // the rest is the guest's
    if (word == "=") continue;
    if (pending) {
      pending = nullptr;
    } else if (word.starts_with('-') && word.size() > 1) {
      const CLI::Option* option = find_option(app, word.substr(0, word.find('=')));
      const bool complete = word.find('=') != std::string::npos;
      if (option && takes_value(*option) && !complete) pending = option;
    } else if (const CLI::App* verb = arguments == 0 ? find_verb(*app, word) : nullptr) {
      app = verb;
    } else {
      ++arguments;
    }
  }
  place.typed = words.back() == "=" ? "" : words.back();
  if (pending) {
    offer_value(place, *pending, *app);
    return place;
  }
  if (place.typed.starts_with('-')) {
    offer_options(place, app);
    return place;
  }
  if (arguments == 0) {
    for (const CLI::App* verb : app->get_subcommands(shown)) {
      offer(place, verb->get_name(), verb->get_description());
    }
  }
  if (const CLI::Option* next = argument(*app, arguments)) offer_value(place, *next, *app);
  return place;
}

}  // namespace banger::ctl
