#include "drivers/network/dns_answer.h"

#include "tests/catch.h"
#include "tests/drivers/network/dns_wire.h"
#include "tests/support/random.h"

using namespace banger;
using namespace banger::network;
using namespace banger::network::test;

namespace {

const NameTable kNames{{"web", {0xac10'0002}}, {"db-1", {0xac10'0003}}};

Answer ask(const Bytes& bytes) {
  const auto answer = answer_query(bytes, kNames);
  REQUIRE(answer);
  CHECK(answer->size() <= kMaxAnswerBytes);
  return read_answer(bytes, *answer);
}

}  // namespace

TEST_CASE("a VM's name is answered with its address, in whatever case it is asked") {
  for (const char* name : {"web.vm", "WEB.vm", "wEb.VM"}) {
    INFO(name);
    const Answer answer = ask(query(name));  // which looks that the question comes back as it was written
    CHECK(answer.rcode == kNoError);
    CHECK(answer.authoritative);
    CHECK(answer.address == "172.16.0.2");
    CHECK(answer.ttl == kAnswerTtlSeconds);
  }
  CHECK(ask(query("db-1.vm")).address == "172.16.0.3");
  CHECK(ask(query("db-1.vm", kAny)).address == "172.16.0.3");
}

TEST_CASE("what a name does not have is no error, and a name that is not there is") {
  for (const auto type : {kAaaa, kTxt, kSoa}) {
    const Answer answer = ask(query("web.vm", type));
    CHECK(answer.rcode == kNoError);
    CHECK(answer.answers == 0);
  }
  for (const char* name : {"nobody.vm", "we.vm", "webb.vm", "a.web.vm", "web.web.vm", "a.b.c.d.vm"}) {
    INFO(name);
    CHECK(ask(query(name)).rcode == kNxDomain);
    CHECK(ask(query(name, kAaaa)).rcode == kNxDomain);
  }
  CHECK(ask(query("vm")).rcode == kNoError);
  CHECK(ask(query("vm")).answers == 0);
  // A dot that is part of a label, not between two.
  CHECK(ask(header() + question({6, 'w', 'e', 'b', '.', 'v', 'm', 0})).rcode == kRefused);
  CHECK(ask(header() + question({5, 'x', '.', 'w', 'e', 'b', 2, 'v', 'm', 0})).rcode == kNxDomain);
  CHECK(ask(header() + question({4, 'w', 'e', 'b', 0, 2, 'v', 'm', 0})).rcode == kNxDomain);
}

TEST_CASE("other domains and classes are refused") {
  for (const char* name : {"", "example.org", "web", "web.vm.example.org", "web.vmm", "1.0.16.172.in-addr.arpa"}) {
    INFO(name);
    CHECK(ask(query(name)).rcode == kRefused);
    CHECK_FALSE(ask(query(name)).authoritative);
  }
  CHECK(ask(query("web.vm", kA, 3)).rcode == kRefused);    // CHAOS
  CHECK(ask(query("web.vm", kA, 255)).rcode == kRefused);  // any
}

TEST_CASE("EDNS is answered with EDNS, and another version of it is named so") {
  const Bytes with = header(1, 0, 0, 1) + question(wire_name("web.vm")) + edns();
  CHECK(ask(with).address == "172.16.0.2");
  const auto plain = answer_query(query("web.vm"), kNames).value();
  const auto told = answer_query(with, kNames).value();
  CHECK(told.size() == plain.size() + edns().size());
  CHECK(told[11] == 1);
  CHECK(plain[11] == 0);

  const Bytes newer = header(1, 0, 0, 1) + question(wire_name("web.vm")) + edns(7);
  const auto refused = answer_query(newer, kNames).value();
  CHECK(read_answer(newer, refused).answers == 0);
  CHECK(refused[refused.size() - 6] == 1);  // the upper bits of BADVERS
}

TEST_CASE("the longest name that there can be still fits an answer") {
  std::string name;
  for (int i = 0; i < 3; ++i) name += std::string(63, 'a') + ".";
  name += std::string(57, 'a') + ".vm";
  CHECK(wire_name(name).size() == 254);
  CHECK(ask(query(name)).rcode == kNxDomain);
  NameTable names{{std::string(63, 'x'), {1}}};
  const Bytes longest = query(std::string(63, 'x') + ".vm");
  CHECK(read_answer(longest, answer_query(longest, names).value()).address == "0.0.0.1");
}

TEST_CASE("what is not a question gets the word for it, or none at all") {
  const Bytes good = query("web.vm");
  SECTION("an answer, and what is too short to have a header, are dropped") {
    Bytes answer = good;
    answer[2] |= 0x80;
    CHECK_FALSE(answer_query(answer, kNames));
    for (std::size_t size = 0; size < 12; ++size) {
      CHECK_FALSE(answer_query(std::span(good).first(size), kNames));
    }
  }
  SECTION("cut off anywhere behind its header") {
    for (std::size_t size = 12; size < good.size(); ++size) {
      const Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
      CHECK(ask(cut).rcode == kFormErr);
    }
  }
  SECTION("another opcode") {
    for (int opcode = 1; opcode < 16; ++opcode) {
      Bytes other = good;
      other[2] = static_cast<std::uint8_t>(opcode << 3 | 1);
      const auto answer = answer_query(other, kNames).value();
      CHECK(answer.size() == 12);
      CHECK(answer[2] == (0x80 | opcode << 3 | 1));
      CHECK(answer[3] == kNotImp);
    }
  }
  SECTION("no question, two, 65535, and records where none belong") {
    const Bytes one = question(wire_name("web.vm"));
    for (const Bytes& bad : {header(0), header(0) + one, header(2) + one + one, header(65535) + one, header(1, 1) + one,
                             header(1, 0, 1) + one, header(1, 0, 0, 2) + one + edns() + edns(), header(1, 0, 0, 1) + one}) {
      CHECK(ask(bad).rcode == kFormErr);
    }
  }
  SECTION("names that point at themselves, at each other, forward or past the end") {
    for (const Bytes& name : {Bytes{0xc0, 12}, Bytes{0xc0, 14, 0xc0, 12}, Bytes{1, 'a', 0xc0, 12}, Bytes{0xc0, 0xff},
                              Bytes{0xff, 0xff}, Bytes{0xc0}, Bytes{63, 'a'}, Bytes{0x40, 0}, Bytes{0x80, 0},
                              Bytes{3, 'w', 'e', 'b', 0xc0, 12}}) {
      CHECK(ask(header() + question(name)).rcode == kFormErr);
    }
  }
  SECTION("a name of more than 255 bytes") {
    std::string name;
    for (int i = 0; i < 5; ++i) name += std::string(63, 'a') + ".";
    CHECK(ask(query(name + "vm")).rcode == kFormErr);
  }
  SECTION("more bytes than any question has") {
    CHECK(ask(good + Bytes(kMaxQueryBytes, 0)).rcode == kFormErr);
  }
}

TEST_CASE("bytes at random, and questions with some bytes changed, are survived") {
  banger::test::Dice dice(20);
  const Bytes seeds[] = {query("web.vm"), header(1, 0, 0, 1) + question(wire_name("web.vm")) + edns(),
                         header() + question({3, 'w', 'e', 'b', 0xc0, 12})};
  std::size_t answered = 0;
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes = seeds[dice.below(std::size(seeds))];
    if (dice.chance(10)) bytes.resize(dice.below(bytes.size() + 1));
    if (dice.chance(10)) bytes.resize(dice.below(1200));
    for (auto changes = dice.below(6); changes > 0 && !bytes.empty(); --changes) {
      bytes[dice.below(bytes.size())] = static_cast<std::uint8_t>(dice.next());
    }
    const auto answer = answer_query(bytes, kNames);
    if (!answer) continue;
    ++answered;
    // Twelve bytes, its own id, and never an answer that is no answer.
    if (answer->size() < 12 || answer->size() > kMaxAnswerBytes || (*answer)[0] != bytes[0] || ((*answer)[2] & 0x80) == 0) {
      FAIL("round " << round);
    }
  }
  CHECK(answered > 1'000);
}
