// Whose the table is, what became of it, and what a crash leaves of it: each in a namespace of the test's own.
#include "drivers/network/bridge.h"
#include "drivers/network/nat.h"
#include "tests/catch.h"
#include "tests/drivers/network/killed.h"
#include "tests/drivers/network/namespaces.h"
#include "tests/drivers/network/nat_support.h"

using namespace banger;
using namespace banger::network;
using namespace banger::network::test;

namespace {

constexpr StoreId kOther{1, 2};

bool says(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a table that was changed, taken away or put there by another is noticed", "[netns]") {
  in_new_namespace([] {
    must(ensure_bridge({.store = kStore}));
    NatPlan plan{.store = kStore, .published = {publish(kWebAddress, "127.0.0.1", 8080, 80)}};
    const AppliedNat applied = must(apply_nat(plan));
    EXPECT(must(compare_nat(applied)) == NatState::kAsApplied);
    const auto changed_by = [&](const std::string& commands) {
      nft(commands);
      const bool changed = must(compare_nat(applied)) == NatState::kChanged;
      EXPECT(must(compare_nat(must(apply_nat(plan)))) == NatState::kAsApplied);
      EXPECT(must(compare_nat(applied)) == NatState::kAsApplied);  // made the same again
      return changed;
    };
    EXPECT(changed_by("add rule inet banger input accept"));
    EXPECT(changed_by("flush chain inet banger output"));
    EXPECT(changed_by("add element inet banger open_guests { 172.16.0.9 }"));
    EXPECT(changed_by("add chain inet banger more"));
    sh("sysctl -qw net.ipv4.ip_forward=0");
    EXPECT(must(compare_nat(applied)) == NatState::kChanged);
    EXPECT(must(apply_nat(plan)).turned_forwarding_on);
    sh("sysctl -qw net.ipv4.conf.br-banger.route_localnet=0");
    EXPECT(must(compare_nat(applied)) == NatState::kChanged);
    nft("delete table inet banger");
    EXPECT(must(compare_nat(applied)) == NatState::kMissing);
    nft("table inet banger { comment \"theirs\"\n }");
    EXPECT(must(compare_nat(applied)) == NatState::kForeign);
  });
}

TEST_CASE("others' tables stay as they are, and one of our name that isn't ours is refused", "[netns]") {
  in_new_namespace([] {
    must(ensure_bridge({.store = kStore}));
    nft("table inet theirs { chain forward { type filter hook forward priority filter; policy accept;\n"
        "tcp dport 1 drop\n}\n}\ntable ip banger { chain x { }\n}");
    const std::string theirs = nft("list ruleset");
    const NatPlan plan{.store = kStore};
    must(apply_nat(plan));
    must(remove_nat(kStore, "br-banger"));
    must(remove_nat(kStore, "br-banger"));
    EXPECT(nft("list ruleset") == theirs);
    EXPECT(says(sh("sysctl net.ipv4.conf.br-banger.route_localnet"), "= 0"));

    for (const char* foreign : {"table inet banger { chain x { }\n}", "table inet banger { comment \"theirs\"\n }",
                                "table inet banger { comment \"banger:00000000000000010000000000000002\"\n }"}) {
      nft(foreign);
      const std::string before = nft("list ruleset");
      EXPECT(says(error_of(apply_nat(plan)), "is not this banger's"));
      EXPECT(says(error_of(remove_nat(kStore, "br-banger")), "is not this banger's"));
      EXPECT(nft("list ruleset") == before);
      nft("delete table inet banger");
    }
    EXPECT(says(error_of(apply_nat({.store = kStore, .bridge = "nowhere"})), "nowhere/route_localnet"));
    EXPECT(nft("list ruleset") == theirs);

    must(apply_nat(plan));
    must(remove_bridge(kStore, "br-banger"));  // in the wrong order: the table still goes
    must(remove_nat(kStore, "br-banger"));
    EXPECT(nft("list ruleset") == theirs);
    must(ensure_bridge({.store = kOther}));
    EXPECT(must(apply_nat({.store = kOther})).listing.find("0000000000000002") != std::string::npos);
  });
}

TEST_CASE("killed before any of its steps the table is whole or not there, and the next try finishes", "[netns]") {
  in_new_namespace([] {
    must(ensure_bridge({.store = kStore}));
    const NatPlan before{.store = kStore};
    const NatPlan after{.store = kStore, .published = {publish(kWebAddress, "127.0.0.1", 8080, 80)}};
    const std::string old_listing = must(apply_nat(before)).listing;
    const AppliedNat whole = must(apply_nat(after));
    EXPECT(old_listing != whole.listing);
    must(remove_nat(kStore, "br-banger"));
    int steps = 0;
    // From nothing, and from another plan.
    while (killed_at(steps + 1, [&] { must(apply_nat(after)); })) {
      ++steps;
      EXPECT(must(compare_nat(whole)) == NatState::kMissing || nft("list table inet banger") == whole.listing);
      must(apply_nat(before));
      sh("sysctl -qw net.ipv4.conf.br-banger.route_localnet=0");
      (void)killed_at(steps, [&] { must(apply_nat(after)); });
      const std::string now = nft("list table inet banger");
      EXPECT(now == old_listing || now == whole.listing);
      EXPECT(must(apply_nat(after)).listing == whole.listing);
      EXPECT(must(compare_nat(whole)) == NatState::kAsApplied);
      (void)killed_at(steps, [] { must(remove_nat(kStore, "br-banger")); });
      must(remove_nat(kStore, "br-banger"));
      sh("sysctl -qw net.ipv4.ip_forward=0");
      EXPECT(says(sh("sysctl net.ipv4.conf.br-banger.route_localnet"), "= 0"));
    }
    EXPECT(steps > 5);
  });
}
