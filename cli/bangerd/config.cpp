#include "cli/bangerd/config.h"

#include <toml++/toml.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

namespace banger::bangerd {
namespace {

constexpr std::size_t kMaxConfigBytes = 256 * 1024;

// One known key: takes its value, or says what it should have been.
using Setter = std::function<std::optional<std::string>(const toml::node&, Config&)>;

Setter text(std::string Config::*member) {
  return [member](const toml::node& node, Config& config) -> std::optional<std::string> {
    auto value = node.value_exact<std::string>();
    if (!value || value->empty()) return "a text in quotes";
    config.*member = *value;
    return std::nullopt;
  };
}

Setter path(std::string Config::*member) {
  return [member](const toml::node& node, Config& config) -> std::optional<std::string> {
    auto value = node.value_exact<std::string>();
    if (!value || !value->starts_with('/')) return "an absolute path in quotes";
    config.*member = *value;
    return std::nullopt;
  };
}

template <class Assign>
Setter whole_number(std::int64_t least, std::int64_t most, Assign assign) {
  return [=](const toml::node& node, Config& config) -> std::optional<std::string> {
    auto value = node.value_exact<std::int64_t>();
    if (!value || *value < least || *value > most) {
      return "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
    }
    assign(config, *value);
    return std::nullopt;
  };
}

Setter number_of(std::uint64_t Config::*member, std::int64_t least, std::int64_t most) {
  return whole_number(least, most, [member](Config& config, std::int64_t value) {
    config.*member = static_cast<std::uint64_t>(value);
  });
}

std::optional<std::string> set_accel(const toml::node& node, Config& config) {
  auto value = node.value_exact<std::string>();
  if (value == "auto") config.accel = effects::AccelChoice::kAuto;
  else if (value == "kvm") config.accel = effects::AccelChoice::kKvm;
  else if (value == "tcg") config.accel = effects::AccelChoice::kTcg;
  else return "\"auto\", \"kvm\" or \"tcg\"";
  return std::nullopt;
}

std::optional<std::string> set_log_level(const toml::node& node, Config& config) {
  auto value = node.value_exact<std::string>();
  for (const char* level : {"debug", "info", "warn", "error"}) {
    if (value == level) {
      config.log_level = *value;
      return std::nullopt;
    }
  }
  return "\"debug\", \"info\", \"warn\" or \"error\"";
}

const std::map<std::string, Setter>& known_keys() {
  constexpr std::int64_t kHour = 3'600'000;
  static const std::map<std::string, Setter> kKeys = {
      {"data_dir", path(&Config::data_dir)},
      {"socket", path(&Config::socket)},
      {"log_level", set_log_level},
      {"tick_ms", number_of(&Config::tick_ms, 100, kHour)},
      {"idle_ms", number_of(&Config::idle_ms, 1'000, 24 * kHour)},
      {"exec_grace_ms", number_of(&Config::exec_grace_ms, 100, kHour)},
      {"vmm.program", text(&Config::vmm_program)},
      {"vmm.accel", set_accel},
      {"vmm.console_bytes", number_of(&Config::console_bytes, 64 * 1024, std::int64_t{1} << 32)},
      {"vmm.start_timeout_ms", whole_number(1'000, kHour, [](Config& config, std::int64_t value) {
         config.limits.start_timeout_ms = static_cast<std::uint64_t>(value);
       })},
      {"vmm.ready_timeout_ms", whole_number(1'000, kHour, [](Config& config, std::int64_t value) {
         config.limits.ready_timeout_ms = static_cast<std::uint64_t>(value);
       })},
      {"limits.vcpus", whole_number(1, 255, [](Config& config, std::int64_t value) {
         config.limits.max_vcpus = static_cast<std::uint32_t>(value);
       })},
      {"limits.memory_mib", whole_number(64, 1 << 24, [](Config& config, std::int64_t value) {
         config.limits.max_memory_mib = static_cast<std::uint64_t>(value);
       })},
      {"limits.disk_mib", whole_number(64, 1 << 26, [](Config& config, std::int64_t value) {
         config.limits.max_disk_mib = static_cast<std::uint64_t>(value);
       })},
      {"limits.first_port", whole_number(1024, 65535, [](Config& config, std::int64_t value) {
         config.limits.first_port = static_cast<std::uint16_t>(value);
       })},
      {"limits.last_port", whole_number(1024, 65535, [](Config& config, std::int64_t value) {
         config.limits.last_port = static_cast<std::uint16_t>(value);
       })},
      {"log.low_water_mib", number_of(&Config::low_water_mib, 1, 1 << 24)},
      {"log.ballast_mib", number_of(&Config::ballast_mib, 1, 1 << 16)},
  };
  return kKeys;
}

Status take_table(const toml::table& table, const std::string& prefix, const std::string& file, Config& config) {
  for (const auto& [key, node] : table) {
    std::string name = prefix + std::string(key.str());
    std::string place = file + ":" + std::to_string(key.source().begin.line) + ": ";
    auto known = known_keys().find(name);
    if (known != known_keys().end()) {
      if (auto wanted = known->second(node, config)) return fail(place + name + " must be " + *wanted);
    } else if (const toml::table* nested = node.as_table(); nested && prefix.empty()) {
      BANGER_TRY(take_table(*nested, name + ".", file, config));
    } else {
      return fail(place + name + " is not a setting of banger");
    }
  }
  return {};
}

}  // namespace

Status parse_config(std::string_view text, const std::string& path, Config& config) {
  try {
    BANGER_TRY(take_table(toml::parse(text, path), "", path, config));
  } catch (const toml::parse_error& error) {
    return fail(path + ":" + std::to_string(error.source().begin.line) + ": " + std::string(error.description()));
  }
  if (config.limits.first_port > config.limits.last_port) {
    return fail(path + ": limits.first_port is above limits.last_port");
  }
  return {};
}

Status read_config(const std::string& path, bool must_exist, Config& config) {
  std::error_code error;
  auto size = std::filesystem::file_size(path, error);
  if (error == std::errc::no_such_file_or_directory && !must_exist) return {};
  if (error) return fail_errno(path, error.value());
  if (size > kMaxConfigBytes) return fail(path + ": larger than 256 KiB");
  std::ifstream in(path);
  std::ostringstream content;
  content << in.rdbuf();
  if (!in) return fail(path + ": cannot be read");
  BANGER_TRY(parse_config(content.str(), path, config));
  config.file = path;
  return {};
}

}  // namespace banger::bangerd
