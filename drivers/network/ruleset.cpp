// The text of nat.h's table. Order matters in it; each chain says why.
#include <algorithm>
#include <set>
#include <tuple>

#include "drivers/network/names.h"
#include "drivers/network/nat.h"

namespace banger::network {
namespace {

constexpr Ipv4 kEverywhere{0};
constexpr std::uint32_t kFirstMulticast = 0xe000'0000;

std::string quoted(const std::string& name) { return "\"" + name + "\""; }  // a valid link name holds no quote

Status check_guest(const NatPlan& plan, Ipv4 guest) {
  if (plan.subnet.may_be_guest(guest)) return {};
  return fail(guest.text() + " is no guest's address in " + plan.subnet.network_text());
}

Status check_published(const NatPlan& plan) {
  if (plan.published.size() > kMaxPublishedPorts) {
    return fail("more than " + std::to_string(kMaxPublishedPorts) + " published ports");
  }
  using Place = std::tuple<Protocol, std::uint16_t, Ipv4>;
  std::set<Place> taken;
  for (const auto& [guest, forward] : plan.published) {
    BANGER_TRY(check_guest(plan, guest));
    const auto host = parse_ipv4(forward.host_address);
    const std::string port = std::to_string(forward.host_port) + "/" + std::string(name_of(forward.protocol));
    if (!host || host->value >= kFirstMulticast || name_of(forward.protocol).empty()) {
      return fail("'" + forward.host_address + "' is no address of a host to publish " + port + " on");
    }
    if (forward.host_port == 0 || forward.guest_port == 0) return fail("a published port is 1 to 65535, not 0");
    // Everywhere includes each; the set is sorted so that all addresses of one port are neighbours.
    const auto first = taken.lower_bound({forward.protocol, forward.host_port, kEverywhere});
    const bool any = first != taken.end() && std::get<0>(*first) == forward.protocol &&
                     std::get<1>(*first) == forward.host_port;
    const bool everywhere = any && std::get<2>(*first) == kEverywhere;
    if (everywhere || (any && *host == kEverywhere) || !taken.insert({forward.protocol, forward.host_port, *host}).second) {
      return fail("port " + port + " of " + host->text() + " is published twice");
    }
  }
  return {};
}

Status check_plan(const NatPlan& plan) {
  if (!valid_link_name(plan.bridge)) return fail("'" + plan.bridge + "' can't be the bridge's name");
  if (auto checked = check_subnet(plan.subnet); !checked) return fail(checked.error().message);
  for (const Ipv4 guest : plan.open_guests) BANGER_TRY(check_guest(plan, guest));
  return check_published(plan);
}

// "tcp dport 8080 dnat ip to 172.16.0.2:80", for packets to the published address.
std::string translation(const Published& published) {
  const PortForward& forward = published.forward;
  const Ipv4 host = parse_ipv4(forward.host_address).value_or(kEverywhere);
  const std::string to_host = host == kEverywhere ? "fib daddr type local" : "ip daddr " + host.text();
  return to_host + " " + std::string(name_of(forward.protocol)) + " dport " + std::to_string(forward.host_port) +
         " dnat ip to " + published.guest.text() + ":" + std::to_string(forward.guest_port);
}

bool for_this_host_alone(const Published& published) {
  const auto host = parse_ipv4(published.forward.host_address);
  return host && host->loopback();
}

// Text in nft's own layout, so that what is listed looks like what was given.
class Text {
 public:
  void line(const std::string& text) { text_ += "\t\t" + text + "\n"; }
  void begin(const std::string& chain, const std::string& hook = {}) {
    text_ += "\tchain " + chain + " {\n";
    if (!hook.empty()) line("type " + hook + "; policy accept;");
  }
  void end() { text_ += "\t}\n"; }
  void raw(const std::string& text) { text_ += text; }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

// Nothing comes from a guest as somebody else, or for this host's loopback. Before connections are looked at.
void add_early(Text& text, const NatPlan& plan) {
  text.begin("early", "filter hook prerouting priority raw");
  const std::string from = "iifname " + quoted(plan.bridge) + " ip ";
  text.line(from + "saddr != " + plan.subnet.network_text() + " drop");
  text.line(from + "daddr 127.0.0.0/8 drop");
  text.end();
}

// Of the host's own services guests reach the resolver, and they may ping. IPv6 isn't given out, so none comes in.
void add_input(Text& text, const NatPlan& plan) {
  text.begin("input", "filter hook input priority filter");
  text.line("iifname != " + quoted(plan.bridge) + " accept");
  text.line("meta nfproto ipv6 drop");
  text.line("ct state established,related accept");
  text.line("icmp type echo-request accept");
  if (plan.dns_port != 0) {
    for (const char* protocol : {"udp", "tcp"}) {
      text.line("ip daddr 127.0.0.1 " + std::string(protocol) + " dport " + std::to_string(plan.dns_port) + " accept");
    }
  }
  text.line("reject");
  text.end();
}

// Between guests: as their ports of the bridge are, for packets that take the way through the host (and, where
// br_netfilter is loaded, for all). From outside only what is published gets in.
void add_forward(Text& text, const NatPlan& plan) {
  const std::string bridge = quoted(plan.bridge);
  text.begin("between_guests");
  text.line("ip saddr @open_guests accept");
  text.line("ip daddr @open_guests accept");
  text.line("drop");
  text.end();
  text.begin("forward", "filter hook forward priority filter");
  text.line("iifname " + bridge + " oifname " + bridge + " jump between_guests");
  text.line("iifname != " + bridge + " oifname != " + bridge + " accept");
  text.line("meta nfproto ipv6 drop");
  text.line("ct state established,related accept");
  text.line("iifname " + bridge + " accept");
  for (const Published& published : plan.published) {
    if (for_this_host_alone(published)) continue;
    text.line("ct status dnat ip daddr " + published.guest.text() + " " +
              std::string(name_of(published.forward.protocol)) + " dport " +
              std::to_string(published.forward.guest_port) + " accept");
  }
  text.line("reject");
  text.end();
}

// What is published: to others, and to this host itself. Guests are not among the others: what they may reach of
// each other isolation says.
void add_translations(Text& text, const NatPlan& plan) {
  const std::string bridge = quoted(plan.bridge);
  text.begin("prerouting", "nat hook prerouting priority dstnat");
  if (plan.dns_port != 0) {
    for (const char* protocol : {"udp", "tcp"}) {
      text.line("iifname " + bridge + " ip daddr " + plan.subnet.gateway.text() + " " + protocol +
                " dport 53 dnat ip to 127.0.0.1:" + std::to_string(plan.dns_port));
    }
  }
  text.line("iifname " + bridge + " accept");
  for (const Published& published : plan.published) {
    if (!for_this_host_alone(published)) text.line(translation(published));
  }
  text.end();
  text.begin("output", "nat hook output priority -100");
  for (const Published& published : plan.published) text.line(translation(published));
  text.end();
  text.begin("postrouting", "nat hook postrouting priority srcnat");
  text.line("oifname " + bridge + " ip saddr 127.0.0.0/8 masquerade");
  if (plan.masquerade) {
    text.line("ip saddr " + plan.subnet.network_text() + " oifname != " + bridge + " masquerade");
  }
  text.end();
}

}  // namespace

Result<std::string> ruleset_text(const NatPlan& plan) {
  BANGER_TRY(check_plan(plan));
  Text text;
  // Made if it isn't there, so that it can be deleted, so that nothing of it stays.
  text.raw("table inet banger\ndelete table inet banger\ntable inet banger {\n");
  text.raw("\tcomment " + quoted(alias_of({plan.store, {}})) + "\n");
  text.raw("\tset open_guests {\n");
  text.line("type ipv4_addr");
  const std::set<Ipv4> open(plan.open_guests.begin(), plan.open_guests.end());
  std::string elements;
  for (const Ipv4 guest : open) elements += (elements.empty() ? "" : ", ") + guest.text();
  if (!elements.empty()) text.line("elements = { " + elements + " }");
  text.end();
  add_early(text, plan);
  add_input(text, plan);
  add_forward(text, plan);
  add_translations(text, plan);
  text.raw("}\n");
  return text.take();
}

}  // namespace banger::network
