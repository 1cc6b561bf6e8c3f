// A start from the first connection to InstanceStart, against a stand-in that misbehaves at each
// request.
#include <atomic>
#include <cerrno>
#include <optional>
#include <thread>

#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"
#include "tests/drivers/vmm/firecracker/fixture.h"
#include "tests/drivers/vmm/firecracker/stand_in.h"

using namespace banger;
using namespace banger::test;
using namespace banger::vmm::firecracker;
using Kind = Misbehaviour::Kind;

namespace {

// What a start of `spec` must send, the question for the instance first.
std::vector<ApiRequest> expected_calls(const FirecrackerSpec& spec) {
  auto calls = start_requests(spec);
  REQUIRE(calls);
  calls->insert(calls->begin(), instance_request());
  return *calls;
}

void check_accepted(const FirecrackerSpec& spec) {
  TempDir dir;
  StandIn vmm(dir / "api.sock", id_of(spec));
  const auto info = configure_and_start(dir / "api.sock", spec, patient());
  if (!info) FAIL(info.error().message);
  CHECK(*info == InstanceInfo{id_of(spec), InstanceState::kRunning, "1.17.0-dev"});
  CHECK(vmm.state() == "Running");
  CHECK(vmm.own_fault().empty());
  const auto seen = vmm.seen();
  const auto expected = expected_calls(spec);
  REQUIRE(seen.size() == expected.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    CHECK(seen[i].method == expected[i].method);
    CHECK(seen[i].path == expected[i].path);
    CHECK(seen[i].body == expected[i].body);
    CHECK(seen[i].status < 300);
  }
}

}  // namespace

TEST_CASE("a start with everything in it is accepted") {
  check_accepted(whole_spec());
}

TEST_CASE("a start is accepted with each optional part on and off") {
  for (unsigned parts = 0; parts < 256; ++parts) {
    auto spec = whole_spec();
    if ((parts & 1) != 0) spec.initrd.clear();
    if ((parts & 2) != 0) spec.seed.clear();
    if ((parts & 4) != 0) spec.network.reset();
    if ((parts & 8) != 0) spec.vsock.reset();
    spec.entropy = (parts & 16) != 0;
    if ((parts & 32) != 0) spec.log.clear();
    if ((parts & 64) != 0) spec.metrics.clear();
    spec.disk_read_only = (parts & 128) != 0;
    // Each pair of parts, and all and none, are enough of the 256.
    const int set = __builtin_popcount(parts);
    if (set <= 2 || set >= 7) check_accepted(spec);
  }
}

TEST_CASE("every level of the logger is one that Firecracker knows") {
  for (auto level : {LogLevel::kError, LogLevel::kWarning, LogLevel::kInfo, LogLevel::kDebug,
                     LogLevel::kTrace}) {
    auto spec = whole_spec();
    spec.log_level = level;
    check_accepted(spec);
  }
}

TEST_CASE("hostile strings arrive byte for byte") {
  const std::string hostile =
      "/v/\"quoted\"\\ new\nline\ttab\x01\x7f ünïcödé 日本 \xf0\x9f\x8d\x8c {}";
  auto spec = whole_spec();
  spec.kernel = spec.disk = spec.seed = spec.vsock->socket = spec.cmdline = hostile;
  TempDir dir;
  const std::string socket = dir / "a \"p i\"\n日本.sock";
  StandIn vmm(socket, id_of(spec));
  const auto info = configure_and_start(socket, spec, patient());
  if (!info) FAIL(info.error().message);
  int met = 0;
  for (const SeenCall& call : vmm.seen()) {
    if (call.body.empty()) continue;
    for (const auto& field : nlohmann::json::parse(call.body))
      met += static_cast<int>(field == hostile);
  }
  CHECK(met == 5);
}

TEST_CASE(
    "a misbehaviour at any request ends the start with the name of the stage, and leaves nothing") {
  struct Case {
    Kind kind;
    const char* words;
    int sys_errno;
  };
  const auto c =
      GENERATE(Case{Kind::kRefuse, "refused with 400: the test wants it refused", EINVAL},
               Case{Kind::kRefuseMute, "refused with 400: it does not say why", EINVAL},
               Case{Kind::kHangUp, "hung up before the answer was whole", EPROTO},
               Case{Kind::kHalfLine, "hung up before the answer was whole", EPROTO},
               Case{Kind::kHalfHead, "hung up before the answer was whole", EPROTO},
               Case{Kind::kHalfBody, "hung up before the answer was whole", EPROTO},
               Case{Kind::kEndlessBody, "longer than 1048576 bytes", EPROTO},
               Case{Kind::kEndlessHead, "longer than 16384 bytes", EPROTO},
               Case{Kind::kNoHttp, "no HTTP", EPROTO}, Case{Kind::kNoJson, "no JSON", EPROTO});
  const auto spec = whole_spec();
  const auto expected = expected_calls(spec);
  const std::string socket_name = "api.sock";
  TempDir dir;
  for (std::size_t at = 0; at < expected.size(); ++at) {
    INFO("misbehaviour " << static_cast<int>(c.kind) << " at request " << at);
    const Held before = held();
    {
      StandIn vmm(dir / socket_name, id_of(spec), {c.kind, at});
      const Held with_vmm = held();
      const auto info = configure_and_start(dir / socket_name, spec, patient());
      REQUIRE_FALSE(info);
      CHECK(info.error().message.starts_with(expected[at].what + " (" + expected[at].method + " " +
                                             expected[at].path + "): "));
      INFO(info.error().message);
      CHECK(info.error().message.contains(c.words));
      CHECK(info.error().sys_errno == c.sys_errno);
      // Nothing was sent twice, and nothing after it.
      CHECK(vmm.seen().size() == at + 1);
      CHECK(held().threads == with_vmm.threads);
    }
    CHECK(held() == before);
    CHECK(std::filesystem::is_empty(dir.path()));
  }
}

TEST_CASE("a request that is not answered ends the start when its time is up") {
  const auto spec = whole_spec();
  const auto expected = expected_calls(spec);
  TempDir dir;
  for (std::size_t at = 0; at < expected.size(); ++at) {
    StandIn vmm(dir / "api.sock", id_of(spec), {Kind::kHold, at});
    auto limits = patient();
    limits.call = std::chrono::milliseconds(200);
    const auto info = configure_and_start(dir / "api.sock", spec, limits);
    REQUIRE_FALSE(info);
    CHECK(info.error().sys_errno == ETIMEDOUT);
    // A machine under load may be late with an earlier request; each of them has the same words.
    CHECK(info.error().message.ends_with(": no answer in time"));
    if (vmm.seen().size() == at + 1) CHECK(info.error().message.starts_with(expected[at].what));
    vmm.release();
  }
}

TEST_CASE("a slow Firecracker is waited for") {
  const auto spec = whole_spec();
  for (std::size_t at : {std::size_t{0}, std::size_t{3}, std::size_t{10}}) {
    TempDir dir;
    StandIn vmm(dir / "api.sock", id_of(spec), {Kind::kHold, at});
    std::atomic<bool> done = false;
    Result<InstanceInfo> info = fail("not called");
    std::thread worker([&] {
      info = configure_and_start(dir / "api.sock", spec, patient());
      done = true;
    });
    vmm.await_calls(at + 1);
    CHECK_FALSE(done);
    vmm.release();
    worker.join();
    CHECK(info);
  }
}

TEST_CASE("a guest that runs already is refused at the request that meets it") {
  const auto spec = whole_spec();
  const auto expected = expected_calls(spec);
  TempDir dir;
  for (std::size_t at = 0; at < expected.size(); ++at) {
    StandIn vmm(dir / "api.sock", id_of(spec), {Kind::kAlreadyStarted, at});
    const auto info = configure_and_start(dir / "api.sock", spec, patient());
    REQUIRE_FALSE(info);
    CHECK(info.error().message.starts_with(expected[at].what + " ("));
    CHECK(info.error().message.contains(at == 0 ? "started already"
                                                : "not supported after starting"));
    CHECK(vmm.seen().size() == at + 1);
  }
}

TEST_CASE("another VM's Firecracker is told nothing") {
  const auto spec = whole_spec();
  TempDir dir;
  StandIn vmm(dir / "api.sock", "banger-0000000000000abc-1");
  const auto info = configure_and_start(dir / "api.sock", spec, patient());
  REQUIRE_FALSE(info);
  CHECK(info.error().sys_errno == EEXIST);
  CHECK(
      info.error().message.contains("not banger-0000000000000abc-2 but banger-0000000000000abc-1"));
  CHECK(vmm.seen().size() == 1);
}

TEST_CASE("a Firecracker that does not listen yet is waited for") {
  const bool bound = GENERATE(false, true);
  const auto spec = whole_spec();
  TempDir dir;
  const std::string socket = dir / "api.sock";
  if (bound) leave_socket(socket);
  std::optional<StandIn> vmm;
  int asked = 0;
  auto limits = patient();
  limits.still_there = [&] {
    if (++asked == 3) {
      std::filesystem::remove(socket);
      vmm.emplace(socket, id_of(spec));
    }
    return true;
  };
  CHECK(configure_and_start(socket, spec, limits));
  CHECK(asked == 3 + std::ssize(*vmm::firecracker::start_requests(whole_spec())));  // and before each request
}

TEST_CASE("a Firecracker that goes in the middle of a start is not waited for") {
  const auto spec = whole_spec();
  TempDir dir;
  std::optional<StandIn> vmm;
  vmm.emplace(dir / "api.sock", id_of(spec), Misbehaviour{Kind::kHold, 3});
  auto limits = patient();
  limits.still_there = [] { return true; };
  Result<InstanceInfo> info = fail("not called");
  std::thread worker([&] { info = configure_and_start(dir / "api.sock", spec, limits); });
  vmm->await_calls(4);
  vmm.reset();
  worker.join();
  REQUIRE_FALSE(info);
  CHECK(info.error().message ==
        "machine configuration (PUT /machine-config): it hung up before the answer was whole");
}

TEST_CASE("the wait ends with the VMM, or with the time") {
  const auto spec = whole_spec();
  TempDir dir;
  auto limits = patient();
  limits.still_there = [] { return false; };
  auto info = configure_and_start(dir / "api.sock", spec, limits);
  REQUIRE_FALSE(info);
  CHECK(info.error().message.starts_with(
      "Firecracker ended before it listened: instance state (GET /): connect"));
  CHECK(info.error().sys_errno == ENOENT);
  limits = {.whole = std::chrono::milliseconds(100), .call = kPatience, .still_there = {}};
  info = configure_and_start(dir / "api.sock", spec, limits);
  REQUIRE_FALSE(info);
  CHECK(info.error().sys_errno == ETIMEDOUT);
  CHECK(info.error().message.contains("instance state (GET /)"));
}

TEST_CASE("a spec that cannot be is refused before anybody is called") {
  auto spec = whole_spec();
  spec.vcpus = 0;
  TempDir dir;
  StandIn vmm(dir / "api.sock", id_of(spec));
  CHECK_FALSE(configure_and_start(dir / "api.sock", spec, patient()));
  CHECK(vmm.seen().empty());
}
