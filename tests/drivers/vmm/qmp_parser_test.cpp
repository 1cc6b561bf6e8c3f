#include "drivers/vmm/qmp_parser.h"

#include <random>

#include "tests/catch.h"

using namespace banger::vmm;
using Kind = QmpMessage::Kind;

namespace {

const std::string kTalk =
    R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, "capabilities": ["oob"]}})"
    "\r\n"
    R"({"return": {}, "id": 1})"
    "\r\n"
    R"({"return": {"status": "running", "singlestep": false, "running": true}, "id": 2})"
    "\r\n"
    R"({"error": {"class": "CommandNotFound", "desc": "no such \"thing\""}, "id": 3})"
    "\r\n"
    R"({"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}})"
    "\r\n";

std::vector<QmpMessage> all(QmpParser& parser) {
  std::vector<QmpMessage> messages;
  while (auto message = parser.next()) messages.push_back(*message);
  return messages;
}

const std::vector<QmpMessage> kMeaning = {
    {Kind::kGreeting, std::nullopt, "", "", false},
    {Kind::kReturn, 1, "", "", false},
    {Kind::kReturn, 2, "", "running", false},
    {Kind::kError, 3, "CommandNotFound", "no such \"thing\"", false},
    {Kind::kEvent, std::nullopt, "SHUTDOWN", "guest-shutdown", true},
};

}  // namespace

TEST_CASE("QEMU's messages mean the same however they are cut") {
  for (std::size_t piece : {kTalk.size(), std::size_t{1}, std::size_t{7}, std::size_t{100}}) {
    QmpParser parser;
    for (std::size_t at = 0; at < kTalk.size(); at += piece)
      REQUIRE(parser.feed(kTalk.substr(at, piece)));
    CHECK(all(parser) == kMeaning);
  }
}

TEST_CASE("a half line is no message yet") {
  QmpParser parser;
  REQUIRE(parser.feed(R"({"return": {}, "id": 1})"));
  CHECK_FALSE(parser.next());
  REQUIRE(parser.feed("\n"));
  CHECK(parser.next()->id == 1);
}

TEST_CASE("what isn't QMP ends the conversation") {
  for (const char* line : {"hello\n", "[]\n", "{}\n", "{\"return\"\n", "\"\n", "42\n",
                           "\xff\xfe{}\n", "{\"other\": 1}\n"}) {
    QmpParser parser;
    INFO(line);
    CHECK_FALSE(parser.feed(line));
  }
}

TEST_CASE("fields of the wrong type are empty, not a crash") {
  QmpParser parser;
  REQUIRE(parser.feed(
      "{\"event\": 5, \"data\": [1]}\n{\"error\": \"x\"}\n{\"return\": 7, \"id\": \"a\"}\n"
      "{\"return\": {\"status\": {}}, \"id\": -1}\n{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": "
      "\"true\"}}\n"));
  auto messages = all(parser);
  REQUIRE(messages.size() == 5);
  CHECK(messages[0].name.empty());
  CHECK_FALSE(messages[2].id);
  CHECK_FALSE(messages[3].id);
  CHECK_FALSE(messages[4].by_guest);
}

TEST_CASE("every bound of the parser holds") {
  QmpParser parser;
  SECTION("a line without end") {
    std::string chunk(QmpParser::kMaxLineBytes, 'x');
    REQUIRE(parser.feed(chunk));
    CHECK_FALSE(parser.feed("x"));
  }
  SECTION("messages that nobody takes") {
    for (std::size_t i = 0; i < QmpParser::kMaxWaiting; ++i)
      REQUIRE(parser.feed("{\"event\":\"E\"}\n"));
    CHECK_FALSE(parser.feed("{\"event\":\"E\"}\n"));
  }
  SECTION("nesting") {
    CHECK_FALSE(
        parser.feed("{\"return\":" + std::string(30000, '[') + std::string(30000, ']') + "}\n"));
    QmpParser other;
    CHECK(other.feed("{\"return\": \"" + std::string(30000, '[') + "\"}\n"));
  }
}

TEST_CASE("random damage to a conversation is refused or read, never worse") {
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    auto talk = kTalk;
    for (int i = 0; i < 3; ++i) talk[random() % talk.size()] = static_cast<char>(random());
    QmpParser parser;
    if (parser.feed(talk)) CHECK(all(parser).size() <= kMeaning.size() + 3);
  }
}

TEST_CASE("a command is one line") {
  CHECK(qmp_command("system_powerdown", 7) == "{\"execute\":\"system_powerdown\",\"id\":7}\n");
}
