// docs/ARCHITECTURE.md has one table of what is done about every class of resource in every condition. This makes
// that table with the shipped plan, and holds the document to it, row by row.
#include <fstream>
#include <functional>

#include "engine/plan.h"
#include "tests/engine/given.h"

namespace banger {
namespace {

using namespace test;

constexpr VmId kNobody{0xbbbb000000000002};  // a VM that the log does not know

World bridged(VmState state) {
  World world = web_in(state);
  return world.given(VmAddressAssigned{"172.16.0.2"});
}

ProcessIdentity process(std::int32_t pid) { return {kBoot, pid, 1}; }

// A look that sees a host as it is to be in that state: of a VM that runs its VMM, tap and network.
Observation host_of(VmState state) {
  Observation seen{.processes_known = true, .directories_known = true};
  seen.disks_known = seen.links_known = true;
  seen.vm_directories.insert(kWeb);
  seen.image_directories.insert(kTiny);
  seen.network = NetworkSighting::kAbsent;
  if (state != VmState::kRunning) return seen;
  seen.vmms[kWeb] = {{process(101), 1}};
  seen.disks[kWeb] = {.device = true, .loops = true};
  seen.taps.insert(kWeb);
  seen.network = NetworkSighting::kAsLeft;
  return seen;
}

struct Row {
  const char* resource;
  const char* condition;
  std::function<void(Observation&, VmId)> put;
};

// What cannot be is left out: names that derive from an id have no duplicates, and what is not proved ours is in no look.
const std::vector<Row>& rows() {
  static const std::vector<Row> kRows = {
      {"VMM", "absent", [](Observation& seen, VmId vm) { seen.vmms.erase(vm); }},
      {"VMM", "right", [](Observation& seen, VmId vm) { seen.vmms[vm] = {{process(101), 1}}; }},
      {"VMM", "stale", [](Observation& seen, VmId vm) { seen.vmms[vm] = {{process(101), 7}}; }},
      {"VMM", "duplicate", [](Observation& seen, VmId vm) { seen.vmms[vm] = {{process(101), 1}, {process(102), 1}}; }},
      {"VMM", "unknown", [](Observation& seen, VmId) { seen.processes_known = false; seen.vmms.clear(); }},
      {"disk", "absent", [](Observation& seen, VmId vm) { seen.disks.erase(vm); }},
      {"disk", "right", [](Observation& seen, VmId vm) { seen.disks[vm] = {.device = true, .loops = true}; }},
      {"disk", "half: loops only", [](Observation& seen, VmId vm) { seen.disks[vm] = {.device = false, .loops = true}; }},
      {"disk", "unknown", [](Observation& seen, VmId) { seen.disks_known = false; seen.disks.clear(); }},
      {"tap", "absent", [](Observation& seen, VmId vm) { seen.taps.erase(vm); }},
      {"tap", "right", [](Observation& seen, VmId vm) { seen.taps.insert(vm); }},
      {"tap", "unknown", [](Observation& seen, VmId) { seen.links_known = false; seen.taps.clear(); }},
      {"network", "absent", [](Observation& seen, VmId) { seen.network = NetworkSighting::kAbsent; }},
      {"network", "right", [](Observation& seen, VmId) { seen.network = NetworkSighting::kAsLeft; }},
      {"network", "damaged", [](Observation& seen, VmId) { seen.network = NetworkSighting::kDamaged; }},
      {"network", "foreign", [](Observation& seen, VmId) { seen.network = NetworkSighting::kForeign; }},
      {"network", "unknown", [](Observation& seen, VmId) { seen.network = NetworkSighting::kUnknown; }},
      {"directory", "absent", [](Observation& seen, VmId vm) { seen.vm_directories.erase(vm); }},
      {"directory", "right", [](Observation& seen, VmId vm) { seen.vm_directories.insert(vm); }},
      {"directory", "unknown", [](Observation& seen, VmId) { seen.directories_known = false; seen.vm_directories.clear(); }},
  };
  return kRows;
}

std::string told(const Settle& settle) {
  return std::holds_alternative<ReportGone>(settle.outcome) ? "record its end" : "tell";
}

// "-", "kill_stray", "kill_stray, tell"
std::string cell(const Plan& plan) {
  std::string text;
  for (const Effect& effect : plan.effects) {
    if (std::holds_alternative<AwaitGuest>(effect)) continue;  // it only listens
    const auto* settle = std::get_if<Settle>(&effect);
    text += (text.empty() ? "" : ", ") + (settle ? told(*settle) : "`" + std::string(name_of(effect)) + "`");
  }
  return text.empty() ? "-" : text;
}

std::string known(const Row& row, VmState state) {
  const World world = bridged(state);
  Observation seen = host_of(state);
  row.put(seen, kWeb);
  PlanContext context;
  context.network = network_of(world.fleet);
  return cell(plan(world.fleet, seen, context));
}

std::string unknown(const Row& row, bool sweep) {
  const World world = web_in(VmState::kStopped);
  Observation seen = host_of(VmState::kStopped);
  row.put(seen, kNobody);
  PlanContext context;
  context.sweep = sweep;
  return cell(plan(world.fleet, seen, context));
}

std::string document() {
  std::ifstream in(BANGER_SOURCE_DIR "/docs/ARCHITECTURE.md");
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("the document's table of the plan is what plan does") {
  const std::string text = document();
  REQUIRE(text.size() > 1000);
  std::string table;
  for (const Row& row : rows()) {
    std::string line = "| " + std::string(row.resource) + " | " + row.condition + " | " +
                       known(row, VmState::kRunning) + " | " + known(row, VmState::kStopped) + " | " +
                       known(row, VmState::kDeleting) + " | " + unknown(row, false) + " | " + unknown(row, true) + " |\n";
    INFO("a row as it should be:\n" << line);
    CHECK(text.find(line) != std::string::npos);
    table += line;
  }
  INFO("all of it, in this order:\n" << table);
  CHECK(text.find(table) != std::string::npos);
}

}  // namespace banger
