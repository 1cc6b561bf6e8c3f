// The life of one Firecracker as far as banger uses it: which request is legal when
// (rpc_interface.rs of Firecracker), in its words. Pure; requests have passed ApiDescription
// before.
#pragma once

#include <set>
#include <string>

#include "tests/drivers/vmm/firecracker/api_description.h"

namespace banger::test {

struct Answer {
  int status = 204;
  std::string body;
};

// 400 with a fault_message.
[[nodiscard]] Answer refusal(const std::string& words);

class Instance {
 public:
  explicit Instance(std::string id) : id_(std::move(id)) {}

  [[nodiscard]] Answer handle(const Verdict& request);
  [[nodiscard]] const std::string& state() const { return state_; }
  void force_state(std::string state) { state_ = std::move(state); }

 private:
  [[nodiscard]] std::string fault_before(const Verdict& request) const;
  [[nodiscard]] Answer act(const std::string& action);

  std::string id_;
  std::string state_ = "Not started";
  std::set<std::string> configured_;  // operations that have succeeded
  std::string root_drive_;            // its id
};

}  // namespace banger::test
