#include "projections/rows.h"

#include "events/codec_values.h"
#include "schemas/projection.capnp.h"

namespace banger {
namespace {

std::uint16_t number(auto value) { return static_cast<std::uint16_t>(value); }

StreamId stream_from(std::uint16_t kind, std::uint64_t id) { return {static_cast<StreamKind>(kind), id}; }

Result<VmRuntime> read_vm(schema::VmRow::Reader in) {
  auto settings = read_settings(in.getSettings());
  if (!settings) return std::unexpected(settings.error());
  auto state = read_enum<VmState>(in.getState(), "a VM's state");
  if (!state) return std::unexpected(state.error());
  auto mode = read_enum<StopMode>(in.getStopMode(), "a stop mode");
  if (!mode) return std::unexpected(mode.error());
  VmRuntime vm{.id = VmId{in.getId()},
               .name = text_of(in.getName()),
               .image = ImageId{in.getImage()},
               .image_name = text_of(in.getImageName()),
               .settings = *std::move(settings),
               .ssh_port = in.getSshPort(),
               .guest_ip = text_of(in.getGuestIp()),
               .remove_after_exec = in.getRemoveAfterExec(),
               .state = *state,
               .incarnation = in.getIncarnation(),
               .fence = in.getFence(),
               .correlation = {in.getCorrelationHi(), in.getCorrelationLo()},
               .version = in.getVersion(),
               .last_sequence = in.getLastSequence(),
               .ready = in.getReady(),
               .ready_missed = in.getReadyMissed(),
               .cut_off = in.getCutOff(),
               .ready_after_ms = in.getReadyAfterMs(),
               .start_timeout_ms = in.getStartTimeoutMs(),
               .ready_timeout_ms = in.getReadyTimeoutMs(),
               .stop_mode = *mode,
               .stop_timeout_ms = in.getStopTimeoutMs(),
               .then_start = in.getThenStart(),
               .last_error = text_of(in.getLastError()),
               .created_at_ns = in.getCreatedAtNs(),
               .changed_at_ns = in.getChangedAtNs(),
               .execs = {}};
  for (auto exec : in.getExecs()) vm.execs.push_back({ExecId{exec.getId()}, exec.getStarted()});
  return vm;
}

Result<Image> read_image(schema::ImageRow::Reader in) {
  auto state = read_enum<ImageState>(in.getState(), "an image's state");
  if (!state) return std::unexpected(state.error());
  auto source = read_enum<ImageSource>(in.getSource(), "an image's source");
  if (!source) return std::unexpected(source.error());
  auto digest = read_digest(in.getDigest());
  if (!digest) return std::unexpected(digest.error());
  return Image{.id = ImageId{in.getId()},
               .name = text_of(in.getName()),
               .state = *state,
               .source = *source,
               .recipe = text_of(in.getRecipe()),
               .path = text_of(in.getPath()),
               .digest = *digest,
               .virtual_bytes = in.getVirtualBytes(),
               .disk_bytes = in.getDiskBytes(),
               .fence = in.getFence(),
               .correlation = {in.getCorrelationHi(), in.getCorrelationLo()},
               .version = in.getVersion(),
               .last_sequence = in.getLastSequence(),
               .last_error = text_of(in.getLastError()),
               .created_at_ns = in.getCreatedAtNs()};
}

}  // namespace

void put_key_number(std::string& key, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(number >> shift);
}

std::string row_key(StreamId stream) {
  std::string key;
  for (int shift = 8; shift >= 0; shift -= 8) key += static_cast<char>(number(stream.kind) >> shift);
  put_key_number(key, stream.id);
  return key;
}

std::string row_bytes(const VmRuntime& vm) {
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<schema::VmRow>();
  out.setId(vm.id.value);
  out.setName(as_text(vm.name));
  out.setImage(vm.image.value);
  out.setImageName(as_text(vm.image_name));
  write_settings(out.initSettings(), vm.settings);
  out.setSshPort(vm.ssh_port);
  out.setGuestIp(as_text(vm.guest_ip));
  out.setCutOff(vm.cut_off);
  out.setRemoveAfterExec(vm.remove_after_exec);
  out.setState(number(vm.state));
  out.setIncarnation(vm.incarnation);
  out.setFence(vm.fence);
  out.setCorrelationHi(vm.correlation.hi);
  out.setCorrelationLo(vm.correlation.lo);
  out.setVersion(vm.version);
  out.setLastSequence(vm.last_sequence);
  out.setReady(vm.ready);
  out.setReadyMissed(vm.ready_missed);
  out.setReadyAfterMs(vm.ready_after_ms);
  out.setStartTimeoutMs(vm.start_timeout_ms);
  out.setReadyTimeoutMs(vm.ready_timeout_ms);
  out.setStopMode(number(vm.stop_mode));
  out.setStopTimeoutMs(vm.stop_timeout_ms);
  out.setThenStart(vm.then_start);
  out.setLastError(as_text(vm.last_error));
  out.setCreatedAtNs(vm.created_at_ns);
  out.setChangedAtNs(vm.changed_at_ns);
  auto execs = out.initExecs(static_cast<unsigned>(vm.execs.size()));
  for (unsigned i = 0; i < execs.size(); ++i) {
    execs[i].setId(vm.execs[i].id.value);
    execs[i].setStarted(vm.execs[i].started);
  }
  return canonical_bytes<schema::VmRow>(out);
}

std::string row_bytes(const Image& image) {
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<schema::ImageRow>();
  out.setId(image.id.value);
  out.setName(as_text(image.name));
  out.setState(number(image.state));
  out.setSource(number(image.source));
  out.setRecipe(as_text(image.recipe));
  out.setPath(as_text(image.path));
  out.setDigest(data_of(image.digest));
  out.setVirtualBytes(image.virtual_bytes);
  out.setDiskBytes(image.disk_bytes);
  out.setFence(image.fence);
  out.setCorrelationHi(image.correlation.hi);
  out.setCorrelationLo(image.correlation.lo);
  out.setVersion(image.version);
  out.setLastSequence(image.last_sequence);
  out.setLastError(as_text(image.last_error));
  out.setCreatedAtNs(image.created_at_ns);
  return canonical_bytes<schema::ImageRow>(out);
}

std::string row_bytes(const HistoryRow& row) {
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<schema::HistoryRow>();
  out.setStreamKind(number(row.stream.kind));
  out.setStreamId(row.stream.id);
  out.setName(as_text(row.name));
  out.setFirstSequence(row.first_sequence);
  out.setLastSequence(row.last_sequence);
  out.setCreatedAtNs(row.created_at_ns);
  out.setDeletedAtNs(row.deleted_at_ns);
  return canonical_bytes<schema::HistoryRow>(out);
}

std::string row_bytes(const HostState& host) {
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<schema::HostRow>();
  out.setBootHi(host.boot.hi);
  out.setBootLo(host.boot.lo);
  out.setKernelRelease(as_text(host.kernel_release));
  out.setDaemonVersion(as_text(host.daemon_version));
  out.setVersion(host.version);
  out.setLastSequence(host.last_sequence);
  out.setLogEpoch(host.log_epoch);
  auto reported = out.initReported(static_cast<unsigned>(host.reported.size()));
  unsigned i = 0;
  for (const std::string& name : host.reported) reported.set(i++, as_text(name));
  return canonical_bytes<schema::HostRow>(out);
}

std::string row_bytes(StreamId stream, const Parked& parked) {
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<schema::ParkedRow>();
  out.setStreamKind(number(stream.kind));
  out.setStreamId(stream.id);
  out.setSequence(parked.sequence);
  out.setReason(as_text(parked.reason));
  return canonical_bytes<schema::ParkedRow>(out);
}

Result<VmRuntime> parse_vm_row(std::string_view bytes) { return read_message<schema::VmRow>(bytes, read_vm); }

Result<Image> parse_image_row(std::string_view bytes) {
  return read_message<schema::ImageRow>(bytes, read_image);
}

Result<HistoryRow> parse_history_row(std::string_view bytes) {
  return read_message<schema::HistoryRow>(bytes, [](schema::HistoryRow::Reader in) -> Result<HistoryRow> {
    return HistoryRow{stream_from(in.getStreamKind(), in.getStreamId()),
                      text_of(in.getName()),
                      in.getFirstSequence(),
                      in.getLastSequence(),
                      in.getCreatedAtNs(),
                      in.getDeletedAtNs()};
  });
}

Result<HostState> parse_host_row(std::string_view bytes) {
  return read_message<schema::HostRow>(bytes, [](schema::HostRow::Reader in) -> Result<HostState> {
    HostState host{.boot = {in.getBootHi(), in.getBootLo()},
                   .kernel_release = text_of(in.getKernelRelease()),
                   .daemon_version = text_of(in.getDaemonVersion()),
                   .version = in.getVersion(),
                   .last_sequence = in.getLastSequence(),
                   .log_epoch = in.getLogEpoch(),
                   .reported = {}};
    for (auto name : in.getReported()) host.reported.insert(text_of(name));
    return host;
  });
}

Result<std::pair<StreamId, Parked>> parse_parked_row(std::string_view bytes) {
  return read_message<schema::ParkedRow>(
      bytes, [](schema::ParkedRow::Reader in) -> Result<std::pair<StreamId, Parked>> {
        return std::pair{stream_from(in.getStreamKind(), in.getStreamId()),
                         Parked{in.getSequence(), text_of(in.getReason())}};
      });
}

std::vector<Row> rows_of(const Fleet& fleet, StreamId stream) {
  std::vector<Row> rows;
  std::string key = row_key(stream);
  if (auto parked = fleet.parked.find(stream); parked != fleet.parked.end()) {
    rows.push_back({kParkedStreams.name, key, row_bytes(stream, parked->second)});
  }
  switch (stream.kind) {
    case StreamKind::kVm: {
      const VmRuntime* vm = fleet.vm(VmId{stream.id});
      rows.push_back({kVmRuntime.name, key, vm ? row_bytes(*vm) : std::string()});
      return rows;
    }
    case StreamKind::kImage: {
      const Image* image = fleet.image(ImageId{stream.id});
      rows.push_back({kImages.name, key, image ? row_bytes(*image) : std::string()});
      return rows;
    }
    case StreamKind::kHost: rows.push_back({kHost.name, key, row_bytes(fleet.host)}); return rows;
  }
  return rows;
}

Status load_row(Fleet& fleet, std::string_view projection, std::string_view bytes) {
  if (projection == kVmRuntime.name) {
    auto vm = parse_vm_row(bytes);
    if (!vm) return std::unexpected(vm.error());
    fleet.vms.insert_or_assign(vm->id, *vm);
  } else if (projection == kImages.name) {
    auto image = parse_image_row(bytes);
    if (!image) return std::unexpected(image.error());
    fleet.images.insert_or_assign(image->id, *image);
  } else if (projection == kHost.name) {
    auto host = parse_host_row(bytes);
    if (!host) return std::unexpected(host.error());
    fleet.host = *std::move(host);
  } else if (projection == kParkedStreams.name) {
    auto parked = parse_parked_row(bytes);
    if (!parked) return std::unexpected(parked.error());
    fleet.parked.insert(*std::move(parked));
  } else {
    return fail("no row of projection '" + std::string(projection) + "' belongs to the fleet");
  }
  return {};
}

}  // namespace banger
