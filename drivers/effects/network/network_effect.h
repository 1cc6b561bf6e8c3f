// SetNetwork done on this host: links and rules on a worker thread, names on the loop.
#pragma once

#include <functional>
#include <memory>

#include "drivers/effects/network/guest_links.h"
#include "drivers/network/resolver.h"
#include "drivers/uv/worker_pool.h"
#include "engine/ports.h"

namespace banger::effects {

class NetworkEffect {
 public:
  // `resolver_port`: where on 127.0.0.1 names are answered while there are bridged guests; 0: nowhere.
  NetworkEffect(uv::Loop& loop, uv::WorkerPool& pool, GuestLinks& links, std::uint16_t resolver_port)
      : loop_(loop), pool_(pool), links_(links), resolver_port_(resolver_port) {}
  ~NetworkEffect() { *here_ = false; }
  NetworkEffect(const NetworkEffect&) = delete;
  NetworkEffect& operator=(const NetworkEffect&) = delete;

  // `done` comes later, never from within. What could not be done is in its finding, once for each reason.
  void begin(const SetNetwork& effect, std::function<void(EffectEnd)> done);

  // Where names are answered; 0 while nobody does.
  [[nodiscard]] std::uint16_t answering_port() const { return resolver_ ? resolver_->port() : 0; }

 private:
  [[nodiscard]] Status answer_names(const GuestNetwork& network);

  uv::Loop& loop_;
  uv::WorkerPool& pool_;
  GuestLinks& links_;
  std::uint16_t resolver_port_;
  std::unique_ptr<network::Resolver> resolver_;
  std::string last_failure_;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
};

}  // namespace banger::effects
