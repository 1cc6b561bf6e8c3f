#include "cli/banger-guest/options.h"

#include "cli/banger-guest/outcome.h"
#include "tests/catch.h"
#include "tests/drivers/guest/ssh_server.h"

using namespace banger::guest;

namespace {

banger::Result<Options> parse(std::vector<std::string> words) {
  words.insert(words.begin(), "banger-guest");
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  return parse_options(static_cast<int>(argv.size()), argv.data());
}

}  // namespace

TEST_CASE("the command's own flags stay its own") {
  TempDir dir;
  const std::string key = dir.path() + "/key";
  REQUIRE(write_private_file(key, "secret"));
  std::vector<std::string> words{
      "exec",       "--host", "127.0.0.1", "--port", "22", "--host-key", "ssh-ed25519 A",
      "--key-file", key,      "--env",     "A=b",    "--", "ls",         "--tty"};
  auto options = parse(words);
  REQUIRE(options);
  CHECK(options->exec.argv == std::vector<std::string>{"ls", "--tty"});
  CHECK_FALSE(options->exec.tty);
  CHECK(options->target.private_key == "secret");
  for (auto bad :
       {std::pair("--port", "0"), std::pair("--port", "65536"), std::pair("--port", "1x"),
        std::pair("--timeout", "-1"), std::pair("--timeout", ""), std::pair("--key-fd", "99999"),
        std::pair("--nonsense", "1")}) {
    auto wrong = words;
    wrong.insert(wrong.begin() + 1, {bad.first, bad.second});
    INFO(bad.first << " " << bad.second);
    CHECK_FALSE(parse(wrong));
  }
  CHECK_FALSE(parse({}));
  CHECK_FALSE(parse({"exec"}));
  CHECK_FALSE(parse({"run"}));
}

TEST_CASE("an outcome is one line of JSON, whatever the guest said") {
  ExecStatus status{ExecStatus::Kind::failed, 125, "cannot enter \"\xff\n\x1b"};
  auto line = to_json_line(outcome_of(status));
  CHECK(line.find('\n') == line.size() - 1);
  CHECK(line.find('\x1b') == std::string::npos);
  CHECK(line.starts_with(R"({"outcome":"failed","code":125,"message":"cannot enter \")"));
}
