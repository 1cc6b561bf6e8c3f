#include "drivers/rpc/control_access.h"

#include <algorithm>

#include "drivers/rpc/promise.h"
#include "schemas/control.capnp.h"

namespace banger::rpc {
namespace {

constexpr std::uint64_t kControl = capnp::typeId<schema::Control>();
constexpr std::uint64_t kLogCare = capnp::typeId<schema::LogCare>();

// Readers see what is there and what was, each answer of bounded cost. Operators run VMs, and have the whole log read.
// What uses the daemon's own rights to files, changes the log behind everybody's back or ends the daemon is its owner's.
constexpr MethodAccess kMethods[] = {
    {kControl, 0, "Control.hello", Role::kReader},
    {kControl, 1, "Control.submit", Role::kOperator},
    {kControl, 2, "Control.openExec", Role::kOperator},
    {kControl, 3, "Control.resumeExec", Role::kOperator},
    {kControl, 4, "Control.vm", Role::kReader},
    {kControl, 5, "Control.awaitStream", Role::kReader},
    {kControl, 6, "Control.console", Role::kReader},
    {kControl, 7, "Control.projections", Role::kReader},
    {kControl, 8, "Control.projectionRows", Role::kReader},
    {kControl, 9, "Control.events", Role::kReader},
    {kControl, 10, "Control.follow", Role::kReader},
    {kControl, 11, "Control.streamEvents", Role::kReader},
    {kControl, 12, "Control.verify", Role::kOperator},
    {kControl, 13, "Control.reconcilePlan", Role::kReader},
    {kControl, 14, "Control.reconcileStatus", Role::kReader},
    {kControl, 15, "Control.imageProgress", Role::kReader},
    {kControl, 16, "Control.stop", Role::kOwner},
    {kControl, 17, "Control.ping", Role::kReader},
    {kControl, 18, "Control.stateAt", Role::kReader},
    {kControl, 19, "Control.statesAt", Role::kReader},
    {kControl, 20, "Control.findStreams", Role::kReader},
    {kControl, 21, "Control.search", Role::kReader},
    {kControl, 22, "Control.logCare", Role::kReader},
    {kLogCare, 0, "LogCare.head", Role::kReader},
    {kLogCare, 1, "LogCare.bundlePart", Role::kReader},
    {kLogCare, 2, "LogCare.checkProjections", Role::kOperator},
    {kLogCare, 3, "LogCare.rebuildProjections", Role::kOwner},
    {kLogCare, 4, "LogCare.backup", Role::kOwner},
    {kLogCare, 5, "LogCare.erase", Role::kOwner},
    {kLogCare, 6, "LogCare.archive", Role::kOwner},
    {kLogCare, 7, "LogCare.archives", Role::kReader},
};

std::string not_permitted(const std::string& why) { return schema::NOT_PERMITTED->cStr() + why; }

void require(const Client& client, Role least, std::string_view what) {
  const Peer& peer = client.peer();
  if (peer.role >= least) return;
  throw to_exception({not_permitted(std::string(what) + " takes " + std::string(name_of(least)) + ", and uid " +
                                    std::to_string(peer.uid) + " is " + std::string(name_of(peer.role)))});
}

}  // namespace

std::span<const MethodAccess> method_access() { return kMethods; }

std::string turned_away(const Peer& peer) {
  return not_permitted("uid " + std::to_string(peer.uid) +
                       " is neither the daemon's owner nor in a group that access.operators or access.readers names");
}

void require_role(const Client& client, std::uint64_t interface, std::uint16_t method) {
  const auto* known = std::ranges::find_if(
      kMethods, [&](const MethodAccess& each) { return each.interface == interface && each.method == method; });
  if (known == std::end(kMethods)) return require(client, Role::kOwner, "an unknown method");
  require(client, known->least, known->name);
}

// The daemon would read the file with its own rights, which must not be more than the caller's.
void require_role(const Client& client, const Ask& ask) {
  const auto* make = std::get_if<MakeImage>(&ask);
  if (make && make->source == ImageSource::kImport) require(client, Role::kOwner, "importing from a path");
}

}  // namespace banger::rpc
