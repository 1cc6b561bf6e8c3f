#include "drivers/vmm/firecracker/api_client.h"

#include <cerrno>
#include <cstdlib>

#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"
#include "tests/drivers/vmm/firecracker/fixture.h"
#include "tests/drivers/vmm/firecracker/stand_in.h"

using namespace banger;
using namespace banger::test;
using namespace banger::vmm::firecracker;
using Kind = Misbehaviour::Kind;

namespace {

constexpr const char* kId = "banger-0000000000000abc-2";

Status told(const std::string& socket, const ApiRequest& request) {
  return send(socket, request, kPatience);
}

}  // namespace

TEST_CASE("a guest that runs is paused, resumed, asked to go down and its metrics are flushed") {
  TempDir dir;
  const std::string socket = dir / "api.sock";
  StandIn vmm(socket, kId);
  CHECK(version(socket, kPatience) == "1.17.0-dev");
  CHECK(instance_info(socket, kPatience) ==
        InstanceInfo{kId, InstanceState::kNotStarted, "1.17.0-dev"});
  REQUIRE(configure_and_start(socket, whole_spec(), patient()));
  CHECK(instance_info(socket, kPatience)->state == InstanceState::kRunning);
  CHECK(told(socket, state_request(VmState::kPaused)));
  CHECK(instance_info(socket, kPatience)->state == InstanceState::kPaused);
  CHECK(told(socket, state_request(VmState::kResumed)));
  CHECK(instance_info(socket, kPatience)->state == InstanceState::kRunning);
  CHECK(told(socket, action_request(Action::kFlushMetrics)));
  CHECK(told(socket, action_request(Action::kSendCtrlAltDel)));
  CHECK(vmm.own_fault().empty());
}

TEST_CASE("what is only for a guest that runs is refused before, in Firecracker's words") {
  TempDir dir;
  StandIn vmm(dir / "api.sock", kId);
  for (const auto& request :
       {state_request(VmState::kPaused), state_request(VmState::kResumed),
        action_request(Action::kSendCtrlAltDel), action_request(Action::kFlushMetrics)}) {
    const auto status = told(dir / "api.sock", request);
    REQUIRE_FALSE(status);
    CHECK(status.error() == Error{request.what + " (" + request.method + " " + request.path +
                                      "): refused with 400: The requested operation is not "
                                      "supported before starting the microVM.",
                                  EINVAL});
  }
  CHECK(vmm.state() == "Not started");
}

TEST_CASE("nobody there, nobody listening and no path of a socket are told apart") {
  TempDir dir;
  CHECK(version(dir / "none.sock", kPatience).error().sys_errno == ENOENT);
  // Bound, and its owner gone: what a killed VMM leaves.
  const std::string left = dir / "left.sock";
  leave_socket(left);
  CHECK(version(left, kPatience).error().sys_errno == ECONNREFUSED);
  CHECK(version(dir / std::string(200, 's'), kPatience).error().sys_errno == ENAMETOOLONG);
  CHECK(version("", kPatience).error().sys_errno == ENAMETOOLONG);
}

TEST_CASE("no time is an error at once, and not no limit") {
  TempDir dir;
  StandIn vmm(dir / "api.sock", kId);
  CHECK(version(dir / "api.sock", Duration(0)).error().sys_errno == ETIMEDOUT);
  CHECK(version(dir / "api.sock", Duration(-1)).error().sys_errno == ETIMEDOUT);
  CHECK(vmm.seen().empty());
}

TEST_CASE("an answer that says too little is an error") {
  TempDir dir;
  StandIn vmm(dir / "api.sock", kId);
  // Each asks for something else than the path gives.
  auto question = instance_request();
  CHECK(call(dir / "api.sock", question, kPatience));
  vmm.force_state("Melting");
  const auto info = instance_info(dir / "api.sock", kPatience);
  REQUIRE_FALSE(info);
  CHECK(info.error() == Error{"instance state (GET /): no state is called Melting", EPROTO});
}

TEST_CASE("a VMM's words are bounded and steer no terminal") {
  TempDir dir;
  StandIn vmm(dir / "api.sock", kId);
  vmm.force_state("\x1b[2J" + std::string(5000, 'm') + "\n");
  const auto info = instance_info(dir / "api.sock", kPatience);
  REQUIRE_FALSE(info);
  CHECK(info.error().message.size() < 1100);
  CHECK(info.error().message.contains("called  [2Jmmm"));
  CHECK_FALSE(info.error().message.contains('\x1b'));
  // Not cut within a character.
  vmm.force_state("m" + std::string("é").append([] {
    std::string more;
    for (int i = 0; i < 600; ++i) more += "é";
    return more;
  }()));
  const auto cut = instance_info(dir / "api.sock", kPatience);
  REQUIRE_FALSE(cut);
  CHECK(cut.error().message.ends_with("é"));
}

TEST_CASE("a proxy that the environment names is not asked") {
  TempDir dir;
  StandIn vmm(dir / "api.sock", kId);
  const char* before = std::getenv("http_proxy");
  const std::string kept = before == nullptr ? "" : before;
  REQUIRE(::setenv("http_proxy", "http://127.0.0.1:1", 1) == 0);
  CHECK(version(dir / "api.sock", kPatience));
  REQUIRE((kept.empty() ? ::unsetenv("http_proxy") : ::setenv("http_proxy", kept.c_str(), 1)) == 0);
}

TEST_CASE("calls leave no descriptor and no thread, whether they succeed or not") {
  TempDir dir;
  StandIn vmm(dir / "api.sock", kId);
  REQUIRE(version(dir / "api.sock", kPatience));
  const Held before = held();
  for (int i = 0; i < 20; ++i) {
    CHECK(version(dir / "api.sock", kPatience));
    CHECK_FALSE(told(dir / "api.sock", state_request(VmState::kPaused)));
    CHECK_FALSE(version(dir / "none.sock", kPatience));
  }
  // The stand-in closes its end of the last connection when it sees that ours is closed; the
  // question after it is served after that.
  CHECK(held().threads == before.threads);
  CHECK(held().descriptors <= before.descriptors + 1);
}
