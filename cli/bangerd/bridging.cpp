#include "cli/bangerd/bridging.h"

#include <unistd.h>

#include <fstream>

#include "drivers/network/link.h"

namespace banger::bangerd {
namespace {

constexpr std::size_t kMostServers = 2;  // beside the gateway: resolvers of guests take three

// The host's own servers, as far as guests can reach them: not one on its loopback.
std::vector<std::string> servers_in(const char* path) {
  std::ifstream file(path);
  std::vector<std::string> servers;
  for (std::string word, server; servers.size() < kMostServers && file >> word;) {
    if (word != "nameserver" || !(file >> server)) continue;
    const auto address = parse_ipv4(server);
    if (address && !address->loopback()) servers.push_back(server);
  }
  return servers;
}

std::vector<std::string> host_servers() {
  auto servers = servers_in("/etc/resolv.conf");
  // Where systemd-resolved answers on the loopback, this is whom it asks.
  return servers.empty() ? servers_in("/run/systemd/resolve/resolv.conf") : servers;
}

}  // namespace

Result<effects::LinkSettings> link_settings(const Config& config, StoreId store) {
  BANGER_TRY(network::may_change_links());
  return effects::LinkSettings{.store = store,
                               .bridge = config.bridge,
                               .subnet = config.subnet,
                               .masquerade = config.masquerade,
                               .upstream_dns = config.dns.empty() ? host_servers() : config.dns};
}

std::string describe(const Result<effects::LinkSettings>& settings) {
  if (!settings) return "none: " + settings.error().message;
  return settings->bridge + ", " + settings->subnet.text();
}

}  // namespace banger::bangerd
