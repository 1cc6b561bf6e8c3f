#include "drivers/vmm/firecracker/requests.h"

#include <nlohmann/json.hpp>

#include "tests/catch.h"

using namespace banger;
using namespace banger::vmm::firecracker;
using Json = nlohmann::json;

namespace {

FirecrackerSpec bare() {
  FirecrackerSpec spec{.vm = VmId{0xabc}};
  spec.kernel = "/i/vmlinux";
  spec.disk = "/v/disk";
  spec.entropy = false;
  return spec;
}

FirecrackerSpec whole() {
  FirecrackerSpec spec = bare();
  spec.vcpus = 2;
  spec.memory_bytes = 1ull << 30;
  spec.initrd = "/i/initrd";
  spec.cmdline = "console=ttyS0 quiet";
  spec.seed = "/v/seed";
  spec.network = NetworkInterface{"tap7", "52:54:00:00:00:01", 1400};
  spec.vsock = Vsock{9, "/v/vsock"};
  spec.entropy = true;
  spec.log = "/v/log";
  spec.log_level = LogLevel::kWarning;
  spec.metrics = "/v/metrics";
  return spec;
}

// "PUT /path" of each.
std::vector<std::string> order_of(const FirecrackerSpec& spec) {
  const auto requests = start_requests(spec);
  REQUIRE(requests);
  std::vector<std::string> order;
  for (const ApiRequest& request : *requests) order.push_back(request.method + " " + request.path);
  return order;
}

Json body_of(const FirecrackerSpec& spec, const std::string& path) {
  const auto requests = start_requests(spec);
  REQUIRE(requests);
  for (const ApiRequest& request : *requests) {
    if (request.path == path) return Json::parse(request.body);
  }
  return {};
}

std::string refused(const FirecrackerSpec& spec) {
  const auto requests = start_requests(spec);
  REQUIRE_FALSE(requests);
  return requests.error().message;
}

}  // namespace

TEST_CASE("a start's requests come in the order that Firecracker wants") {
  CHECK(order_of(whole()) == std::vector<std::string>{"PUT /logger", "PUT /metrics",
                                                      "PUT /machine-config", "PUT /boot-source",
                                                      "PUT /drives/root", "PUT /drives/seed",
                                                      "PUT /network-interfaces/eth0", "PUT /vsock",
                                                      "PUT /entropy", "PUT /actions"});
  CHECK(order_of(bare()) == std::vector<std::string>{"PUT /machine-config", "PUT /boot-source",
                                                     "PUT /drives/root", "PUT /actions"});
}

TEST_CASE("each body says what the spec says") {
  const auto spec = whole();
  CHECK(body_of(spec, "/logger") ==
        Json{{"log_path", "/v/log"}, {"level", "Warning"}, {"show_level", true}});
  CHECK(body_of(spec, "/metrics") == Json{{"metrics_path", "/v/metrics"}});
  CHECK(body_of(spec, "/machine-config") ==
        Json{{"vcpu_count", 2}, {"mem_size_mib", 1024}, {"smt", false}});
  CHECK(body_of(spec, "/boot-source") == Json{{"kernel_image_path", "/i/vmlinux"},
                                              {"initrd_path", "/i/initrd"},
                                              {"boot_args", "console=ttyS0 quiet"}});
  CHECK(body_of(spec, "/drives/root") == Json{{"drive_id", "root"},
                                              {"path_on_host", "/v/disk"},
                                              {"is_root_device", true},
                                              {"is_read_only", false}});
  CHECK(body_of(spec, "/drives/seed") == Json{{"drive_id", "seed"},
                                              {"path_on_host", "/v/seed"},
                                              {"is_root_device", false},
                                              {"is_read_only", true}});
  CHECK(body_of(spec, "/network-interfaces/eth0") == Json{{"iface_id", "eth0"},
                                                          {"host_dev_name", "tap7"},
                                                          {"guest_mac", "52:54:00:00:00:01"},
                                                          {"mtu", 1400}});
  CHECK(body_of(spec, "/vsock") == Json{{"guest_cid", 9}, {"uds_path", "/v/vsock"}});
  CHECK(body_of(spec, "/entropy") == Json::object());
  CHECK(body_of(spec, "/actions") == Json{{"action_type", "InstanceStart"}});
}

TEST_CASE("what a spec leaves open is not in the bodies") {
  auto spec = bare();
  spec.network = NetworkInterface{.tap = "tap7", .mac = {}};
  spec.disk_read_only = true;
  CHECK(body_of(spec, "/boot-source") == Json{{"kernel_image_path", "/i/vmlinux"}});
  CHECK(body_of(spec, "/network-interfaces/eth0") ==
        Json{{"iface_id", "eth0"}, {"host_dev_name", "tap7"}});
  CHECK(body_of(spec, "/drives/root")["is_read_only"] == true);
}

TEST_CASE("requests of a guest that runs") {
  CHECK(Json::parse(action_request(Action::kSendCtrlAltDel).body) ==
        Json{{"action_type", "SendCtrlAltDel"}});
  CHECK(Json::parse(action_request(Action::kFlushMetrics).body) ==
        Json{{"action_type", "FlushMetrics"}});
  CHECK(state_request(VmState::kPaused) ==
        ApiRequest{"Paused", "PATCH", "/vm", R"({"state":"Paused"})"});
  CHECK(state_request(VmState::kResumed) ==
        ApiRequest{"Resumed", "PATCH", "/vm", R"({"state":"Resumed"})"});
  CHECK(instance_request().body.empty());
}

TEST_CASE("what no Firecracker can do is an error that names the stage") {
  auto with = [](auto change) {
    auto spec = whole();
    change(spec);
    return refused(spec);
  };
  CHECK(with([](auto& s) { s.vcpus = 0; }).starts_with("machine configuration: 0 CPUs"));
  CHECK(with([](auto& s) { s.vcpus = 33; }).starts_with("machine configuration: 33 CPUs"));
  CHECK(with([](auto& s) { s.memory_bytes = 0; }).starts_with("machine configuration"));
  CHECK(with([](auto& s) { s.memory_bytes += 1; }).starts_with("machine configuration"));
  CHECK(with([](auto& s) { s.kernel.clear(); }).starts_with("boot source"));
  CHECK(with([](auto& s) { s.disk.clear(); }).starts_with("root drive"));
  CHECK(with([](auto& s) { s.network->mtu = 67; }).starts_with("network interface"));
  CHECK(with([](auto& s) { s.network->mtu = 65536; }).starts_with("network interface"));
  CHECK(with([](auto& s) { s.vsock->guest_cid = 2; }).starts_with("vsock"));
  CHECK(with([](auto& s) { s.vsock->socket = std::string(108, 's'); }).starts_with("vsock"));
  CHECK(with([](auto& s) { s.kernel = "/i/\xff"; }) ==
        "boot source: not UTF-8, so that Firecracker cannot be told it");
  CHECK(with([](auto& s) {
          s.seed = std::string("/v/seed\0x", 9);
        }).starts_with("seed drive: a NUL byte"));
}

TEST_CASE("strings reach the JSON as they are, whatever they hold") {
  auto spec = whole();
  spec.kernel = "/i/\"k\"\n\\ \t{}\x01 grün 日本";
  spec.cmdline = "a=\"b c\" x,y";
  CHECK(body_of(spec, "/boot-source")["kernel_image_path"] == spec.kernel);
  CHECK(body_of(spec, "/boot-source")["boot_args"] == spec.cmdline);
}
