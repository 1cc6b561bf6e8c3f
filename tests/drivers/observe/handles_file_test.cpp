#include "drivers/observe/handles_file.h"

#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"

namespace banger::observe {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::TempDir;

constexpr VmId kVm{0xabc};
const VmHandles kHandles{.vmm = {{7, 8}, 4321, 99},
                         .incarnation = 5,
                         .tap_device = "bgt0123",
                         .base_loop = "/dev/loop3",
                         .cow_loop = "/dev/loop4",
                         .dm_name = "banger-x",
                         .dm_device = "/dev/mapper/banger-x"};

std::string slurp(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_CASE("handles come back as they were written, and only we may read them") {
  TempDir dir;
  std::string path = dir / "handles.json";
  REQUIRE(write_handles(path, kHandles));
  CHECK((read_handles(path).value() == kHandles));
  CHECK((fs::status(path).permissions() & fs::perms::all) ==
        (fs::perms::owner_read | fs::perms::owner_write));
  VmHandles second{.vmm = {{1, 1}, 1, 0}, .incarnation = 1};
  REQUIRE(write_handles(path, second));
  CHECK((read_handles(path).value() == second));
  const VmHandles without_vmm{.vmm = {.boot = {1, 1}}, .incarnation = 1, .dm_name = "banger-x"};
  REQUIRE(write_handles(path, without_vmm));
  CHECK((read_handles(path).value() == without_vmm));
  CHECK(std::distance(fs::directory_iterator(dir.path()), {}) == 1);
}

TEST_CASE("no file is no handles, and no error") {
  TempDir dir;
  CHECK((read_handles(dir / "handles.json").value() == std::optional<VmHandles>()));
  CHECK(remove_handles(dir / "handles.json"));
}

TEST_CASE("a directory that is gone is not made again") {
  TempDir dir;
  CHECK_FALSE(write_handles(dir / "gone/handles.json", kHandles));
  CHECK_FALSE(fs::exists(dir / "gone"));
}

TEST_CASE("corrupt or forged content is an error, whatever it is") {
  TempDir dir;
  std::string path = dir / "handles.json";
  REQUIRE(write_handles(path, kHandles));
  const json good = json::parse(slurp(path));
  auto refused = [&](const std::string& content) {
    std::ofstream(path) << content;
    auto read = read_handles(path);
    CAPTURE(content.substr(0, 200));
    CHECK_FALSE(read);
  };
  SECTION("not JSON") {
    for (const char* each : {"", "{", "null", "[]", "7", "\"x\"", "{}", "\xff\xfe", "{\"pid\":1}"})
      refused(each);
    refused(std::string(5000, '['));
    refused(std::string("\0\0\0", 3));
  }
  SECTION("every truncation") {
    std::string whole = good.dump();
    for (std::size_t i = 0; i < whole.size(); ++i) refused(whole.substr(0, i));
  }
  SECTION("a key of the wrong type, out of range, missing or one too many") {
    for (const auto& [key, value] : good.items()) {
      for (const json& wrong : {json(nullptr), json(-1), json(1.5), json(true), json::array(),
                                json::object(), value.is_string() ? json(1) : json("1")}) {
        json bad = good;
        bad[key] = wrong;
        refused(bad.dump());
      }
      json less = good;
      less.erase(key);
      refused(less.dump());
      less["other"] = value;
      refused(less.dump());
    }
    json bad = good;
    bad["pid"] = 0;
    refused(bad.dump());
    bad["pid"] = 1ull << 31;
    refused(bad.dump());
    bad = good;
    bad["incarnation"] = 1ull << 32;
    refused(bad.dump());
    bad = good;
    bad["format"] = 2;
    refused(bad.dump());
    bad = good;
    bad["boot_id"] = "xyz";
    refused(bad.dump());
    bad = good;
    bad["tap_device"] = "a\nb";
    refused(bad.dump());
    bad["tap_device"] = std::string(5000, 'a');
    refused(bad.dump());
    bad = good;
    bad["more"] = 1;
    refused(bad.dump());
  }
  SECTION("more than it may be") {
    refused(good.dump() + std::string(64 * 1024, ' '));
  }
}

TEST_CASE("what is no file of ours is not followed, and does not hold us up") {
  TempDir dir;
  std::string path = dir / "handles.json";
  REQUIRE(write_handles(dir / "elsewhere", kHandles));
  fs::create_symlink("elsewhere", path);
  CHECK_FALSE(read_handles(path));
  fs::remove(path);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK_FALSE(read_handles(path));
  fs::remove(path);
  fs::create_directory(path);
  CHECK_FALSE(read_handles(path));
}

TEST_CASE("a link where the file shall be is replaced, not written through") {
  TempDir dir;
  std::ofstream(dir / "victim") << "precious";
  fs::create_symlink("victim", dir / "handles.json");
  fs::create_symlink("victim", dir / "handles.json.new");
  REQUIRE(write_handles(dir / "handles.json", kHandles));
  CHECK(slurp(dir / "victim") == "precious");
  CHECK((read_handles(dir / "handles.json").value() == kHandles));
}

// ---- rediscovery ----

Observation seen_with(std::vector<VmmSighting> vmms) {
  Observation seen{.processes_known = true};
  if (!vmms.empty()) seen.vmms[kVm] = std::move(vmms);
  return seen;
}

TEST_CASE("the process that was seen wins over the one in the file") {
  ProcessIdentity other{{7, 8}, 999, 5000};
  auto found = rediscover(kVm, seen_with({{other, 6}}), kHandles);
  CHECK(found.alive);
  CHECK(found.handles.vmm == other);
  CHECK(found.handles.incarnation == 6);
  CHECK(found.handles.tap_device == kHandles.tap_device);
}

TEST_CASE("a dead process leaves the file's handles for the teardown") {
  CHECK(rediscover(kVm, seen_with({}), kHandles) == Rediscovered{kHandles, false, false});
  CHECK(rediscover(kVm, seen_with({}), std::nullopt) == Rediscovered{});
}

TEST_CASE("a process is found without a file, too") {
  ProcessIdentity process{{7, 8}, 999, 5000};
  auto found = rediscover(kVm, seen_with({{process, 6}}), std::nullopt);
  CHECK(found == Rediscovered{{.vmm = process, .incarnation = 6}, true, false});
}

TEST_CASE("among several the file names the one, else it is the oldest") {
  ProcessIdentity old{{7, 8}, 1, 10};
  CHECK(rediscover(kVm, seen_with({{old, 5}, {kHandles.vmm, 5}}), kHandles).handles.vmm ==
        kHandles.vmm);
  CHECK(rediscover(kVm, seen_with({{old, 5}, {{{7, 8}, 2, 20}, 5}}), kHandles).handles.vmm == old);
}

TEST_CASE("a name that tells no incarnation leaves the file's") {
  CHECK(rediscover(kVm, seen_with({{kHandles.vmm, 0}}), kHandles) ==
        Rediscovered{kHandles, true, false});
}

TEST_CASE("a look that told nothing concludes nothing") {
  Observation blind = seen_with({});
  blind.processes_known = false;
  CHECK(rediscover(kVm, blind, kHandles) == Rediscovered{kHandles, false, true});
  Observation disturbed = seen_with({{kHandles.vmm, 9}});
  disturbed.disturbed.insert(kVm);
  CHECK(rediscover(kVm, disturbed, kHandles) == Rediscovered{kHandles, false, true});
}

// ---- the cache ----

TEST_CASE("the file is written before the cache: where it cannot be, the cache is as before") {
  TempDir dir;
  Layout layout{dir.path()};
  HandleCache cache(layout);
  CHECK_FALSE(cache.put(kVm, kHandles));
  CHECK_FALSE(cache.find(kVm));
  fs::create_directories(vm_paths(layout, kVm).dir);
  REQUIRE(cache.put(kVm, kHandles));
  CHECK((cache.find(kVm) == kHandles));
  CHECK((read_handles(vm_paths(layout, kVm).handles).value() == kHandles));
  REQUIRE(cache.drop(kVm));
  CHECK_FALSE(cache.find(kVm));
  CHECK((read_handles(vm_paths(layout, kVm).handles).value() == std::optional<VmHandles>()));
  CHECK(cache.drop(kVm));
}

TEST_CASE("worker threads put, drop and find at once") {
  TempDir dir;
  Layout layout{dir.path()};
  HandleCache cache(layout);
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (std::uint64_t id = 1; id <= 4; ++id) {
    fs::create_directories(vm_paths(layout, VmId{id}).dir);
    threads.emplace_back([&, id] {
      for (std::uint32_t i = 1; i <= 20; ++i) {
        VmHandles mine{.vmm = {{1, 1}, static_cast<std::int32_t>(i), id}, .incarnation = i};
        if (!cache.put(VmId{id}, mine) || cache.find(VmId{id}) != mine) ++failures;
        (void)cache.find(VmId{id % 4 + 1});
        if (i % 3 == 0 && (!cache.drop(VmId{id}) || cache.find(VmId{id}))) ++failures;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(failures == 0);
  for (std::uint64_t id = 1; id <= 4; ++id) {
    CHECK(read_handles(vm_paths(layout, VmId{id}).handles)->value().incarnation == 20);
  }
}

}  // namespace
}  // namespace banger::observe
