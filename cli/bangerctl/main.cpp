// bangerctl: what users type. Everything is in command_line.h.
#include <fcntl.h>

#include "cli/bangerctl/command_line.h"

int main(int argc, char** argv) {
  // A descriptor of ours must never be taken for stdin, stdout or stderr because the caller had
  // closed it.
  for (int fd = 0; fd >= 0 && fd < 3;) fd = ::open("/dev/null", O_RDWR | (fd > 2 ? O_CLOEXEC : 0));
  return banger::ctl::run(argc, argv);
}
