// The one place where requests become facts: decide(state, limits, command) gives new events or a refusal.
// Pure: the runtime calls it, folds what it gives and appends it. All legality is checked here.
#pragma once

#include "engine/command.h"

namespace banger {

[[nodiscard]] std::expected<Decision, Rejection> decide(const Fleet& fleet, const HostLimits& limits,
                                                        const Command& command);

// A name, an id, or a prefix of an id (at least 4 digits) that only one has. Names win.
[[nodiscard]] std::expected<VmId, Rejection> resolve_vm(const Fleet& fleet, std::string_view reference);
[[nodiscard]] std::expected<ImageId, Rejection> resolve_image(const Fleet& fleet,
                                                              std::string_view reference);

// 1 to 63 of a-z, 0-9 and '-', beginning with a letter and not ending with '-' (RFC 1123: it becomes
// the guest's host name), and not to be mistaken for an id.
[[nodiscard]] bool valid_name(std::string_view name);

}  // namespace banger
