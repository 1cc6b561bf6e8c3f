// What tests/kernel/boot.sh cannot do in a shell. On the host: `tsc` prints the rate of the time stamp counter in
// kHz. In the guest: `verdict N` writes N to the port of QEMU's isa-debug-exit, which ends QEMU with N * 2 + 1.
#include <sys/io.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "drivers/vmm/tsc.h"

namespace {

constexpr unsigned short kPort = 0xf4;

int tell_tsc() {
  const auto rate = banger::vmm::measure_tsc_khz();
  if (!rate) {
    std::fprintf(stderr, "%s\n", rate.error().message.c_str());
    return 1;
  }
  std::printf("%llu\n", static_cast<unsigned long long>(*rate));
  return 0;
}

int tell_verdict(const char* number) {
  if (::ioperm(kPort, 1, 1) != 0) {
    std::perror("ioperm");
    return 1;
  }
  ::outb(static_cast<unsigned char>(std::atoi(number)), kPort);
  return 1;  // QEMU ended before this
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "tsc") == 0) return tell_tsc();
  if (argc == 3 && std::strcmp(argv[1], "verdict") == 0) return tell_verdict(argv[2]);
  std::fputs("usage: kernel_guest_tool tsc | verdict N\n", stderr);
  return 2;
}
