// Ids as people and other programs write them: what one prints is read back, and nothing else is an id.
#include "events/ids.h"
#include "tests/catch.h"

namespace banger {
namespace {

TEST_CASE("an id is read back from its digits") {
  CHECK(VmId::parse("00000000000000ff") == VmId{0xff});
  CHECK(VmId::parse(VmId{0x0123456789abcdef}.hex()) == VmId{0x0123456789abcdef});
  CHECK(CommandId::parse(CommandId{0xfeed, 0xbeef}.hex()) == CommandId{0xfeed, 0xbeef});
}

TEST_CASE("what is not exactly an id's digits is no id") {
  for (const std::string_view text : {"", "ff", "00000000000000f", "00000000000000fff", "00000000000000FF",
                                      "0x000000000000ff", "00000000000000f/", "00000000000000f:",
                                      "00000000000000f`", "00000000000000fg", " 0000000000000ff"}) {
    CAPTURE(text);
    CHECK_FALSE(VmId::parse(text));
  }
  CHECK_FALSE(VmId::parse("0000000000000000"));  // that is "none"
  const std::string whole = CommandId{1, 2}.hex();
  CHECK_FALSE(CommandId::parse(whole.substr(1)));
  CHECK_FALSE(CommandId::parse(whole + "0"));
  CHECK_FALSE(CommandId::parse("x" + whole.substr(1)));
  CHECK_FALSE(CommandId::parse(whole.substr(0, 31) + "x"));
}

}  // namespace
}  // namespace banger
