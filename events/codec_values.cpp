#include "events/codec_values.h"

#include <algorithm>

namespace banger {

void write_settings(schema::VmSettings::Builder out, const VmSettings& settings) {
  out.setVcpus(settings.vcpus);
  out.setMemoryMib(settings.memory_mib);
  out.setDiskMib(settings.disk_mib);
  out.setNet(static_cast<std::uint16_t>(settings.net));
  out.setAutostart(settings.autostart);
  out.setOpen(settings.open);
  auto ports = out.initPorts(static_cast<unsigned>(settings.ports.size()));
  for (unsigned i = 0; i < ports.size(); ++i) {
    const PortForward& forward = settings.ports[i];
    ports[i].setHostAddress(as_text(forward.host_address));
    ports[i].setHostPort(forward.host_port);
    ports[i].setGuestPort(forward.guest_port);
    ports[i].setProtocol(static_cast<std::uint16_t>(forward.protocol));
    ports[i].setAllocated(forward.allocated);
  }
}

Result<VmSettings> read_settings(schema::VmSettings::Reader in) {
  auto net = read_enum<NetMode>(in.getNet(), "the network mode");
  if (!net) return std::unexpected(net.error());
  auto ports = read_ports(in.getPorts());
  if (!ports) return std::unexpected(ports.error());
  return VmSettings{.vcpus = in.getVcpus(),
                    .memory_mib = in.getMemoryMib(),
                    .disk_mib = in.getDiskMib(),
                    .net = *net,
                    .ports = std::move(*ports),
                    .autostart = in.getAutostart(),
                    .open = in.getOpen()};
}

Result<std::vector<PortForward>> read_ports(capnp::List<schema::PortForward>::Reader in) {
  std::vector<PortForward> ports;
  for (auto port : in) {
    auto protocol = read_enum<Protocol>(port.getProtocol(), "the protocol");
    if (!protocol) return std::unexpected(protocol.error());
    ports.push_back({text_of(port.getHostAddress()), port.getHostPort(), port.getGuestPort(), *protocol,
                     port.getAllocated()});
  }
  return ports;
}

Result<Digest> read_digest(capnp::Data::Reader in) {
  Digest digest{};
  if (in.size() != digest.size()) return fail("a digest that is not 32 bytes long");
  std::copy(in.begin(), in.end(), digest.begin());
  return digest;
}

}  // namespace banger
