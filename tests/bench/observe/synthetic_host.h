// A made-up /proc with so many VMs' VMMs and some strangers, the VMs' directories, and the fleet that wants them as they
// are: for benchmarks of looks, with more VMs than a host holds. The processes are files; pgrep reads them too where
// they are mounted over /proc, in a mount namespace of their own.
#pragma once

#include <memory>
#include <string>

#include "drivers/observe/look.h"
#include "engine/state.h"
#include "tests/support/child.h"

namespace banger::bench {

class SyntheticHost {
 public:
  // Strangers are a tenth of the VMs' number, and 200 more: what a host runs besides.
  SyntheticHost(const std::string& dir, std::size_t vms);
  SyntheticHost(const SyntheticHost&) = delete;
  SyntheticHost& operator=(const SyntheticHost&) = delete;
  ~SyntheticHost();

  [[nodiscard]] const observe::LookSpec& spec() const { return spec_; }
  [[nodiscard]] const Fleet& fleet() const { return fleet_; }
  // pgrep, with the made-up processes for /proc. Takes root.
  [[nodiscard]] Result<std::vector<std::string>> pgrep();

 private:
  void add_process(std::int32_t pid, const std::vector<std::string>& argv, const std::string& program) const;

  std::string dir_;
  observe::LookSpec spec_;
  Fleet fleet_;
  std::unique_ptr<test::Child> holder_;  // of the mount namespace
};

}  // namespace banger::bench
