// A library that is loaded before bangerd's own (LD_PRELOAD) and gives it another wall clock than the host's: CLOCK_REALTIME and as
// many seconds as stand in the file that BANGER_SET_CLOCK names, a std::int64_t that a test sets while the daemon runs. Other clocks,
// and other programs, are left alone.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

const std::atomic<std::int64_t>* shared_offset() {
  static const auto* const offset = []() -> const std::atomic<std::int64_t>* {
    const char* path = std::getenv("BANGER_SET_CLOCK");
    if (!path || std::strcmp(program_invocation_short_name, "bangerd") != 0) return nullptr;
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return nullptr;
    void* at = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, fd, 0);
    ::close(fd);
    return at == MAP_FAILED ? nullptr : static_cast<const std::atomic<std::int64_t>*>(at);
  }();
  return offset;
}

std::int64_t offset() {
  const auto* shared = shared_offset();
  return shared ? shared->load() : 0;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static const auto real = reinterpret_cast<decltype(&::clock_gettime)>(::dlsym(RTLD_NEXT, "clock_gettime"));
  const int result = real(clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += offset();
  return result;
}

int gettimeofday(timeval* __restrict now, void* __restrict) noexcept {
  timespec precise{};
  if (::clock_gettime(CLOCK_REALTIME, &precise) != 0) return -1;
  *now = {.tv_sec = precise.tv_sec, .tv_usec = precise.tv_nsec / 1000};
  return 0;
}

time_t time(time_t* out) noexcept {
  timespec precise{};
  ::clock_gettime(CLOCK_REALTIME, &precise);
  if (out) *out = precise.tv_sec;
  return precise.tv_sec;
}

}  // extern "C"
