#include "drivers/network/nat.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <mutex>
#include <optional>

#include "drivers/network/names.h"
#include "drivers/uv/fd.h"

namespace banger::network {
namespace {

constexpr const char* kForwarding = "/proc/sys/net/ipv4/ip_forward";

// One context for one call, in the calling thread's namespace. The library keeps some things once for the whole
// process, so only one thread at a time is in it.
class Nft {
 public:
  // It ends the process where it gets no socket, so that one is tried first.
  [[nodiscard]] static Result<Nft> open() {
    const Fd probe(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
    if (!probe) return fail_errno("open nftables' netlink", errno);
    return Nft();
  }

  // What the commands print.
  [[nodiscard]] Result<std::string> run(std::string_view what, const std::string& commands) const {
    if (nft_run_cmd_from_buffer(context_.get(), commands.c_str()) == 0) return nft_ctx_get_output_buffer(context_.get());
    // The first of its lines says what it is; those below quote the commands.
    std::string said = nft_ctx_get_error_buffer(context_.get());
    said = said.substr(0, said.find('\n'));
    return fail(std::string(what) + ": nftables: " + (said.empty() ? "no reason given" : said));
  }

 private:
  struct Free {
    void operator()(nft_ctx* context) const { nft_ctx_free(context); }
  };
  Nft() : lock_(mutex()), context_(nft_ctx_new(NFT_CTX_DEFAULT)) {
    nft_ctx_buffer_output(context_.get());
    nft_ctx_buffer_error(context_.get());
    nft_ctx_output_set_flags(context_.get(), NFT_CTX_OUTPUT_STATELESS);
  }
  static std::mutex& mutex() {
    static std::mutex one;
    return one;
  }
  std::unique_lock<std::mutex> lock_;
  std::unique_ptr<nft_ctx, Free> context_;
};

// The table as text (nft's JSON leaves the table's comment out, and that says whose it is); nothing: no such table.
Result<std::optional<std::string>> list_table(const Nft& nft) {
  const auto tables = nft.run("list tables", "list tables inet");
  if (!tables) return std::unexpected(tables.error());
  if (("\n" + *tables).find("\ntable inet banger\n") == std::string::npos) return std::nullopt;
  return nft.run("list our table", "list table inet banger");
}

// The comment of the table itself, which comes first in it.
std::string owner_of(const std::string& listing) {
  constexpr std::string_view kBefore = "table inet banger {\n\tcomment \"";
  const auto start = listing.find(kBefore);
  if (start != 0) return {};
  return listing.substr(kBefore.size(), listing.find('"', kBefore.size()) - kBefore.size());
}

bool owned_by(StoreId store, const std::string& listing) { return owner_of(listing) == alias_of({store, {}}); }

Status refuse_foreign(StoreId store, const std::optional<std::string>& listing) {
  if (!listing || owned_by(store, *listing)) return {};
  return fail("the nftables table `inet banger` is not this banger's: its comment is '" + owner_of(*listing) +
              "', not '" + alias_of({store, {}}) + "'");
}

std::string localnet_switch(const std::string& bridge) { return "/proc/sys/net/ipv4/conf/" + bridge + "/route_localnet"; }

// Of this thread's namespace: that is whose /proc/sys/net one sees.
Result<bool> is_on(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char first = 0;
  if (!fd || ::read(fd.get(), &first, 1) != 1) return fail_errno("read " + path, errno);
  return first != '0';
}

// Whether it was otherwise before.
Result<bool> set_switch(const std::string& path, bool on) {
  const auto before = is_on(path);
  if (!before || *before == on) return before ? Result<bool>(false) : before;
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd || ::write(fd.get(), on ? "1" : "0", 1) != 1) return fail_errno("write " + path, errno);
  return true;
}

}  // namespace

Result<AppliedNat> apply_nat(const NatPlan& plan) {
  const auto text = ruleset_text(plan);
  if (!text) return std::unexpected(text.error());
  BANGER_TRY(is_on(localnet_switch(plan.bridge)));  // no bridge: nothing is changed
  const auto nft = Nft::open();
  if (!nft) return std::unexpected(nft.error());
  const auto before = list_table(*nft);
  if (!before) return std::unexpected(before.error());
  BANGER_TRY(refuse_foreign(plan.store, *before));
  BANGER_TRY(nft->run("set the rules for guests", *text));
  BANGER_TRY(set_switch(localnet_switch(plan.bridge), true));
  const auto turned_on = set_switch(kForwarding, true);
  if (!turned_on) return std::unexpected(turned_on.error());
  auto after = list_table(*nft);
  if (!after) return std::unexpected(after.error());
  if (!*after) return fail("the nftables table `inet banger` has gone while it was set");
  return AppliedNat{plan, **std::move(after), *turned_on};
}

Result<NatState> compare_nat(const AppliedNat& applied) {
  const auto nft = Nft::open();
  if (!nft) return std::unexpected(nft.error());
  const auto now = list_table(*nft);
  if (!now) return std::unexpected(now.error());
  if (!*now) return NatState::kMissing;
  if (!owned_by(applied.plan.store, **now)) return NatState::kForeign;
  if (**now != applied.listing) return NatState::kChanged;
  for (const std::string& path : {localnet_switch(applied.plan.bridge), std::string(kForwarding)}) {
    const auto on = is_on(path);
    if (!on && on.error().sys_errno != ENOENT) return std::unexpected(on.error());
    if (!on || !*on) return NatState::kChanged;  // not there: the bridge isn't
  }
  return NatState::kAsApplied;
}

Status remove_nat(StoreId store, const std::string& bridge) {
  if (!valid_link_name(bridge)) return fail("'" + bridge + "' can't be the bridge's name");
  const auto nft = Nft::open();
  if (!nft) return std::unexpected(nft.error());
  const auto table = list_table(*nft);
  if (!table) return std::unexpected(table.error());
  BANGER_TRY(refuse_foreign(store, *table));
  if (!*table) return {};
  // First the switch, which is safe only behind the rules; no bridge, no switch.
  const auto off = set_switch(localnet_switch(bridge), false);
  if (!off && off.error().sys_errno != ENOENT) return std::unexpected(off.error());
  auto removed = nft->run("remove the rules for guests", "delete table inet banger");
  if (!removed) return std::unexpected(removed.error());
  return {};
}

}  // namespace banger::network
