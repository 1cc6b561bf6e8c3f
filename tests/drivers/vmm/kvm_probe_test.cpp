#include "drivers/vmm/kvm_probe.h"

#include <filesystem>
#include <fstream>

#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"

using namespace banger::vmm;

TEST_CASE("without a KVM device there is no trial, and nothing is kept") {
  banger::test::TempDir dir;
  KvmProbe probe;
  probe.kernel = "/nonexistent";
  probe.cache_directory = dir.path();
  probe.device = dir / "kvm";
  auto verdict = probe_kvm(probe);
  REQUIRE(verdict);
  CHECK_FALSE(verdict->usable);
  CHECK(verdict->reason.find("No such file") != std::string::npos);
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("a trial that can't boot says no; the verdict is kept until the kernel changes") {
  banger::test::TempDir dir;
  KvmProbe probe;
  probe.kernel = dir / "kernel";
  probe.cache_directory = dir.path();
  probe.device = "/dev/null";  // can be opened, like a KVM that leads nowhere
  std::ofstream(probe.kernel) << "not a kernel";
  auto first = probe_kvm(probe);
  REQUIRE(first);
  CHECK_FALSE(first->usable);
  CHECK_FALSE(first->from_cache);
  auto second = probe_kvm(probe);
  REQUIRE(second);
  CHECK(second->from_cache);
  CHECK(second->reason == first->reason);
  std::ofstream(probe.kernel) << "another one";
  auto third = probe_kvm(probe);
  REQUIRE(third);
  CHECK_FALSE(third->from_cache);
  std::ofstream(dir / "kvm-probe.json") << "{\"key\": [], damaged";
  CHECK_FALSE(probe_kvm(probe)->from_cache);
}
