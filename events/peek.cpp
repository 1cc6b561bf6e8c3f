#include "events/peek.h"

#include <array>

#include "events/codec_values.h"
#include "events/envelope.h"

namespace banger {
namespace {

// The schema's union and the variant have the same order (tests/events holds them to it), without gaps: a number
// behind them comes from a later schema.
template <std::size_t... I>
constexpr auto kinds_in_order(std::index_sequence<I...>) {
  return std::array{std::variant_alternative_t<I, Event>::kKind...};
}
constexpr auto kKinds = kinds_in_order(std::make_index_sequence<std::variant_size_v<Event>>());

Result<Peeked> read(schema::Event::Reader in) {
  const auto kind = static_cast<StreamKind>(in.getStreamKind());
  if (kind != StreamKind::kHost && kind != StreamKind::kVm && kind != StreamKind::kImage) {
    return fail("its kind of stream is not known");
  }
  const auto which = static_cast<std::size_t>(in.getPayload().which());
  const bool known = which < kKinds.size();
  return Peeked{.sequence = in.getSequence(),
                .stream = {kind, in.getStreamId()},
                .version = in.getStreamVersion(),
                .command = {in.getCommandHi(), in.getCommandLo()},
                .correlation = {in.getCorrelationHi(), in.getCorrelationLo()},
                .causation = in.getCausation(),
                .time_ns = in.getTimeNs(),
                .actor = in.getActor(),
                .boot = in.getBoot(),
                .kind = known ? kKinds[which] : std::uint16_t{0},
                .newer = !known || in.getSchemaVersion() > kSchemaVersion};
}

}  // namespace

Result<Peeked> peek(std::string_view open) { return read_message<schema::Event>(open, read); }

}  // namespace banger
