// Another process, as /proc shows it: anybody may have any argv, so what it says of itself may be anything. Whatever
// it says, it is nobody's VMM but the one that its argv names, and none at all under another executable.
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/observe/processes.h"
#include "tests/drivers/host/temp_dir.h"
#include "tests/fuzz/fuzz.h"

namespace banger::fuzz {
namespace {

constexpr BootId kBoot{7, 8};
constexpr const char* kPid = "4242424";  // above what the kernel gives (PID_MAX_LIMIT), so never ourselves

// A /proc with this process in it, and ourselves, because a look that does not find the looker is no look.
class Proc {
 public:
  Proc() {
    for (const std::string& pid : {std::to_string(::getpid()), std::string(kPid)}) {
      BANGER_ASSERT(::mkdir((directory_ / pid).c_str(), 0700) == 0);
    }
    BANGER_ASSERT(::symlink("/usr/bin/qemu-system-x86_64", file("exe").c_str()) == 0);
  }
  [[nodiscard]] const std::string& path() const { return directory_.path(); }
  [[nodiscard]] std::string file(const std::string& name) const { return directory_ / (std::string(kPid) + "/" + name); }

 private:
  test::TempDir directory_;
};

}  // namespace

void fuzz_one(std::string_view bytes) {
  static const Proc proc;
  log::Reader input(bytes);
  const std::string argv(take_part(input));
  put_file(proc.file("cmdline"), argv);
  put_file(proc.file("status"), take_part(input));
  put_file(proc.file("stat"), input.rest());
  const Layout layout{"/var/lib/banger"};
  const auto found = observe::find_vmms(layout, kBoot, {.proc = proc.path()});
  BANGER_ASSERT(found.has_value());
  for (const auto& [vm, sightings] : found->vmms) {
    BANGER_ASSERT(sightings.size() == 1 && argv.contains(vm_paths(layout, vm).api_socket));
  }
  const auto others = observe::find_vmms(layout, kBoot, {.proc = proc.path(), .vmm_programs = {"firecracker"}});
  BANGER_ASSERT(others && others->vmms.empty());
}

}  // namespace banger::fuzz
