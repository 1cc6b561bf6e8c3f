// How the values inside events map to schemas/event.capnp; shared by the event codec and the projection rows.
#pragma once

#include "events/capnp_bytes.h"
#include "events/event.h"
#include "schemas/event.capnp.h"

namespace banger {

void write_settings(schema::VmSettings::Builder out, const VmSettings& settings);
[[nodiscard]] Result<VmSettings> read_settings(schema::VmSettings::Reader in);
[[nodiscard]] Result<std::vector<PortForward>> read_ports(capnp::List<schema::PortForward>::Reader in);

// A stored number as the enum it must be.
template <class Enum>
[[nodiscard]] Result<Enum> read_enum(std::uint16_t number, const char* what) {
  if (auto value = enum_from<Enum>(number)) return *value;
  return fail(std::string("the value ") + std::to_string(number) + " of " + what + " is not known");
}

[[nodiscard]] Result<Digest> read_digest(capnp::Data::Reader in);
[[nodiscard]] inline capnp::Data::Reader data_of(const Digest& digest) {
  return {digest.data(), digest.size()};
}
[[nodiscard]] inline capnp::Data::Reader data_of(std::string_view bytes) {
  return {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()};
}

}  // namespace banger
