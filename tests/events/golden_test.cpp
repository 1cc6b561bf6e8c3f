// The bytes of every kind of event, kept for ever: a log written by any version must be read by
// every later one. A file is never changed, only added, for a new kind or a new version of one:
//   BANGER_WRITE_GOLDEN=1 build/dev/tests/events_test "[golden]"
// writes those that are missing, and fails all the same.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "events/codec.h"
#include "tests/catch.h"

namespace banger {
namespace {

namespace fs = std::filesystem;

const VmSettings kSettings{.vcpus = 2,
                           .memory_mib = 512,
                           .disk_mib = 4096,
                           .net = NetMode::kUser,
                           .ports = {{"127.0.0.1", 8080, 80, Protocol::kTcp, false},
                                     {"127.0.0.1", 21001, 443, Protocol::kTcp, true}},
                           .autostart = true};

std::vector<Event> one_of_each() {
  return {VmCreated{"web", ImageId{0x1111}, "tiny", kSettings, 21000, true},
          VmStartRequested{3, 60'000, 120'000},
          VmStopRequested{StopMode::kForced, 5000, true},
          VmDeleteRequested{true},
          VmChanged{kSettings},
          VmStarted{3, true},
          VmReady{3, 3100},
          VmReadyMissed{3, 120'000},
          VmStartFailed{3, StartStage::kDisk, "no room"},
          VmStopped{3, StoppedBy::kGuest},
          VmDied{3, "killed by signal 9", DeathCause::kSignalled, 9},
          VmHostRebooted{3},
          VmDeleted{},
          VmPortReassigned{22, 21000, 21002},
          VmTearDownStalled{"busy"},
          DriftCorrected{ResourceClass::kVmm, Condition::kDuplicate, "vm-000000000000aaaa",
                         CorrectiveAction::kKilled, "one too many"},
          ExecStarted{ExecId{0x2222}, 3, true, 30'000, {"cat", "/etc/hostname"}},
          ExecFinished{ExecId{0x2222}, ExecOutcome::kExited, 42},
          ImageRequested{"mine", ImageSource::kImport, "", "/tmp/image"},
          ImageReady{Digest{1, 2, 3}, 1 << 30, 40 << 20},
          ImageFailed{"no such file"},
          ImageDeleteRequested{},
          ImageDeleted{},
          HostBooted{{5, 6}, "6.1.0"},
          DaemonStarted{"0.1.0"},
          DaemonStopped{},
          LogEpochBegan{2, EpochReason::kLossAccepted, 90, 100},
          ProjectionDrifted{"vm_runtime", 2, 1000, "0002000000000000aaaa"},
          PersonalErased{VmId{0xaaaa}, "web", 3},
          LogArchived{1, 4096, "ab-1-4096-cd.archive", 1'000'000, Digest{4, 5, 6}},
          VmAddressAssigned{"172.16.0.2"}};
}

EventRecord golden_record(Event event) {
  std::uint16_t kind = kind_of(event);
  StreamId stream = kind < 64   ? stream_of(VmId{0xaaaa})
                    : kind < 96 ? stream_of(ImageId{0x1111})
                                : kHostStream;
  return {{.sequence = 1000u + kind,
           .stream = stream,
           .version = 7,
           .command = {0x0102030405060708, 0x090a0b0c0d0e0f10},
           .correlation = {0x1112131415161718, 0x191a1b1c1d1e1f20},
           .causation = 999,
           .actor = {1000, "ann", "bangerctl"},
           .time_ns = 1'700'000'000'123'456'789,
           .boot = {0xb0, 0x07}},
          std::move(event)};
}

const Salt kSalt{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

std::string hex_of(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto byte = static_cast<unsigned char>(bytes[i]);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
    if (i % 32 == 31) text += '\n';
  }
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text;
}

std::string bytes_of(std::string_view hex) {
  std::string digits;
  for (char c : hex) {
    if (c != '\n') digits += c;
  }
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

std::string slurp(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

fs::path file_of(const EventRecord& record, const char* part) {
  return fs::path(GOLDEN_DIR) /
         (std::string(name_of(record.event)) + ".v" +
          std::to_string(record.envelope.schema_version) + "." + part + ".hex");
}

constexpr std::size_t kKindsInVersion1 = 27;  // the first of the variant; later kinds are of later versions

std::set<fs::path> files_of_version_1(const Event& event) {
  EventRecord record = golden_record(event);
  record.envelope.schema_version = 1;
  std::set<fs::path> files;
  for (const char* part : {"open", "personal"}) {
    if (fs::exists(file_of(record, part))) files.insert(file_of(record, part));
  }
  return files;
}

TEST_CASE("the stored bytes of every kind are as they ever were", "[golden]") {
  REQUIRE(one_of_each().size() == std::variant_size_v<Event>);
  std::set<fs::path> known;
  for (std::size_t i = 0; i < std::variant_size_v<Event>; ++i) {
    Event event = one_of_each()[i];
    REQUIRE(event.index() == i);
    EventRecord record = golden_record(event);
    Interned interned;
    EventBytes bytes = encode(record, interned, kSalt);
    CAPTURE(name_of(event));
    for (auto [part, written] : {std::pair{"open", &bytes.open}, {"personal", &bytes.personal}}) {
      fs::path path = file_of(record, part);
      if (written->empty()) continue;
      known.insert(path);
      if (!fs::exists(path) && std::getenv("BANGER_WRITE_GOLDEN") != nullptr) {
        std::ofstream(path) << hex_of(*written);
        FAIL_CHECK("written, to be looked at and committed: " << path);
      }
      CHECK(slurp(path) == hex_of(*written));
    }
    auto decoded = decode(
        bytes_of(slurp(file_of(record, "open"))),
        bytes.personal.empty() ? "" : bytes_of(slurp(file_of(record, "personal"))), interned);
    REQUIRE(decoded);
    CHECK(*decoded == record);
  }
  for (std::size_t i = 0; i < kKindsInVersion1; ++i) known.merge(files_of_version_1(one_of_each()[i]));
  for (const auto& entry : fs::directory_iterator(GOLDEN_DIR)) {
    CAPTURE(entry.path());
    CHECK(known.contains(entry.path()));  // one without a test is not kept, it is only lying there
  }
}

TEST_CASE("what version 1 wrote is read in today's words", "[golden]") {
  for (std::size_t i = 0; i < kKindsInVersion1; ++i) {
    EventRecord record = golden_record(one_of_each()[i]);
    record.envelope.schema_version = 1;
    CAPTURE(name_of(record.event));
    Interned interned;
    (void)encode(record, interned, kSalt);
    const std::set<fs::path> files = files_of_version_1(record.event);
    REQUIRE(files.contains(file_of(record, "open")));
    const bool personal = files.contains(file_of(record, "personal"));
    auto decoded = decode(bytes_of(slurp(file_of(record, "open"))),
                          personal ? bytes_of(slurp(file_of(record, "personal"))) : "", interned);
    REQUIRE(decoded);
    CHECK(*decoded == record);  // VmDied has its cause from the words of its reason
  }
}

}  // namespace
}  // namespace banger
