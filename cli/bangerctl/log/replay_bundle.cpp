// replay: a bundle's events folded again, on any machine: the state after each, and what plan would have done
// about it on a host where nothing else ever happened.
#include <CLI/CLI.hpp>
#include <iostream>

#include "cli/bangerctl/events_verbs.h"
#include "cli/bangerctl/log/bundle_file.h"
#include "cli/bangerctl/log/fields.h"
#include "cli/bangerctl/log/log_verbs.h"
#include "cli/bangerctl/terminal.h"
#include "engine/evolve.h"
#include "engine/simulate/simulated_host.h"
#include "events/peek.h"

namespace banger::ctl {
namespace {

struct ReplayOptions {
  std::string file;
  Sequence until = UINT64_MAX;
  bool step = false;
};

Json effect_json(const Effect& effect) {
  const StreamId subject = subject_of(effect);
  return Json{{"effect", name_of(effect)},
              {"subject", to_json(subject)},
              {"fence", fence_of(effect) == 0 ? Json(nullptr) : Json(fence_of(effect))}};
}

// What the fleet says of a stream; null where it says nothing (any more).
Json state_of(const Fleet& fleet, StreamId stream) {
  Json state;
  if (stream == kHostStream) {
    state = to_json(fleet.host);
  } else if (const VmRuntime* vm = stream.kind == StreamKind::kVm ? fleet.vm(VmId{stream.id}) : nullptr) {
    state = to_json(*vm);
  } else if (const Image* image = stream.kind == StreamKind::kImage ? fleet.image(ImageId{stream.id}) : nullptr) {
    state = to_json(*image);
  }
  const auto parked = fleet.parked.find(stream);
  if (parked != fleet.parked.end()) state["parked"] = parked->second.reason;
  return state;
}

class Player {
 public:
  Player(Context& context, const ReplayOptions& options) : json_(context.json()), options_(options) {}

  Answer<bool> play(const BundledRecord& event) {
    if (event.sequence > options_.until) return false;
    const auto said = event.record ? fold(*event.record, event) : cannot_read(event);
    const auto done = print(said);
    if (!done) return std::unexpected(done.error());
    return !options_.step || go_on();
  }

  [[nodiscard]] std::size_t parked() const { return fleet_.parked.size(); }

 private:
  std::string fold(const EventRecord& record, const BundledRecord& event) {
    const StreamId stream = record.envelope.stream;
    const Json before = state_of(fleet_, stream);
    evolve(fleet_, record);
    host_.apply(fleet_, record);
    const Json after = state_of(fleet_, stream);
    const std::vector<Effect> effects = host_.plan(fleet_);
    if (const auto* vm = std::get_if<VmCreated>(&record.event)) names_[stream] = vm->name;
    if (const auto* image = std::get_if<ImageRequested>(&record.event)) names_[stream] = image->name;
    if (!json_) return event_line(record, names_[stream], event.erased) + change_lines(before, after) + plan_lines(effects);
    Json plan = Json::array();
    for (const Effect& effect : effects) plan.push_back(effect_json(effect));
    Json json = event_json(record, names_[stream]);
    json["digest"] = to_json(event.digest);
    json["erased"] = event.erased;
    json["state"] = after;
    json["plan"] = std::move(plan);
    return dump(json) + "\n";
  }

  // It parks its stream, as it does where the log is read.
  std::string cannot_read(const BundledRecord& event) {
    const auto peeked = peek(event.open);
    const std::string why = "cannot be read: " + event.record.error().message;
    if (peeked) park(fleet_, peeked->stream, event.sequence, why);
    if (json_) {
      return dump(Json{{"sequence", event.sequence},
                       {"stream", peeked ? to_json(peeked->stream) : Json(nullptr)},
                       {"digest", to_json(event.digest)},
                       {"error", why}}) + "\n";
    }
    return std::to_string(event.sequence) + "  " + escape(why) + "\n";
  }

  static std::string change_lines(const Json& before, const Json& after) {
    std::string text;
    if (after.is_null()) return "        state  gone\n";
    for (const ValueChange& change : value_changes(before, after)) {
      const bool tells = change.name != "version" && change.name != "last_sequence";
      if (!tells || (change.before.empty() && change.after.empty())) continue;
      text += "        state  " + escape(change.name) + ": ";
      if (!change.before.empty()) text += escape(change.before) + " -> ";
      text += (change.after.empty() ? "nothing" : escape(change.after)) + "\n";
    }
    return text;
  }

  std::string plan_lines(const std::vector<Effect>& effects) {
    std::string text;
    for (const Effect& effect : effects) {
      const StreamId subject = subject_of(effect);
      text += "        plan   " + std::string(name_of(effect)) + " " + escape(stream_label(subject, names_[subject]));
      if (fence_of(effect) != 0) text += " (for event " + std::to_string(fence_of(effect)) + ")";
      text += "\n";
    }
    return text;
  }

  // Enter goes on; "q", or the end of the input, ends it.
  static bool go_on() {
    std::string line;
    if (is_terminal(0)) note("Enter: the next event; q: enough");
    return std::getline(std::cin, line) && line != "q";
  }

  bool json_;
  const ReplayOptions& options_;
  Fleet fleet_;
  SimulatedHost host_;
  std::map<StreamId, std::string> names_;
};

Answer<int> replay(Context& context, const ReplayOptions& options) {
  Player player(context, options);
  if (!context.json()) {
    const auto done = print(event_header());
    if (!done) return std::unexpected(done.error());
  }
  const auto summary = visit_bundle(options.file, [&](const BundledRecord& event) { return player.play(event); });
  if (!summary) return std::unexpected(summary.error());
  if (player.parked() > 0) note(std::to_string(player.parked()) + " streams are parked at an event that did not fit");
  return kOk;
}

}  // namespace

void add_bundle_replay_verb(const Verbs& verbs) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App* verb = add_verb(verbs.app, "replay",
                            "Fold a bundle's events again: the state after each, and what would have been done");
  verb->add_option("bundle", options->file, "What `events export` wrote")->required()->check(CLI::ExistingFile);
  verb->add_option("--until", options->until, "Up to this sequence number")->check(CLI::PositiveNumber);
  verb->add_flag("--step", options->step, "One event at a time; Enter goes on");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [options](Context& context) { return replay(context, *options); });
}

}  // namespace banger::ctl
