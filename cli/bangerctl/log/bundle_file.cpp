#include "cli/bangerctl/log/bundle_file.h"

namespace banger::ctl {
namespace {

// Ends the second pass early; never shown.
constexpr const char* kEnough = "enough";

struct Reading {
  const std::function<Answer<bool>(const BundledRecord&)>& visit;
  Interned interned = {};
  std::optional<Failure> failure = {};

  Status operator()(const bundle::Item& item) {
    if (const auto* entry = std::get_if<InternedEntry>(&item)) return interned.load(*entry);
    const auto* event = std::get_if<bundle::Event>(&item);
    if (!event) return {};
    const log::Frame& frame = event->frame;
    const auto more = visit({.sequence = frame.sequence,
                             .digest = event->digest,
                             .record = decode(frame.public_bytes, frame.personal_bytes(), interned),
                             .erased = frame.erased(),
                             .open = frame.public_bytes});
    if (!more) failure = more.error();
    if (more && *more) return {};
    return fail(kEnough);
  }
};

}  // namespace

Answer<bundle::Summary> visit_bundle(const std::string& path,
                                     const std::function<Answer<bool>(const BundledRecord&)>& visit) {
  const auto summary = bundle::read_bundle_file(path, [](const bundle::Item&) -> Status { return {}; });
  if (!summary) return std::unexpected(to_failure(summary.error()));
  Reading reading{visit};
  const auto read = bundle::read_bundle_file(path, [&](const bundle::Item& item) { return reading(item); });
  if (reading.failure) return std::unexpected(*reading.failure);
  if (!read && !read.error().message.ends_with(kEnough)) return std::unexpected(to_failure(read.error()));
  return *summary;
}

}  // namespace banger::ctl
