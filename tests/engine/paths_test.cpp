// Names and paths that tell whose a process or a socket is: read back only where banger gave exactly them.
#include "engine/paths.h"
#include "tests/catch.h"

namespace banger {
namespace {

const Layout kLayout{"/var/lib/banger"};
const VmId kVm{0xabc};

TEST_CASE("an API socket tells its VM, and only one in its place does") {
  const std::string socket = vm_paths(kLayout, kVm).api_socket;
  CHECK(vm_of_api_socket(kLayout, socket) == kVm);
  for (const std::string& path : {"/elsewhere" + socket, socket + "2", std::string("/var/lib/banger/vms/api.sock"),
                                  std::string("/var/lib/banger/vms/web/api.sock"), vm_paths(kLayout, kVm).console_log}) {
    CAPTURE(path);
    CHECK_FALSE(vm_of_api_socket(kLayout, path));
  }
}

TEST_CASE("a VMM's name tells its VM and which start of it, and nothing like it does") {
  const VmmName name{kVm, 12};
  CHECK(parse_vmm_name(vmm_name(name)) == name);
  CHECK(parse_vmm_name("banger-0000000000000abc-12") == name);
  for (const std::string_view text :
       {"", "other-0000000000000abc-12", "banger-", "banger-0000000000000abc", "banger-0000000000000abc-",
        "banger-0000000000000ABC-12", "banger-0000000000000000-12", "banger-0000000000000abc-0",
        "banger-0000000000000abc-012", "banger-0000000000000abc-+12", "banger-0000000000000abc-12x",
        "banger-0000000000000abc-99999999999", "banger-0000000000000abc_12"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_vmm_name(text));
  }
}

TEST_CASE("what is derived from an id lies under the data directory, each VM's in its own") {
  const VmPaths paths = vm_paths(kLayout, kVm);
  CHECK(paths.dir == "/var/lib/banger/vms/0000000000000abc");
  CHECK(paths.handles == paths.dir + "/handles.json");
  CHECK(image_dir(kLayout, ImageId{0xd}) == "/var/lib/banger/images/000000000000000d");
  CHECK(jail_root(kLayout, "firecracker", "banger-1") == "/var/lib/banger/jails/firecracker/banger-1/root");
  CHECK(dns_name("web") == "web.vm");
}

}  // namespace
}  // namespace banger
