// Who may use the daemon, and as what. The Server turns away whoever has no role before anything is spent on it;
// control_access.h says which role each method takes. Uid and groups are the kernel's word (SO_PEERCRED,
// SO_PEERGROUPS) as of the moment of connecting, so that no name service is asked. Never decided by pid.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace banger::rpc {

// Each may do all that the ones before it may.
enum class Role : std::uint8_t { kNone, kReader, kOperator, kOwner };
[[nodiscard]] std::string_view name_of(Role role);  // "a reader"

struct Access {
  uid_t owner;  // whom the daemon runs as; root is one, too
  std::optional<gid_t> operators = {}, readers = {};

  // Whether anybody but the owner may come.
  [[nodiscard]] bool shared() const { return operators || readers; }
  [[nodiscard]] Role role_of(uid_t uid, std::span<const gid_t> groups) const;
};

}  // namespace banger::rpc
