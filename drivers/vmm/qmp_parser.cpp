#include "drivers/vmm/qmp_parser.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "events/assert.h"

namespace banger::vmm {
namespace {

using nlohmann::json;

// Deep nesting costs a parser more than its bytes; QEMU's own messages go about six deep.
constexpr int kMaxDepth = 32;

bool too_deep(std::string_view line) {
  int depth = 0;
  bool in_string = false;
  bool escaped = false;
  for (char c : line) {
    if (escaped) {
      escaped = false;
    } else if (in_string) {
      escaped = c == '\\';
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

// The value under a key, or null: never throws, whatever is there.
const json& at(const json& value, const char* key) {
  static const json kNull;
  if (!value.is_object()) return kNull;
  auto it = value.find(key);
  return it == value.end() ? kNull : *it;
}

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::optional<QmpMessage> message_of(const json& object) {
  QmpMessage message;
  const json& id = at(object, "id");
  if (id.is_number_unsigned()) message.id = id.get<std::uint64_t>();
  if (object.contains("QMP")) {
    message.kind = QmpMessage::Kind::kGreeting;
  } else if (object.contains("return")) {
    message.kind = QmpMessage::Kind::kReturn;
    message.text = text_of(at(object["return"], "status"));
  } else if (object.contains("error")) {
    message.kind = QmpMessage::Kind::kError;
    message.name = text_of(at(object["error"], "class"));
    message.text = text_of(at(object["error"], "desc"));
  } else if (object.contains("event")) {
    message.kind = QmpMessage::Kind::kEvent;
    message.name = text_of(object["event"]);
    message.text = text_of(at(at(object, "data"), "reason"));
    message.by_guest = at(at(object, "data"), "guest") == true;
  } else {
    return std::nullopt;
  }
  return message;
}

}  // namespace

Status QmpParser::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    auto end = bytes.find('\n');
    auto part = bytes.substr(0, end);
    if (partial_.size() + part.size() > kMaxLineBytes) return fail("QMP: a line without end");
    partial_ += part;
    if (end == std::string_view::npos) return {};
    bytes.remove_prefix(end + 1);
    BANGER_TRY(take_line(partial_));
    partial_.clear();
  }
  return {};
}

Status QmpParser::take_line(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (line.empty()) return {};
  if (waiting_.size() >= kMaxWaiting) return fail("QMP: more messages than anybody takes");
  if (too_deep(line)) return fail("QMP: nested too deep");
  auto object = json::parse(line, nullptr, false);
  if (!object.is_object()) return fail("QMP: not a JSON object");
  auto message = message_of(object);
  if (!message) return fail("QMP: not a message that it knows");
  waiting_.push_back(std::move(*message));
  return {};
}

std::optional<QmpMessage> QmpParser::next() {
  if (waiting_.empty()) return std::nullopt;
  auto message = std::move(waiting_.front());
  waiting_.pop_front();
  return message;
}

std::string qmp_command(std::string_view name, std::uint64_t id) {
  BANGER_ASSERT(std::ranges::all_of(
      name, [](char c) { return (c >= 'a' && c <= 'z') || c == '-' || c == '_'; }));
  return "{\"execute\":\"" + std::string(name) + "\",\"id\":" + std::to_string(id) + "}\n";
}

}  // namespace banger::vmm
