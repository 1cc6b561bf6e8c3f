#include "cli/bangerctl/render_event.h"

namespace banger::ctl {
namespace {

Json payload_json(const Event& event) {
  return std::visit([](const auto& each) { return to_json(each); }, event);
}

// Nested values are flattened, and what says nothing (empty, null, false) is left out.
void add_details(std::string& out, const Json& object) {
  for (const auto& [name, value] : object.items()) {
    const bool silent = value.is_null() || value == Json(false) || value == Json("") ||
                        (value.is_array() && value.empty());
    if (silent) continue;
    if (value.is_object()) {
      add_details(out, value);
      continue;
    }
    if (!out.empty()) out += ' ';
    out += name + "=";
    if (value.is_string()) {
      const auto text = value.get<std::string>();
      out += text.find(' ') == std::string::npos ? text : "\"" + text + "\"";
    } else {
      out += dump(value);
    }
  }
}

}  // namespace

Json event_json(const EventRecord& record, std::string_view name, bool erased) {
  const Envelope& envelope = record.envelope;
  Json stream = to_json(envelope.stream);
  stream["name"] = name.empty() ? Json(nullptr) : Json(std::string(name));
  Json json{{"sequence", envelope.sequence},
            {"time", iso_time(envelope.time_ns)},
            {"time_ns", envelope.time_ns},
            {"kind", name_of(record.event)},
            {"stream", std::move(stream)},
            {"version", envelope.version},
            {"actor",
             {{"uid", envelope.actor.uid},
              {"user", envelope.actor.user},
              {"client", envelope.actor.client}}},
            {"command", to_json(envelope.command)},
            {"correlation", to_json(envelope.correlation)},
            {"causation", envelope.causation},
            {"boot", to_json(envelope.boot)},
            {"schema_version", envelope.schema_version},
            {"data", payload_json(record.event)}};
  if (erased) json["erased"] = true;
  return json;
}

std::string event_details(const Event& event, bool erased) {
  std::string out;
  add_details(out, payload_json(event));
  if (erased) out += out.empty() ? "(erased)" : " (erased)";
  return out;
}

std::string stream_label(StreamId stream, std::string_view name) {
  if (stream == kHostStream) return "host";
  return std::string(name_of_kind(stream.kind)) + "/" +
         (name.empty() ? to_hex(stream.id) : std::string(name));
}

std::string actor_label(const Actor& actor) {
  return (actor.user.empty() ? std::to_string(actor.uid) : actor.user) + "/" + actor.client;
}

}  // namespace banger::ctl
