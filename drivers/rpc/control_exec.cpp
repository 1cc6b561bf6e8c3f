#include "drivers/rpc/control_exec.h"

#include "drivers/rpc/promise.h"

namespace banger::rpc {
namespace {

class KeyFile final : public schema::KeyFile::Server {
 public:
  KeyFile(Fd key, Hold slot) : slot_(std::move(slot)), key_(std::move(key)) {}
  kj::Maybe<int> getFd() override { return key_.get(); }

 private:
  Hold slot_;
  Fd key_;
};

class ExecLease final : public schema::ExecLease::Server {
 public:
  ExecLease(std::shared_ptr<Session> session, HeldExec held)
      : session_(std::move(session)),
        held_(std::move(held)),
        keep_alive_(session_->client.keep_alive()) {}

 protected:
  kj::Promise<void> finish(FinishContext context) override {
    return guarded(context, [this](FinishContext call) -> kj::Promise<void> {
      const auto outcome = enum_from<ExecOutcome>(call.getParams().getOutcome());
      if (!outcome) return to_exception({"there is no such outcome of an exec"});
      if (finished_) return to_exception({"the exec is finished already"});
      finished_ = true;
      auto pending = make_pending<void>();
      // The lease goes with the callback: a client that vanishes right after this call has not lost
      // it.
      session_->service.finish_exec(
          session_->caller(), held_.vm, held_.exec, *outcome, call.getParams().getCode(),
          [fulfiller = pending.fulfiller, held = std::move(held_)]() mutable {
            held = {};
            fulfiller.fulfill();
          });
      return kj::mv(pending.promise);
    });
  }

 private:
  std::shared_ptr<Session> session_;
  HeldExec held_;
  bool finished_ = false;
  KeepAlive keep_alive_;  // an exec may be silent for hours
};

}  // namespace

schema::ExecLease::Client make_lease(std::shared_ptr<Session> session, HeldExec held) {
  return kj::heap<ExecLease>(std::move(session), std::move(held));
}

schema::KeyFile::Client make_key_file(Fd key, Hold slot) {
  return kj::heap<KeyFile>(std::move(key), std::move(slot));
}

}  // namespace banger::rpc
