// What the capabilities of one client share: the service behind them, who the client is, and how
// many of our lasting things it holds. Made by make_control, kept alive by whatever the client
// still holds. Loop's thread only.
#pragma once

#include <memory>
#include <string>

#include "drivers/rpc/control_service.h"
#include "drivers/rpc/server.h"

namespace banger::rpc {

// A bound on things that a client may hold for as long as it likes. Nothing waits for a slot.
class Slots {
 public:
  explicit Slots(int count) : left_(std::make_shared<int>(count)) {}
  // Null where all are taken; the slot is free again when the last copy goes.
  [[nodiscard]] Hold take() const {
    if (*left_ == 0) return nullptr;
    --*left_;
    return Hold(left_.get(), [left = left_](void*) { ++*left; });
  }

 private:
  std::shared_ptr<int> left_;
};

class SharedBatches;

struct Session {
  ControlService& service;
  std::shared_ptr<SharedBatches> batches;  // of all clients
  Client client;
  std::string name = "unknown";  // until hello()
  Slots execs{64};               // each a lease and an open key file
  Slots follows{16};             // each a batch on its way
  Slots verifies{1};             // each reads the whole log
  Slots searches{8};             // each a worker thread for a while

  void introduce(std::string as) {
    client.greeted();
    name = std::move(as);
  }
  [[nodiscard]] Caller caller() const { return {client.peer(), name}; }
};

}  // namespace banger::rpc
