#include "cli/bangerd/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "drivers/http/text_server.h"
#include "drivers/network/names.h"
#include "drivers/observe/tools/tool_observer.h"

namespace banger::bangerd {
namespace {

using disk::DiskChoice;
using effects::AccelChoice;
using effects::VmmChoice;

constexpr std::size_t kMaxConfigBytes = 256 * 1024;
constexpr std::size_t kMaxLineBytes = 8 * 1024;

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

Setter yes_or_no(bool Config::*member) {
  return [member](const toml::node& node, Config& config) -> std::optional<std::string> {
    auto value = node.value_exact<bool>();
    if (!value) return "true or false";
    config.*member = *value;
    return std::nullopt;
  };
}

// One of these, by its name.
template <class Choice>
Setter one_of(Choice Config::*member, std::initializer_list<Choice> choices) {
  return [member, choices = std::vector(choices)](const toml::node& node, Config& config) -> std::optional<std::string> {
    auto value = node.value_exact<std::string>();
    auto chosen = std::ranges::find_if(choices, [&](Choice each) { return value == name_of(each); });
    if (chosen != choices.end()) {
      config.*member = *chosen;
      return std::nullopt;
    }
    std::string names;
    for (std::size_t i = 0; i < choices.size(); ++i) {
      names += i == 0 ? "" : i + 1 < choices.size() ? ", " : " or ";
      names += '"' + std::string(name_of(choices[i])) + '"';
    }
    return names;
  };
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

std::optional<std::string> set_metrics_listen(const toml::node& node, Config& config) {
  auto value = node.value_exact<std::string>();
  if (!value || !http::check_loopback(*value)) return "a loopback address and port, such as \"127.0.0.1:9477\"";
  config.metrics_listen = *value;
  return std::nullopt;
}

std::optional<std::string> set_bridge(const toml::node& node, Config& config) {
  auto value = node.value_exact<std::string>();
  if (!value || !network::valid_link_name(*value)) return "a link's name: up to 15 letters, digits, '-', '_' and '.'";
  config.bridge = *value;
  return std::nullopt;
}

std::optional<std::string> set_subnet(const toml::node& node, Config& config) {
  auto value = node.value_exact<std::string>();
  if (!value) return "a text in quotes";
  auto subnet = parse_subnet(*value);
  if (!subnet) return "a private subnet, as its gateway's address: " + subnet.error().message;
  config.subnet = *subnet;
  return std::nullopt;
}

std::optional<std::string> set_dns(const toml::node& node, Config& config) {
  const toml::array* servers = node.as_array();
  config.dns.clear();
  for (std::size_t i = 0; servers && i < servers->size(); ++i) {
    auto server = servers->get(i)->value_exact<std::string>();
    if (server && parse_ipv4(*server)) config.dns.push_back(*server);
  }
  if (servers && config.dns.size() == servers->size() && config.dns.size() <= 2) return std::nullopt;
  return "a list of at most two IPv4 addresses in quotes";
}

// A setter of one of HostLimits' numbers.
template <class Number>
Setter limit(Number HostLimits::*member, std::int64_t least, std::int64_t most) {
  return whole_number(least, most, [member](Config& config, std::int64_t value) {
    config.limits.*member = static_cast<Number>(value);
  });
}

struct Known {
  ConfigKey key;
  Setter set;
};

constexpr std::int64_t kHour = 3'600'000;

// In the manual's order.
const std::vector<Known>& known_keys() {
  static const std::vector<Known> kKeys = {
      {{"data_dir", "/var/lib/banger, or ~/.local/share/banger", "Where everything is kept; an absolute path."},
       path(&Config::data_dir)},
      {{"socket", "/run/banger/bangerd.sock, or below $XDG_RUNTIME_DIR", "Where clients connect; an absolute path."},
       path(&Config::socket)},
      {{"access.operators", "none", "The group, by name or number, whose members run VMs. See docs/SECURITY.md."},
       text(&Config::operators)},
      {{"access.readers", "none", "The group whose members see everything, and change nothing."},
       text(&Config::readers)},
      {{"log_level", "\"info\"", "debug, info, warn or error; to the journal under systemd, else to stderr."},
       set_log_level},
      {{"metrics_file", "none", "Metrics in Prometheus's text format, written anew on each tick; an absolute path."},
       path(&Config::metrics_file)},
      {{"metrics_listen", "none", "The same on a loopback address and port, such as \"127.0.0.1:9477\", at /metrics."},
       set_metrics_listen},
      {{"disk", "\"auto\"",
        "What new VMs' disks are: qcow2, dm_snapshot (device-mapper; takes root), raw (a copy of the image), or auto: "
        "dm_snapshot where this host can, else qcow2, or raw for Firecracker."},
       one_of(&Config::disk, {DiskChoice::kAuto, DiskChoice::kQcow2, DiskChoice::kDmSnapshot, DiskChoice::kRaw})},
      {{"sweep_leftovers", "false",
        "Whether processes, taps, disks and directories of VMs of this store that its log does not know are removed; "
        "else they are only told of. After a restore from a backup that may be all that is left of a VM."},
       yes_or_no(&Config::sweep_leftovers)},
      {{"network.bridge", "\"br-banger\"", "The bridge of VMs with --net bridge."}, set_bridge},
      {{"network.subnet", "\"172.16.0.1/24\"", "Its own address, and how many bits of it name the guests' network."},
       set_subnet},
      {{"network.masquerade", "true", "Whether guests go out under the host's address; else somebody must route to them."},
       yes_or_no(&Config::masquerade)},
      {{"network.dns", "the host's", "Whom guests ask for names that are not <name>.vm: at most two addresses."}, set_dns},
      {{"network.resolver_port", "5354",
        "Where <name>.vm is answered on 127.0.0.1 while bridged VMs run; 0: nowhere."},
       number_of(&Config::resolver_port, 0, 65535)},
      {{"observer", "\"native\"",
        "How the host is looked at: native (the kernel's own interfaces) or tools (pgrep, dmsetup, losetup, ip; slower)."},
       one_of(&Config::observer, {ObserverChoice::kNative, ObserverChoice::kTools})},
      {{"tick_ms", "5000", "How often the host is looked at without any other reason."},
       number_of(&Config::tick_ms, 100, kHour)},
      {{"idle_ms", "60000", "A client that says nothing for so long is dropped."},
       number_of(&Config::idle_ms, 1'000, 24 * kHour)},
      {{"exec_grace_ms", "10000", "How long a command in a guest may be without the client that holds it."},
       number_of(&Config::exec_grace_ms, 100, kHour)},
      {{"vmm.kind", "\"auto\"",
        "qemu, firecracker, or auto: Firecracker where its program and a usable KVM are there and it can do what the VM "
        "asks for, else QEMU."},
       one_of(&Config::vmm, {VmmChoice::kAuto, VmmChoice::kQemu, VmmChoice::kFirecracker})},
      {{"vmm.program", "\"qemu-system-x86_64\"", "QEMU, by name or path."}, text(&Config::vmm_program)},
      {{"vmm.firecracker", "\"firecracker\"", "Firecracker, by name or path."}, text(&Config::firecracker_program)},
      {{"vmm.jailer", "none", "Firecracker's jailer, an absolute path: each VM runs in a jail; takes root."},
       path(&Config::jailer)},
      {{"vmm.jailer_first_uid", "none", "The first of the users that VMs in jails run as; nobody else may be one."},
       number_of(&Config::first_jail_uid, 1, std::int64_t{1} << 31)},
      {{"vmm.jailer_uids", "none", "How many they are: a VM has one of its own."},
       number_of(&Config::jail_uids, 1, 1 << 24)},
      {{"vmm.accel", "\"auto\"",
        "auto, kvm or tcg; auto makes a trial boot once per host boot, because a /dev/kvm that opens may still never "
        "boot a guest."},
       one_of(&Config::accel, {AccelChoice::kAuto, AccelChoice::kKvm, AccelChoice::kTcg})},
      {{"vmm.console_bytes", "4194304", "How much is kept of each guest's console."},
       number_of(&Config::console_bytes, 64 * 1024, std::int64_t{1} << 32)},
      {{"vmm.start_timeout_ms", "60000", "How long a VMM may take to be up."},
       limit(&HostLimits::start_timeout_ms, 1'000, kHour)},
      {{"vmm.ready_timeout_ms", "120000", "How long a guest may take to answer."},
       limit(&HostLimits::ready_timeout_ms, 1'000, kHour)},
      {{"limits.vcpus", "64", "Most virtual CPUs that one VM may ask for."}, limit(&HostLimits::max_vcpus, 1, 255)},
      {{"limits.memory_mib", "the host's", "Most memory that one VM may ask for."},
       limit(&HostLimits::max_memory_mib, 64, 1 << 24)},
      {{"limits.disk_mib", "16777216", "Largest disk that one VM may ask for."},
       limit(&HostLimits::max_disk_mib, 64, 1 << 26)},
      {{"limits.first_port", "21000", "First host port that banger may choose."},
       limit(&HostLimits::first_port, 1024, 65535)},
      {{"limits.last_port", "31999", "Last host port that banger may choose."},
       limit(&HostLimits::last_port, 1024, 65535)},
      {{"log.low_water_mib", "256", "Below so much free space only stops and deletes are taken."},
       number_of(&Config::low_water_mib, 1, 1 << 24)},
      {{"log.ballast_mib", "64", "Kept to be let go when the disk is full, so that deletes have room."},
       number_of(&Config::ballast_mib, 1, 1 << 16)},
       {{"log.shadow_fold_s", "86400", "How often the projections are held against a replay of the log; 0: never."},
        number_of(&Config::shadow_fold_s, 0, 366 * 86'400)},
  };
  return kKeys;
}

Status take_table(const toml::table& table, const std::string& prefix, const std::string& file, Config& config) {
  for (const auto& [key, node] : table) {
    std::string name = prefix + std::string(key.str());
    std::string place = file + ":" + std::to_string(key.source().begin.line) + ": ";
    auto known = std::ranges::find(known_keys(), name, [](const Known& each) { return each.key.name; });
    if (known != known_keys().end()) {
      if (auto wanted = known->set(node, config)) return fail(place + name + " must be " + *wanted);
    } else if (const toml::table* nested = node.as_table(); nested && prefix.empty()) {
      BANGER_TRY(take_table(*nested, name + ".", file, config));
    } else {
      return fail(place + name + " is not a setting of banger");
    }
  }
  return {};
}

// A key of many dots is a table in a table for each of them, and the parser's tables go by recursion: of a whole file
// of dots that is more than a stack. No key goes on over a line's end.
Status check_lines(std::string_view text, const std::string& path) {
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t length = std::min(text.find('\n'), text.size());
    if (length > kMaxLineBytes) return fail(path + ":" + std::to_string(line) + ": a line of more than 8 KiB");
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return {};
}

}  // namespace

std::string_view name_of(ObserverChoice choice) {
  switch (choice) {
    case ObserverChoice::kNative: return "native";
    case ObserverChoice::kTools: return "tools";
  }
  return {};
}

std::string describe(ObserverChoice choice) {
  std::string text(name_of(choice));
  if (choice == ObserverChoice::kNative) return text;
  std::string missing;
  for (const char* tool : {"pgrep", "dmsetup", "losetup", "ip"}) {
    if (!observe::find_tool(tool)) missing += (missing.empty() ? "" : ", ") + std::string(tool);
  }
  return missing.empty() ? text : text + " (not to be found: " + missing + ")";
}

std::vector<ConfigKey> config_keys() {
  std::vector<ConfigKey> keys;
  for (const Known& each : known_keys()) keys.push_back(each.key);
  return keys;
}

Status parse_config(std::string_view text, const std::string& path, Config& config) {
  BANGER_TRY(check_lines(text, path));
  try {
    BANGER_TRY(take_table(toml::parse(text, path), "", path, config));
  } catch (const toml::parse_error& error) {
    return fail(path + ":" + std::to_string(error.source().begin.line) + ": " + std::string(error.description()));
  }
  if (config.limits.first_port > config.limits.last_port) {
    return fail(path + ": limits.first_port is above limits.last_port");
  }
  if (!config.jailer.empty() && (config.first_jail_uid == 0 || config.jail_uids == 0)) {
    return fail(path + ": vmm.jailer needs vmm.jailer_first_uid and vmm.jailer_uids");
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
