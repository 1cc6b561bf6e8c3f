// Intents on VMs, and waiting for what comes of them: used by every verb that changes a VM. Several
// VMs at once; what fails for one does not keep the others.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/bangerctl/session.h"
#include "cli/bangerctl/terminal.h"
#include "engine/state.h"

namespace banger::ctl {

// One intent for each of `count`; `fill(intent, i)` writes the i-th. Each has a command id of its
// own, kept over every repeat of the call, so that it happens once.
using Fill = std::function<void(schema::Intent::Builder, std::size_t)>;
struct Accepted {
  StreamId stream;
  Sequence last_sequence = 0;
};
[[nodiscard]] std::vector<Answer<Accepted>> submit_each(Session& session, std::size_t count,
                                                        const Fill& fill);
[[nodiscard]] Answer<Accepted> submit(Session& session,
                                      const std::function<void(schema::Intent::Builder)>& fill);

// The same word for what the daemon refuses, wherever it does.
[[nodiscard]] Failure refusal(schema::Refused::Reader refused);
[[nodiscard]] bool is_not_found(schema::Refused::Reader refused);

struct VmView {
  VmRuntime row;
  std::string dir, api_socket, overlay, console_log, handles_file, dns_name, guest_ip;
  std::int32_t pid = 0;
  std::int64_t process_since_ns = 0;
  std::uint64_t disk_used_bytes = 0;
};
[[nodiscard]] Answer<VmView> view_vm(Session& session, const std::string& vm);

// What a look at a VM says about a wait: nullopt is "not yet"; `vm` is null once it is gone.
using Verdict = std::function<std::optional<Answer<void>>(const VmRuntime* vm)>;
struct Watched {
  std::string vm;  // a name or id
  Verdict verdict;
};
inline constexpr std::uint64_t kForever = UINT64_MAX;
// Waits for a verdict on each, in order. Past `timeout_ms` the rest fail.
[[nodiscard]] std::vector<Answer<void>> watch_each(Session& session,
                                                   const std::vector<Watched>& all,
                                                   std::uint64_t timeout_ms, Progress& progress);

// The verdicts.
[[nodiscard]] std::optional<Answer<void>> ready_yet(const VmRuntime* vm);
[[nodiscard]] std::optional<Answer<void>> running_yet(const VmRuntime* vm);
[[nodiscard]] std::optional<Answer<void>> down_yet(const VmRuntime* vm);
[[nodiscard]] std::optional<Answer<void>> gone_yet(const VmRuntime* vm);

}  // namespace banger::ctl
