#include "drivers/vmm/firecracker/argv.h"

#include "tests/catch.h"

using namespace banger;
using namespace banger::vmm::firecracker;

TEST_CASE("a Firecracker's argv says its socket and which start it is of") {
  FirecrackerSpec spec{.vm = VmId{0xabc}, .incarnation = 7};
  CHECK(firecracker_argv(spec, "/usr/bin/firecracker", "/v/a \"b\"/api.sock") ==
        std::vector<std::string>{"/usr/bin/firecracker", "--api-sock", "/v/a \"b\"/api.sock",
                                 "--id", "banger-0000000000000abc-7"});
  CHECK(parse_vmm_name(id_of(spec)) == VmmName{VmId{0xabc}, 7});
}

TEST_CASE("the longest id there can be is one that Firecracker takes") {
  FirecrackerSpec spec{.vm = VmId{UINT64_MAX}, .incarnation = UINT32_MAX};
  CHECK(id_of(spec) == "banger-ffffffffffffffff-4294967295");
  CHECK(id_of(spec).size() <= kMaxId);
}
