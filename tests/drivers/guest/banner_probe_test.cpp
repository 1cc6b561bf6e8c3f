#include "drivers/guest/banner_probe.h"

#include <sys/socket.h>
#include <unistd.h>

#include "tests/catch.h"

using namespace banger::guest;
using Verdict = BannerProbe::Verdict;

TEST_CASE("a banner fed byte by byte is ready at its last byte only") {
  const std::string banner = "SSH-2.0-dropbear_2022.83\r\n";
  BannerProbe probe;
  for (size_t i = 0; i + 1 < banner.size(); ++i) {
    REQUIRE(probe.feed(banner.substr(i, 1)) == Verdict::more);
  }
  CHECK(probe.feed("\n") == Verdict::ready);
  CHECK(probe.banner() == "SSH-2.0-dropbear_2022.83");
  CHECK(probe.closed() == Verdict::ready);  // what comes afterwards changes nothing
  CHECK(probe.feed("garbage") == Verdict::ready);
}

TEST_CASE("lines before the banner are allowed, and other protocols are not") {
  BannerProbe talkative;
  CHECK(talkative.feed("welcome\r\nto the SSH-2.0- guest\nSSH-2.0-x\nrest") == Verdict::ready);
  CHECK(talkative.banner() == "SSH-2.0-x");
  BannerProbe old;
  CHECK(old.feed("SSH-1.5-old\n") == Verdict::retry);
  BannerProbe both;
  CHECK(both.feed("SSH-1.99-both\r\n") == Verdict::ready);
}

TEST_CASE("an endless line and endless lines are cut off") {
  BannerProbe line;
  CHECK(line.feed(std::string(BannerProbe::kMaxBytes, 'x')) == Verdict::more);
  CHECK(line.feed("x") == Verdict::retry);
  BannerProbe lines;
  CHECK(lines.feed(std::string(BannerProbe::kMaxBytes + 1, '\n')) == Verdict::retry);
  BannerProbe zeros;
  CHECK(zeros.feed(std::string(BannerProbe::kMaxBytes + 1, '\0')) == Verdict::retry);
}

TEST_CASE("silence, an end of file and half a banner mean: try again") {
  CHECK(BannerProbe().timed_out() == Verdict::retry);
  CHECK(BannerProbe().closed() == Verdict::retry);
  BannerProbe half;
  CHECK(half.feed("SSH-2.0-ha") == Verdict::more);
  CHECK(half.closed() == Verdict::retry);
}
