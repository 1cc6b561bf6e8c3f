#include "cli/banger-guest/outcome.h"

#include <nlohmann/json.hpp>

namespace banger::guest {
namespace {

const char* word(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::exited:
      return "exited";
    case Outcome::Kind::signalled:
      return "signalled";
    case Outcome::Kind::timed_out:
      return "timed_out";
    case Outcome::Kind::lost:
      return "lost";
    case Outcome::Kind::failed:
      return "failed";
  }
  return "failed";
}

}  // namespace

Outcome lost(std::string_view what_is_known) {
  return {Outcome::Kind::lost, kFailedCode,
          "the connection was lost and " + std::string(what_is_known)};
}

Outcome outcome_of(const ExecStatus& status) {
  using Kind = ExecStatus::Kind;
  switch (status.kind) {
    case Kind::exited:
      return {Outcome::Kind::exited, status.code, {}};
    case Kind::signalled:
      return {Outcome::Kind::signalled, status.code, {}};
    case Kind::timed_out:
      return {Outcome::Kind::timed_out, kTimedOutCode, {}};
    case Kind::failed:
      return {Outcome::Kind::failed, kFailedCode, status.message, true};
    case Kind::absent:
      return lost("the command was not started");
    case Kind::running:
      return lost("the command still runs");
    case Kind::gone:
      return lost("the command's outcome is unknown: the guest has forgotten it");
  }
  return failed("unknown status");
}

std::string to_json_line(const Outcome& outcome) {
  nlohmann::ordered_json json{
      {"outcome", word(outcome.kind)}, {"code", outcome.code}, {"message", outcome.message}};
  // A message may quote a guest or a file name: bytes that are not UTF-8 are replaced, never thrown
  // on.
  return json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace banger::guest
