// The capabilities that an exec gives its client: the key's descriptor, and the lease whose loss
// makes the exec lost. Used by control_server alone.
#pragma once

#include <memory>

#include "drivers/rpc/control_session.h"
#include "schemas/control.capnp.h"

namespace banger::rpc {

// An exec that a client has open: goes, and tells the service so, when the client drops it.
struct HeldExec {
  VmId vm;
  ExecId exec;
  Hold lease;
  Hold slot;
};

[[nodiscard]] schema::ExecLease::Client make_lease(std::shared_ptr<Session> session, HeldExec held);
// `slot` counts the open file for as long as the client keeps it.
[[nodiscard]] schema::KeyFile::Client make_key_file(Fd key, Hold slot);

}  // namespace banger::rpc
