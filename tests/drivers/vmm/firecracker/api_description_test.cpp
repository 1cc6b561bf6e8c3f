// Proof that the judge of our requests refuses: without it, "accepted" would say nothing.
#include "tests/drivers/vmm/firecracker/api_description.h"

#include "tests/catch.h"
#include "tests/drivers/vmm/firecracker/instance.h"

using namespace banger::test;

namespace {

const ApiDescription& firecracker() {
  static const ApiDescription description = ApiDescription::load(FIRECRACKER_API);
  return description;
}

std::string fault(const std::string& method, const std::string& path,
                  const std::string& body = {}) {
  return firecracker().check_request(method, path, body).fault;
}

std::string small_api(const std::string& property) {
  return "paths:\n  /x:\n    put:\n      parameters:\n        - {name: b, in: body, schema: {$ref: "
         "'#/definitions/B'}}\n"
         "definitions:\n  B:\n    type: object\n    properties:\n      p: " +
         property + "\n";
}

std::string small_fault(const std::string& property, const std::string& value) {
  return ApiDescription::parse(small_api(property))
      .check_request("PUT", "/x", "{\"p\": " + value + "}")
      .fault;
}

// A fresh instance's answers to these, one after the other: the status and the words of each.
std::vector<std::string> life(const std::vector<std::vector<std::string>>& requests) {
  Instance instance("vm");
  std::vector<std::string> answers;
  for (const auto& request : requests) {
    const Verdict verdict =
        firecracker().check_request(request[0], request[1], request.size() > 2 ? request[2] : "");
    REQUIRE(verdict.fault.empty());
    const Answer answer = instance.handle(verdict);
    CHECK(firecracker().check_answer(verdict.operation, answer.status, answer.body).empty());
    answers.push_back(
        std::to_string(answer.status) +
        (answer.status == 400
             ? " " + nlohmann::json::parse(answer.body)["fault_message"].get<std::string>()
             : ""));
  }
  return answers;
}

const std::vector<std::string> kBoot = {"PUT", "/boot-source", R"({"kernel_image_path": "/k"})"};
const std::vector<std::string> kStart = {"PUT", "/actions", R"({"action_type": "InstanceStart"})"};
const std::vector<std::string> kPause = {"PATCH", "/vm", R"({"state": "Paused"})"};
constexpr const char* kTooEarly =
    "400 The requested operation is not supported before starting the microVM.";
constexpr const char* kTooLate =
    "400 The requested operation is not supported after starting the microVM.";

}  // namespace

TEST_CASE("a request that is as described passes") {
  CHECK(fault("GET", "/").empty());
  CHECK(fault("PUT", "/machine-config", R"({"vcpu_count": 1, "mem_size_mib": 128})").empty());
  CHECK(fault("PUT", "/drives/root", R"({"drive_id": "root", "is_root_device": true})").empty());
  CHECK(fault("PUT", "/entropy", "{}").empty());
  const auto verdict = firecracker().check_request(
      "PUT", "/drives/root", R"({"drive_id": "root", "is_root_device": true})");
  CHECK(verdict.operation == "PUT /drives/{drive_id}");
  CHECK(verdict.parameter == "root");
}

TEST_CASE("an unknown path or method is refused") {
  CHECK(fault("GET", "/nothing").contains("Invalid request method and/or path"));
  CHECK(fault("DELETE", "/").contains("Invalid request method and/or path"));
  CHECK(fault("get", "/").contains("Invalid request method and/or path"));
  CHECK(fault("PUT", "/drives/").contains("Invalid request method and/or path"));
  CHECK(fault("PUT", "/drives/a/b").contains("Invalid request method and/or path"));
  CHECK(fault("PUT", "/entropy/", "{}").contains("Invalid request method and/or path"));
}

TEST_CASE("a body where none belongs, none where one does, or no JSON is refused") {
  CHECK(fault("GET", "/", "{}") == "GET request cannot have a body.");
  CHECK(fault("PUT", "/boot-source") == "Empty PUT request.");
  CHECK(fault("PUT", "/boot-source", "{") == "the body is no JSON");
  CHECK(fault("PUT", "/boot-source", "[]") == "body: invalid type, expected object");
}

TEST_CASE("a field that is unknown, missing or of another type is refused") {
  CHECK(fault("PUT", "/boot-source", R"({"kernel_image_path": "/k", "kernel": "/k"})") ==
        "body: unknown field `kernel`");
  CHECK(fault("PUT", "/boot-source", R"({"boot_args": "x"})") ==
        "body: missing field `kernel_image_path`");
  CHECK(fault("PUT", "/boot-source", R"({"kernel_image_path": 1})") ==
        "body.kernel_image_path: invalid type, expected string");
  CHECK(fault("PUT", "/machine-config", R"({"vcpu_count": "1", "mem_size_mib": 128})") ==
        "body.vcpu_count: invalid type, expected integer");
  CHECK(fault("PUT", "/machine-config", R"({"vcpu_count": 1.5, "mem_size_mib": 128})") ==
        "body.vcpu_count: invalid type, expected integer");
  CHECK(fault("PUT", "/drives/root", R"({"drive_id": "root", "is_root_device": "yes"})") ==
        "body.is_root_device: invalid type, expected boolean");
}

TEST_CASE("bounds and enums hold, in what is referred to as well") {
  CHECK(fault("PUT", "/machine-config", R"({"vcpu_count": 0, "mem_size_mib": 128})") ==
        "body.vcpu_count: too small");
  CHECK(fault("PUT", "/machine-config", R"({"vcpu_count": 33, "mem_size_mib": 128})") ==
        "body.vcpu_count: too large");
  CHECK(fault("PUT", "/actions", R"({"action_type": "Reboot"})") ==
        "body.action_type: unknown variant `Reboot`");
  CHECK(fault("PUT", "/logger", R"({"level": "Off"})").empty());
  CHECK(fault("PUT", "/entropy", R"({"rate_limiter": {"ops": {"size": 1}}})") ==
        "body.rate_limiter.ops: missing field `refill_time`");
  CHECK(fault("PUT", "/entropy", R"({"rate_limiter": {"ops": {"size": -1, "refill_time": 1}}})") ==
        "body.rate_limiter.ops.size: too small");
  CHECK(fault("PUT", "/metrics", R"({"metrics_path": "/m", "properties": {"a": 1}})") ==
        "body.properties.a: invalid type, expected string");
}

TEST_CASE("patterns and the items of arrays are checked") {
  CHECK(small_fault("{type: string, pattern: '^[a-z]+$'}", R"("abc")").empty());
  CHECK(small_fault("{type: string, pattern: '^[a-z]+$'}", R"("ab1")").contains("does not match"));
  CHECK(small_fault("{type: array, items: {type: string}}", R"(["a", "b"])").empty());
  CHECK(small_fault("{type: array, items: {type: string}}", R"(["a", 1])") ==
        "body.p[]: invalid type, expected string");
  CHECK(small_fault("{type: integer, maximum: 4294967295}", "4294967296") == "body.p: too large");
}

TEST_CASE("a description that is not understood is not loaded") {
  CHECK_THROWS(ApiDescription::parse(small_api("{type: string, maxLength: 4}")));
  CHECK_THROWS(ApiDescription::parse(small_api("{type: strong}")));
  CHECK_THROWS(ApiDescription::parse(small_api("{description: 'of any type'}")));
  CHECK_THROWS(ApiDescription::parse(small_api("{type: string, pattern: '['}")));
  CHECK_THROWS(ApiDescription::parse(small_api("{$ref: '#/definitions/C'}")));
  CHECK_THROWS(ApiDescription::parse("just words"));
  CHECK_THROWS(ApiDescription::load(std::string(FIRECRACKER_API) + ".not"));
}

TEST_CASE("answers are held to the description, too") {
  CHECK(firecracker().check_answer("PUT /entropy", 204, "").empty());
  CHECK_FALSE(firecracker().check_answer("PUT /entropy", 204, "{}").empty());
  CHECK_FALSE(firecracker().check_answer("PUT /entropy", 200, "").empty());
  CHECK_FALSE(firecracker().check_answer("GET /version", 200, "{}").empty());
  CHECK_FALSE(firecracker().check_answer("PUT /entropy", 400, R"({"error": "no"})").empty());
  CHECK(firecracker().check_answer("GET /version", 200, R"({"firecracker_version": "1"})").empty());
}

TEST_CASE("calls in the wrong order are refused as the real one refuses them") {
  CHECK(life({kBoot, kStart, kBoot}) == std::vector<std::string>{"204", "204", kTooLate});
  CHECK(life({kBoot, kStart, kStart}) == std::vector<std::string>{"204", "204", kTooLate});
  CHECK(life({kStart}) ==
        std::vector<std::string>{"400 Cannot start microvm without kernel configuration."});
  CHECK(life({kBoot, kPause}) == std::vector<std::string>{"204", kTooEarly});
  CHECK(life({{"PUT", "/actions", R"({"action_type": "SendCtrlAltDel"})"}}) ==
        std::vector<std::string>{kTooEarly});
  CHECK(life({{"PUT", "/actions", R"({"action_type": "FlushMetrics"})"}}) ==
        std::vector<std::string>{kTooEarly});
  const std::vector<std::vector<std::string>> only_before = {
      {"PUT", "/machine-config", R"({"vcpu_count": 1, "mem_size_mib": 128})"},
      {"PUT", "/drives/d",
       R"({"drive_id": "d", "is_root_device": true, "is_read_only": true, "path_on_host": "/d"})"},
      {"PUT", "/network-interfaces/e", R"({"iface_id": "e", "host_dev_name": "t"})"},
      {"PUT", "/vsock", R"({"guest_cid": 3, "uds_path": "/s"})"},
      {"PUT", "/entropy", "{}"},
      {"PUT", "/logger", R"({"log_path": "/l"})"},
      {"PUT", "/metrics", R"({"metrics_path": "/m"})"}};
  for (const auto& request : only_before) {
    CHECK(life({request}) == std::vector<std::string>{"204"});
    CHECK(life({kBoot, kStart, request}) == std::vector<std::string>{"204", "204", kTooLate});
    CHECK(life({kBoot, kStart, kPause, request}) ==
          std::vector<std::string>{"204", "204", "204", kTooLate});
  }
}

TEST_CASE("what the description says in words only is refused, too") {
  const auto drive = [](const std::string& path, const std::string& id, const std::string& more) {
    return std::vector<std::string>{
        "PUT", "/drives/" + path,
        R"({"is_root_device": true, "drive_id": ")" + id + "\"" + more + "}"};
  };
  const std::string file = R"(, "path_on_host": "/d", "is_read_only": false)";
  CHECK(life({drive("a", "b", file)})[0].contains("does not match"));
  CHECK(life({drive("a-b", "a-b", file)})[0].contains("alphanumeric"));
  CHECK(life({drive("a", "a", "")})[0].contains("missing field `path_on_host`"));
  CHECK(life({drive("a", "a", file), drive("b", "b", file)})[1].contains("already exists"));
  CHECK(life({drive("a", "a", file), drive("a", "a", file)}) ==
        std::vector<std::string>{"204", "204"});
  const std::vector<std::string> logger = {"PUT", "/logger", "{}"};
  CHECK(life({logger, logger})[1] == "400 already initialized");
  CHECK(life({{"GET", "/balloon"}})[0].contains("does not do"));
}
