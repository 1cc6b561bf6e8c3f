// Turns what a client asks for (schemas/control.capnp) into the engine's words, and into the bytes
// that the answer is kept under. Called by control_server alone. Whatever the message is, it gives
// a Rejection at worst: it neither throws nor keeps more than the message's own size. What is
// legal, `decide` says.
#pragma once

#include <expected>
#include <string>

#include "engine/command.h"
#include "schemas/control.capnp.h"

namespace banger::rpc {

struct SubmitRequest {
  CommandId id;
  Ask ask;
  // Canonical, and tagged by method: equal if and only if the same was asked.
  std::string bytes;
};
[[nodiscard]] std::expected<SubmitRequest, Rejection> read_submit(
    schema::Control::SubmitParams::Reader params);

struct ExecRequest {
  CommandId id;
  StartExec start;
  std::string bytes;
};
[[nodiscard]] std::expected<ExecRequest, Rejection> read_open_exec(
    schema::Control::OpenExecParams::Reader params);

// A name, an id or a prefix of one.
[[nodiscard]] std::expected<std::string, Rejection> read_reference(capnp::Text::Reader text);

// How a client calls itself, fit for the log: printable ASCII, at most 64 bytes, never empty.
[[nodiscard]] std::string client_name(capnp::Text::Reader text);

[[nodiscard]] std::optional<StreamId> read_stream(std::uint16_t kind, std::uint64_t id);

}  // namespace banger::rpc
