#include "tests/drivers/vmm/firecracker/instance.h"

#include <algorithm>
#include <cctype>

namespace banger::test {
namespace {

using Json = nlohmann::json;

const std::set<std::string> kOnlyBefore = {
    "PUT /boot-source",    "PUT /drives/{drive_id}",
    "PUT /machine-config", "PUT /network-interfaces/{iface_id}",
    "PUT /vsock",          "PUT /entropy",
    "PUT /logger",         "PUT /metrics"};
const std::set<std::string> kOnlyAfter = {"PATCH /vm"};
const std::set<std::string> kAnytime = {"GET /", "GET /version", "PUT /actions"};
// These open a file, and do so once.
const std::set<std::string> kOnce = {"PUT /logger", "PUT /metrics"};

constexpr const char* kTooEarly =
    "The requested operation is not supported before starting the microVM.";
constexpr const char* kTooLate =
    "The requested operation is not supported after starting the microVM.";

bool is_device_id(const std::string& id) {
  return std::ranges::all_of(id, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

}  // namespace

Answer refusal(const std::string& words) {
  return {400, Json{{"fault_message", words}}.dump()};
}

std::string Instance::fault_before(const Verdict& request) const {
  const bool started = state_ != "Not started";
  if (kOnlyBefore.contains(request.operation) && started) return kTooLate;
  if (kOnlyAfter.contains(request.operation) && !started) return kTooEarly;
  if (kOnce.contains(request.operation) && configured_.contains(request.operation))
    return "already initialized";
  if (!request.parameter.empty()) {
    if (!is_device_id(request.parameter)) {
      return "API Resource IDs can only contain alphanumeric characters and underscores.";
    }
    const char* field = request.operation.contains("{drive_id}") ? "drive_id" : "iface_id";
    if (request.body.value(field, "") != request.parameter)
      return "The id from the path does not match the id from the body!";
  }
  return {};
}

Answer Instance::act(const std::string& action) {
  const bool started = state_ != "Not started";
  if (action != "InstanceStart") return started ? Answer{} : refusal(kTooEarly);
  if (started) return refusal(kTooLate);
  if (!configured_.contains("PUT /boot-source"))
    return refusal("Cannot start microvm without kernel configuration.");
  state_ = "Running";
  return {};
}

Answer Instance::handle(const Verdict& request) {
  const std::string& operation = request.operation;
  if (!kOnlyBefore.contains(operation) && !kOnlyAfter.contains(operation) &&
      !kAnytime.contains(operation)) {
    return refusal("this stand-in does not do " + operation);
  }
  if (auto fault = fault_before(request); !fault.empty()) return refusal(fault);
  if (operation == "GET /") {
    return {200, Json{{"app_name", "Firecracker"},
                      {"id", id_},
                      {"state", state_},
                      {"vmm_version", "1.17.0-dev"}}
                     .dump()};
  }
  if (operation == "GET /version") return {200, Json{{"firecracker_version", "1.17.0-dev"}}.dump()};
  if (operation == "PUT /actions") return act(request.body["action_type"]);
  if (operation == "PATCH /vm") state_ = request.body["state"] == "Paused" ? "Paused" : "Running";
  if (operation == "PUT /drives/{drive_id}") {
    // Required of a drive that is no vhost-user socket; the description says so in words only.
    for (const char* field : {"path_on_host", "is_read_only"}) {
      if (!request.body.contains(field))
        return refusal(std::string("missing field `") + field + "`");
    }
    if (request.body["is_root_device"].get<bool>()) {
      if (!root_drive_.empty() && root_drive_ != request.parameter)
        return refusal("A root block device already exists!");
      root_drive_ = request.parameter;
    }
  }
  configured_.insert(operation);
  return {};
}

}  // namespace banger::test
