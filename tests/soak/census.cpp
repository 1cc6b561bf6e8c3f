#include "tests/soak/census.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/catch.h"

namespace banger::soak {
namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

std::size_t entries(const fs::path& directory) {
  std::error_code error;
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory, error), fs::directory_iterator()));
}

// RocksDB opens and closes its files when it likes, at most max_open_files.
void count_files(const e2e::Sandbox& banger, const fs::path& process, Census& census) {
  std::error_code error;
  for (const auto& each : fs::directory_iterator(process / "fd", error)) {
    const std::string name = fs::read_symlink(each.path(), error);
    if (error) continue;
    ++(name.starts_with(banger.data() + "/log/") ? census.database_files : census.files);
  }
}

// Entries of a directory of /sys that have this file, and it begins like this.
std::size_t count_marked(const fs::path& directory, const char* file, const std::string& mark) {
  std::size_t count = 0;
  std::error_code error;
  for (const auto& each : fs::directory_iterator(directory, error)) {
    count += first_line(each.path() / file).starts_with(mark) ? 1 : 0;
  }
  return count;
}

std::uint64_t private_kib(const fs::path& process) {
  std::ifstream status(process / "status");
  for (std::string word; status >> word;) {
    std::uint64_t kib = 0;
    if (word == "RssAnon:" && status >> kib) return kib;
  }
  FAIL("the daemon's memory cannot be read");
  return 0;
}

}  // namespace

bool Census::same_as(const Census& other) const {
  return files == other.files && threads == other.threads && vms == other.vms && ports == other.ports &&
         addresses == other.addresses && vmms == other.vmms && directories == other.directories && loops == other.loops &&
         devices == other.devices && taps == other.taps && under_way == other.under_way && corrections == other.corrections;
}

Census take_census(const e2e::Sandbox& banger) {
  Census census;
  const auto daemon = banger.json({"daemon", "status"});
  const fs::path process = "/proc/" + std::to_string(daemon.at("pid").get<int>());
  for (const auto& vm : banger.json({"vm", "ls"})) {
    ++census.vms;
    census.ports += vm.at("ssh_port").is_null() || vm.at("ssh_port") == 0 ? 0 : 1;
    census.ports += vm.at("settings").at("ports").size();
    const nlohmann::json address = vm.value("guest_ip", nlohmann::json());
    census.addresses += address.is_string() && address != "" ? 1 : 0;
  }
  const auto status = banger.json({"reconcile", "status"});
  census.under_way = status.at("in_flight").get<std::size_t>() + status.at("held").get<std::size_t>();
  census.corrections = status.at("corrections");
  census.vmms = banger.processes_of("banger-stub-vmm").size();
  census.directories = entries(banger.data() + "/vms");
  const std::string store = daemon.at("store_id");
  census.loops = count_marked("/sys/block", "loop/backing_file", banger.dir() + "/");
  census.devices = count_marked("/sys/block", "dm/uuid", "BANGER-" + store);
  census.taps = count_marked("/sys/class/net", "ifalias", "banger:" + store + ":");
  census.head = daemon.at("head_sequence");
  census.threads = entries(process / "task");
  census.memory_kib = private_kib(process);
  count_files(banger, process, census);
  return census;
}

std::vector<Row> rows_of(const Census& before, const Census& after) {
  return {{"open files", before.files, after.files},
          {"threads", before.threads, after.threads},
          {"VMs", before.vms, after.vms},
          {"host ports", before.ports, after.ports},
          {"addresses", before.addresses, after.addresses},
          {"VMM processes", before.vmms, after.vmms},
          {"directories", before.directories, after.directories},
          {"loops", before.loops, after.loops},
          {"devices", before.devices, after.devices},
          {"taps", before.taps, after.taps},
          {"effects under way", before.under_way, after.under_way},
          {"corrections", before.corrections, after.corrections},
          {"database's files", before.database_files, after.database_files},
          {"memory, KiB", before.memory_kib, after.memory_kib},
          {"events", before.head, after.head}};
}

}  // namespace banger::soak
