// Bridge and taps, each test in a namespace of its own.
#include <algorithm>

#include "drivers/network/bridge.h"
#include "drivers/network/tap.h"
#include "tests/catch.h"
#include "tests/drivers/network/guest.h"
#include "tests/drivers/network/killed.h"
#include "tests/drivers/network/namespaces.h"

using namespace banger;
using namespace banger::network;
using namespace banger::network::test;

namespace {

constexpr StoreId kStore{0x0123456789abcdef, 0xfedcba9876543210};
constexpr StoreId kOther{1, 2};
constexpr VmId kWeb{0xa1}, kDb{0xb2};

BridgeSpec bridge(StoreId store = kStore) { return {.store = store}; }
TapSpec tap(VmId vm, bool isolated = true) { return {.store = kStore, .vm = vm, .isolated = isolated}; }

std::size_t count_links() { return must(all_links()).size(); }
bool says(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("names and marks are derived, fit, and are read back", "[names]") {
  CHECK(tap_name(kStore, kWeb) == "bgb040fa556c659");  // never to change: hosts hold taps of this name
  CHECK(tap_name(kStore, kWeb) != tap_name(kStore, kDb));
  CHECK(tap_name(kStore, kWeb) != tap_name(kOther, kWeb));
  CHECK(tap_name(kStore, kWeb) != half_made_bridge_name(kStore));
  for (const auto& name : {tap_name(kStore, kWeb), half_made_bridge_name(kOther)}) {
    CHECK(name.size() == kMaxLinkName);
    CHECK(looks_derived(name));
    CHECK(valid_link_name(name));
  }
  CHECK_FALSE(looks_derived("br-banger"));
  CHECK_FALSE(looks_derived("bgXd5c4f8ccd131"));

  for (const Mark& mark : {Mark{kStore, {}}, Mark{kStore, kWeb}, Mark{kOther, kDb}}) {
    CHECK(parse_alias(alias_of(mark)) == mark);
  }
  CHECK(alias_of({kOther, kDb}) == "banger:00000000000000010000000000000002:00000000000000b2");
  for (const char* foreign : {"", "banger:", "banger:xyz", "banger:00000000000000010000000000000002:",
                              "banger:00000000000000010000000000000002x00000000000000b2",
                              "banger:00000000000000010000000000000002:00000000000000b2 ", "eth0"}) {
    INFO(foreign);
    CHECK_FALSE(parse_alias(foreign));
  }
  for (const char* bad : {"", "lo", "all", "default", "1br", "-br", "a b", "a/b", "br;ls", "br\"", "sixteen-letters-"}) {
    INFO(bad);
    CHECK_FALSE(valid_link_name(bad));
  }
  CHECK(valid_link_name("br-banger"));
  CHECK(valid_link_name("fifteen-letters"));
}

TEST_CASE("a bridge is made with its address, again changes nothing, and goes", "[netns]") {
  in_new_namespace([] {
    const auto before = count_links();
    const Link made = must(ensure_bridge(bridge()));
    EXPECT(made.name == "br-banger" && made.kind == "bridge" && made.up);
    EXPECT(made.alias == alias_of({kStore, {}}));
    EXPECT(says(sh("ip -4 addr show br-banger"), "inet 172.16.0.1/24 brd 172.16.0.255"));
    const std::string first = sh("ip -br link show br-banger; ip addr show br-banger | grep inet");
    EXPECT(must(ensure_bridge(bridge())).index == made.index);
    EXPECT(sh("ip -br link show br-banger; ip addr show br-banger | grep inet") == first);

    sh("ip addr flush dev br-banger; ip link set br-banger down");  // somebody's hand: mended
    EXPECT(must(ensure_bridge(bridge())).up);
    EXPECT(says(sh("ip -4 addr show br-banger"), "inet 172.16.0.1/24"));

    must(remove_bridge(kStore, "br-banger"));
    must(remove_bridge(kStore, "br-banger"));
    EXPECT(count_links() == before);
  });
}

TEST_CASE("a bridge that isn't ours, or would take addresses from somebody, is refused and untouched", "[netns]") {
  in_new_namespace([] {
    sh("ip link add br-banger type bridge; ip link set br-banger alias theirs");
    const std::string theirs = sh("ip -d addr show br-banger");
    EXPECT(says(error_of(ensure_bridge(bridge())), "br-banger is not this banger's"));
    EXPECT(says(error_of(ensure_bridge(bridge())), "'theirs'"));
    EXPECT(says(error_of(remove_bridge(kStore, "br-banger")), "not this banger's"));
    EXPECT(says(error_of(ensure_tap(tap(kWeb))), "not this banger's"));
    EXPECT(sh("ip -d addr show br-banger") == theirs);
    sh("ip link set br-banger alias ''");  // no proof is no proof
    EXPECT(says(error_of(ensure_bridge(bridge())), "not this banger's"));
    sh("ip link del br-banger");

    must(ensure_bridge(bridge(kOther)));  // another banger's
    EXPECT(says(error_of(ensure_bridge(bridge())), alias_of({kOther, {}})));
    must(remove_bridge(kOther, "br-banger"));

    sh("ip tuntap add d0 mode tap; ip addr add 172.16.0.77/16 dev d0");
    const auto before = count_links();
    EXPECT(says(error_of(ensure_bridge(bridge())), "d0 has 172.16.0.77/16, which overlaps with 172.16.0.0/24"));
    EXPECT(says(error_of(ensure_bridge({.store = kStore, .name = "d0"})), "a tun"));
    for (const char* name : {"", "all", "a/b", "x x", "sixteen-letters-"}) {
      EXPECT(says(error_of(ensure_bridge({.store = kStore, .name = name})), "can't be the bridge's name"));
    }
    EXPECT(says(error_of(ensure_bridge({.store = kStore, .subnet = {{0x0808'0801}, 24}})), "not private"));
    EXPECT(count_links() == before);
  });
}

TEST_CASE("a tap is made as a VMM wants it, again changes nothing, and goes", "[netns]") {
  in_new_namespace([] {
    const auto before = count_links();
    EXPECT(says(error_of(ensure_tap(tap(kWeb))), "br-banger"));  // no bridge yet
    const Link br = must(ensure_bridge(bridge()));
    const Link made = must(ensure_tap(tap(kWeb)));
    EXPECT(made.name == tap_name(kStore, kWeb) && made.kind == "tun" && made.tap && made.vnet_hdr && made.persistent);
    EXPECT(made.owner_uid == 0U && made.up && made.isolated && made.master == br.index);
    EXPECT(made.alias == alias_of({kStore, kWeb}));
    EXPECT(must(ensure_tap(tap(kWeb))) == made);
    EXPECT(!must(ensure_tap(tap(kWeb, false))).isolated);
    EXPECT(must(ensure_tap(tap(kWeb))) == made);

    {
      const Guest guest(made.name, "172.16.0.2");  // open, as by a VMM: what is right needs no opening
      Link open = must(ensure_tap(tap(kWeb)));
      EXPECT(std::exchange(open.attached, false) && open == made);
    }
    EXPECT(must(find_link(made.name)) == made);
    EXPECT(says(error_of(remove_bridge(kStore, "br-banger")), "still has 1 ports"));
    must(remove_tap(kStore, kWeb));
    must(remove_tap(kStore, kWeb));
    must(remove_bridge(kStore, "br-banger"));
    EXPECT(count_links() == before);
  });
}

TEST_CASE("a tap of another make, in another bridge or down is made right", "[netns]") {
  in_new_namespace([] {
    must(ensure_bridge(bridge()));
    const std::string name = tap_name(kStore, kWeb);
    sh("ip link add other type bridge; ip tuntap add " + name + " mode tap; ip link set " + name + " master other");
    sh("ip link set " + name + " alias " + alias_of({kStore, kWeb}));
    const Link before = must(find_link(name)).value();
    EXPECT(!before.vnet_hdr && !before.owner_uid);
    const Link after = must(ensure_tap(tap(kWeb)));
    EXPECT(after.index == before.index && after.vnet_hdr && after.owner_uid == 0U && after.isolated && after.up);
    EXPECT(after.master == must(find_link("br-banger"))->index);
    sh("ip link set " + name + " nomaster; ip link set " + name + " down");
    EXPECT(must(ensure_tap(tap(kWeb))) == after);
  });
}

TEST_CASE("a link with a tap's name that isn't ours is untouched", "[netns]") {
  in_new_namespace([] {
    must(ensure_bridge(bridge()));
    const std::string name = tap_name(kStore, kWeb);
    for (const std::string& how : {"ip link add " + name + " type bridge",
                                  "ip tuntap add " + name + " mode tap; ip link set " + name + " alias theirs",
                                  "ip tuntap add " + name + " mode tap; ip link set " + name + " alias " +
                                      alias_of({kOther, kWeb})}) {
      sh(how);
      const std::string theirs = sh("ip -d link show " + name);
      EXPECT(says(error_of(ensure_tap(tap(kWeb))), "not this banger's"));
      EXPECT(says(error_of(remove_tap(kStore, kWeb)), "not this banger's"));
      EXPECT(sh("ip -d link show " + name) == theirs);
      sh("ip link del " + name);
    }
  });
}

TEST_CASE("what is ours is listed, half made too, and what isn't is not", "[netns]") {
  in_new_namespace([] {
    EXPECT(must(our_links(kStore)).empty());
    const Link br = must(ensure_bridge(bridge()));
    const Link web = must(ensure_tap(tap(kWeb)));
    must(ensure_bridge({.store = kOther, .name = "br-other", .subnet = {{0x0a00'0001}, 24}}));
    sh("ip link add d0 type bridge; ip tuntap add mine mode tap");
    sh("ip tuntap add " + tap_name(kStore, kDb) + " mode tap");
    const auto ours = must(our_links(kStore));
    EXPECT(ours.size() == 3);
    EXPECT(ours[0].link == br && ours[0].mark == Mark(kStore, {}) && ours[0].proven);
    EXPECT(ours[1].link == web && ours[1].mark == Mark(kStore, kWeb) && ours[1].proven);
    EXPECT(ours[2].link.name == tap_name(kStore, kDb) && !ours[2].proven);
    must(remove_tap(kStore, kDb));
    EXPECT(must(our_links(kStore)).size() == 2);
    EXPECT(must(our_links(kOther)).size() == 1);
  });
}

TEST_CASE("killed before any of its steps, the next try finishes, and so does a removal", "[netns]") {
  in_new_namespace([] {
    const auto before = count_links();
    const auto make = [] {
      must(ensure_bridge(bridge()));
      must(ensure_tap(tap(kWeb)));
    };
    const auto remove = [] {
      must(remove_tap(kStore, kWeb));
      must(remove_bridge(kStore, "br-banger"));
    };
    make();
    auto whole = must(our_links(kStore));
    remove();
    int steps = 0;
    while (killed_at(steps + 1, make)) {
      ++steps;
      // Nothing of it is hidden from who looks for leftovers.
      const auto left = must(our_links(kStore));
      EXPECT(left.size() == count_links() - before);
      // And no tap is ever up in the bridge without its isolation.
      for (const OurLink& each : left) EXPECT(each.link.master == 0 || !each.link.up || each.link.isolated);
      if (steps % 2 == 0) {
        remove();  // without having been finished
        EXPECT(count_links() == before);
      }
      make();
      const auto again = must(our_links(kStore));
      EXPECT(again.size() == whole.size());
      for (std::size_t i = 0; i < whole.size(); ++i) {
        EXPECT(again[i].proven && again[i].mark == whole[i].mark && again[i].link.up);
        EXPECT(again[i].link.isolated == whole[i].link.isolated);
      }
      remove();
      EXPECT(count_links() == before);
    }
    EXPECT(steps > 15);
  });
}

namespace {

// Whether what `from` sends to `to` gets there. Frames keep their order: if the host has had what `from` sent it
// afterwards, then what it sends to `to` comes behind what `from` sent, or the first never came.
bool reaches(const Guest& from, const Guest& to) {
  Fd listens, sends;
  to.run([&] { listens = udp_at("0.0.0.0", 7000); });
  from.run([&] {
    sh("ip neigh replace " + to.address() + " lladdr " + to.hardware_address() + " dev eth0");  // no ARP, which may be lost
    sends = udp_at("0.0.0.0", 0);
  });
  const Fd host = udp_at("172.16.0.1", 7001);
  send_to(sends, "from a guest", to.address(), 7000);
  send_to(sends, "that is all", "172.16.0.1", 7001);
  EXPECT(receive(host) == "that is all");
  send_to(host, "from the host", to.address(), 7000);
  const bool reached = receive(listens) == "from a guest";
  if (reached) EXPECT(receive(listens) == "from the host");  // or the next call would hear it
  return reached;
}

}  // namespace

TEST_CASE("isolated guests don't reach each other, others do, and all of them reach the host", "[netns]") {
  in_new_namespace([] {
    must(ensure_bridge(bridge()));
    const Link web = must(ensure_tap(tap(kWeb))), db = must(ensure_tap(tap(kDb)));
    const Guest one(web.name, "172.16.0.2"), two(db.name, "172.16.0.3");
    EXPECT(!reaches(one, two));
    EXPECT(!reaches(two, one));
    must(ensure_tap(tap(kWeb, false)));
    EXPECT(reaches(one, two));  // it takes two to be kept apart
    must(ensure_tap(tap(kDb, false)));
    EXPECT(reaches(one, two));
    EXPECT(reaches(two, one));
    must(ensure_tap(tap(kWeb)));
    must(ensure_tap(tap(kDb)));
    EXPECT(!reaches(one, two));
  });
}
