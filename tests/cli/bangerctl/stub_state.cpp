#include "tests/cli/bangerctl/stub_state.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>

namespace banger::stub {
namespace {

EventRecord record(Sequence sequence, StreamId stream, StreamVersion version, Event event) {
  EventRecord record;
  record.envelope.sequence = sequence;
  record.envelope.stream = stream;
  record.envelope.version = version;
  record.envelope.command = {1, sequence};
  record.envelope.correlation = {1, sequence};
  record.envelope.actor = {1000, "alice", "bangerctl"};
  record.envelope.time_ns =
      1'700'000'000'000'000'000 + static_cast<std::int64_t>(sequence) * 1'000'000'000;
  record.envelope.boot = {3, 4};
  record.event = std::move(event);
  return record;
}

}  // namespace

std::vector<EventRecord> sample_log() {
  const StreamId image = stream_of(ImageId{kImageId});
  const StreamId vm = stream_of(VmId{kVmId});
  VmCreated created{
      .name = "web", .image = ImageId{kImageId}, .image_name = "tiny", .ssh_port = 21001};
  created.settings = {.vcpus = 2,
                      .memory_mib = 1024,
                      .disk_mib = 8192,
                      .net = NetMode::kUser,
                      .ports = {{.host_port = 8080, .guest_port = 80}}};
  ImageReady ready{.virtual_bytes = 64 << 20, .disk_bytes = 9 << 20};
  ready.digest.fill(0xd1);
  return {record(1, image, 1, ImageRequested{.name = "tiny", .recipe = "tiny"}),
          record(2, image, 2, ready),
          record(3, vm, 1, created),
          record(4, vm, 2, VmStartRequested{1, 60'000, 120'000}),
          record(5, vm, 3, VmStarted{.incarnation = 1}),
          record(6, vm, 4, VmReady{1, 3210})};
}

void write_events(schema::EventBatch::Builder out, const std::vector<EventRecord>& records,
                  bool with_interned) {
  const std::vector<EventRecord> log = sample_log();
  Interned interned_table;
  for (const EventRecord& record : log) (void)encode(record, interned_table, Salt{});
  auto list = out.initEvents(static_cast<unsigned>(records.size()));
  for (unsigned i = 0; i < list.size(); ++i) {
    const EventBytes bytes = encode(records[i], interned_table, Salt{});
    list[i].setOpen(as_data(bytes.open));
    list[i].setPersonal(as_data(bytes.personal));
  }
  const auto all = with_interned ? interned_table.all() : std::vector<InternedEntry>();
  auto interned = out.initInterned(static_cast<unsigned>(all.size()));
  for (unsigned i = 0; i < interned.size(); ++i) {
    interned[i].setTable(static_cast<std::uint8_t>(all[i].table));
    interned[i].setNumber(all[i].number);
    interned[i].setBytes(as_data(all[i].bytes));
  }
  out.setHeadSequence(log.size());
}

capnp::Data::Reader as_data(const std::string& bytes) {
  return {reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()};
}

void append_line(const std::string& path, const std::string& line) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const std::string text = line + "\n";
  [[maybe_unused]] const ssize_t size = ::write(fd, text.data(), text.size());
  ::close(fd);
}

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

bool take(const std::string& path) {
  return ::unlink(path.c_str()) == 0;
}

}  // namespace banger::stub
