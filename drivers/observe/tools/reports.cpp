#include "drivers/observe/tools/reports.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/paths.h"

namespace banger::observe {
namespace {

using Json = nlohmann::json;

template <class Number>
std::optional<Number> whole_number(std::string_view text) {
  Number number{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

// Calls `take` with each line; stops and is false where that is.
template <class Take>
bool each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!take(trimmed(line))) return false;
  }
  return true;
}

std::optional<std::uint32_t> loop_number(std::string_view name) {
  constexpr std::string_view kLoop = "loop";
  if (!name.starts_with(kLoop)) return std::nullopt;
  return whole_number<std::uint32_t>(name.substr(kLoop.size()));
}

// Bytes that strangers' texts may hold as they are and JSON may not. No text of ours has any of them, and with a '?'
// in it none becomes like one.
Json parse_loosely(std::string_view text) {
  std::string plain(text);
  for (char& each : plain) {
    const auto byte = static_cast<unsigned char>(each);
    if (each == '\n' || each == '\t' || each == '\r') each = ' ';
    else if (byte < ' ' || byte >= 0x7f) each = '?';
  }
  return Json::parse(plain, nullptr, /*allow_exceptions=*/false);
}

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

const Json& object_at(const Json& object, const char* key) {
  static const Json kNone = Json::object();
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : kNone;
}

std::string escaped(std::string text) {
  for (std::size_t dot = text.find('.'); dot != std::string::npos; dot = text.find('.', dot + 2)) text.insert(dot, "\\");
  return text;
}

}  // namespace

// That of a VM's own, or of any jail.
std::string socket_pattern() {
  const VmId some{0xabc};
  std::string pattern = escaped(vm_paths(Layout{""}, some).api_socket);  // "/vms/<id>/api.sock"
  const std::string id = some.hex();
  pattern.replace(pattern.find(id), id.size(), "[0-9a-f]{" + std::to_string(id.size()) + "}");
  return pattern + "|--api-sock " + escaped(std::string(kJailApiSocket));
}

Arguments pgrep_arguments() { return {"-f", "--", socket_pattern()}; }
Arguments dmsetup_arguments() { return {"info", "--columns", "--noheadings", "-o", "mangled_uuid"}; }
Arguments losetup_arguments() { return {"--list", "--json", "-O", "NAME"}; }
Arguments ip_arguments() { return {"-j", "-d", "link", "show", "type", "tun"}; }

Result<std::vector<std::int32_t>> parse_pids(std::string_view text) {
  std::vector<std::int32_t> pids;
  const bool read = each_line(text, [&](std::string_view line) {
    const auto pid = whole_number<std::int32_t>(line);
    if (pid) pids.push_back(*pid);
    return pid && *pid > 0;
  });
  if (!read) return fail("a line is no pid");
  return pids;
}

Result<std::vector<std::string>> parse_uuids(std::string_view text) {
  std::vector<std::string> uuids;
  const bool read = each_line(text, [&](std::string_view line) {
    if (line.empty() || line == "No devices found") return true;
    uuids.emplace_back(line);
    return line.find(' ') == std::string_view::npos;
  });
  if (!read) return fail("a line is no UUID");
  return uuids;
}

Result<std::vector<std::uint32_t>> parse_loops(std::string_view json) {
  std::vector<std::uint32_t> loops;
  if (trimmed(json.substr(0, json.find('\n'))).empty()) return loops;
  const Json whole = parse_loosely(json);
  const auto list = whole.is_object() ? whole.find("loopdevices") : whole.end();
  if (list == whole.end() || !list->is_array()) return fail("no list of loops");
  for (const Json& each : *list) {
    const std::string name = each.is_object() ? text_at(each, "name") : "";
    const auto number = loop_number(std::string_view(name).substr(name.rfind('/') + 1));
    if (!number) return fail("'" + name + "' is no loop");
    loops.push_back(*number);
  }
  return loops;
}

Result<std::vector<network::Link>> parse_links(std::string_view json) {
  const Json whole = parse_loosely(json);
  if (!whole.is_array()) return fail("no list of links");
  std::vector<network::Link> links;
  for (const Json& each : whole) {
    if (!each.is_object()) return fail("no link where one should be");
    if (each.empty()) continue;  // some releases leave these where they were asked for one kind
    network::Link link{.name = text_at(each, "ifname"), .alias = text_at(each, "ifalias")};
    if (link.name.empty()) return fail("a link without a name");
    const Json& info = object_at(each, "linkinfo");
    link.kind = text_at(info, "info_kind");
    link.tap = link.kind == "tun" && text_at(object_at(info, "info_data"), "type") == "tap";
    links.push_back(std::move(link));
  }
  return links;
}

std::vector<std::uint32_t> loops_in_partitions(std::string_view text) {
  std::vector<std::uint32_t> loops;
  each_line(text, [&](std::string_view line) {
    const auto number = loop_number(line.substr(line.rfind(' ') + 1));  // "   7        0      12345 loop0"
    if (number) loops.push_back(*number);
    return true;
  });
  return loops;
}

}  // namespace banger::observe
