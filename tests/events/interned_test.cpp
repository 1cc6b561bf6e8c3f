#include "events/interned.h"

#include "tests/catch.h"

namespace banger {
namespace {

const Actor kAnn{1000, "ann", "bangerctl"};

TEST_CASE("the same actor and boot have the same number, from 1 up") {
  Interned interned;
  CHECK(interned.number_of(kAnn) == 1);
  CHECK(interned.number_of(Actor{1000, "ann", "driver"}) == 2);
  CHECK(interned.number_of(kAnn) == 1);
  CHECK(interned.number_of(BootId{1, 2}) == 1);
  CHECK(*interned.actor(1) == kAnn);
  CHECK(*interned.boot(1) == BootId{1, 2});
  CHECK(interned.actor(0) == nullptr);
  CHECK(interned.actor(3) == nullptr);
  CHECK(interned.boot(2) == nullptr);
}

TEST_CASE("new entries are handed out once, and make the same table elsewhere") {
  Interned interned;
  (void)interned.number_of(kAnn);
  (void)interned.number_of(BootId{1, 2});
  auto fresh = interned.take_new();
  CHECK(fresh.size() == 2);
  CHECK(interned.take_new().empty());
  Interned other;
  for (const InternedEntry& entry : fresh) REQUIRE(other.load(entry));
  CHECK(other.number_of(kAnn) == 1);
  CHECK(other.number_of(BootId{1, 2}) == 1);
  CHECK(other.take_new().empty());
  CHECK(other.all().size() == interned.all().size());
  CHECK(other.number_of(BootId{3, 4}) == 2);
}

TEST_CASE("hostile entries are errors") {
  Interned interned;
  auto refused = [&](InternTable table, std::string bytes) {
    CHECK_FALSE(interned.load({table, 1, std::move(bytes)}));
  };
  using namespace std::string_literals;
  refused(InternTable::kActor, "");
  refused(InternTable::kActor, "1000");
  refused(InternTable::kActor, "1000\0ann"s);
  refused(InternTable::kActor, "\0ann\0x"s);
  refused(InternTable::kActor, "-1\0ann\0x"s);
  refused(InternTable::kActor, "4294967296\0ann\0x"s);
  refused(InternTable::kActor, "10x\0ann\0x"s);
  refused(InternTable::kBoot, "");
  refused(InternTable::kBoot, std::string(31, 'a'));
  refused(InternTable::kBoot, std::string(32, 'g'));
  refused(static_cast<InternTable>(9), "x");
  CHECK(interned.all().empty());
}

}  // namespace
}  // namespace banger
