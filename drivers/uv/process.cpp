#include "drivers/uv/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>

#include "drivers/uv/line_splitter.h"
#include "drivers/uv/poll.h"
#include "drivers/uv/timer.h"
#include "events/assert.h"

namespace banger::uv {
namespace {

constexpr size_t kChunk = 64 << 10;
constexpr int kChunksPerTurn = 8;    // so that a chatty child doesn't hold up the loop
constexpr int kChunksAtTheEnd = 32;  // more than a pipe's largest size, 1 MiB (pipe(7))

// One of the child's output streams.
struct Output {
  Fd fd;  // closed after the poll on it
  std::string kept;
  bool truncated = false;
  size_t max_bytes = 0;
  std::optional<LineSplitter> lines;
  std::optional<Poll> poll;

  void take(std::string_view bytes) {
    if (lines) return lines->feed(bytes);
    const size_t room = max_bytes - kept.size();
    truncated |= bytes.size() > room;
    kept.append(bytes.substr(0, room));
  }

  // Reads what is there, up to `chunks`; at the end of the stream it closes itself.
  void read(int chunks) {
    std::array<char, kChunk> buffer;
    while (fd && chunks-- > 0) {
      const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return close();
      take({buffer.data(), static_cast<size_t>(n)});
    }
  }

  void close() {
    poll.reset();
    fd.reset();
  }
};

// The whole input in an anonymous file: no partial writes, no SIGPIPE, and /dev/stdin can be
// opened.
Result<Fd> file_of(std::string_view bytes) {
  Fd file(memfd_create("stdin", MFD_CLOEXEC));
  if (!file) return fail_errno("memfd_create", errno);
  while (!bytes.empty()) {
    const ssize_t n = ::write(file.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("write a child's input", errno);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return fail_errno("rewind a child's input", errno);
  return file;
}

}  // namespace

// Holds itself until the child is reaped, so that the child never outlives its bookkeeping.
struct Process::Impl : std::enable_shared_from_this<Impl> {
  Loop& loop;
  Done done;
  Spawned child;
  std::optional<Poll> exit;
  std::optional<Timer> deadline;
  bool timed_out = false;
  Output out, err;
  std::shared_ptr<Impl> self;

  explicit Impl(Loop& l) : loop(l) {}

  // Until we reap it, its pid, dead or alive, names its group and nobody else's.
  void kill_group() {
    if (self) ::kill(-child.pid, SIGKILL);
  }

  void watch(Output& output, Fd fd, Stream stream, const ProcessSpec& spec) {
    output.fd = std::move(fd);
    output.max_bytes = spec.max_output_bytes;
    if (spec.on_line) {
      output.lines.emplace(spec.max_line_bytes, [this, stream, call = spec.on_line](auto line) {
        if (done) call(stream, line);
      });
    }
    auto poll = Poll::open(loop, output.fd.get(), [this, &output](int) {
      const auto keep = shared_from_this();
      output.read(kChunksPerTurn);
    });
    BANGER_ASSERT(poll);  // a fresh pipe can always be polled
    output.poll.emplace(std::move(*poll));
    output.poll->set(kReadable);
  }

  Status start(ProcessSpec spec);
  void exited();
};

Status Process::Impl::start(ProcessSpec spec) {
  Fd input;
  if (!spec.stdin_bytes.empty()) {
    auto file = file_of(spec.stdin_bytes);
    if (!file) return std::unexpected(std::move(file).error());
    input = std::move(*file);
  }
  int out_pipe[2], err_pipe[2];
  if (::pipe2(out_pipe, O_CLOEXEC) != 0) return fail_errno("pipe", errno);
  Fd out_read(out_pipe[0]), out_write(out_pipe[1]);
  if (::pipe2(err_pipe, O_CLOEXEC) != 0) return fail_errno("pipe", errno);
  Fd err_read(err_pipe[0]), err_write(err_pipe[1]);

  auto spawned = spawn({.argv = spec.argv,
                        .env = std::move(spec.env),
                        .cwd = std::move(spec.cwd),
                        .stdin_fd = input.get(),
                        .stdout_fd = out_write.get(),
                        .stderr_fd = err_write.get()});
  if (!spawned) return std::unexpected(std::move(spawned).error());
  child = std::move(*spawned);
  self = shared_from_this();
  loop.add_lingering(1);
  watch(out, std::move(out_read), Stream::kOut, spec);
  watch(err, std::move(err_read), Stream::kErr, spec);
  auto poll = Poll::open(loop, child.pidfd.get(), [this](int) { exited(); });
  BANGER_ASSERT(poll);
  exit.emplace(std::move(*poll));
  exit->set(kReadable);
  if (spec.timeout_ms > 0) {
    deadline.emplace(loop, [this] {
      timed_out = true;
      kill_group();
    });
    deadline->start_once(spec.timeout_ms);
  }
  return {};
}

void Process::Impl::exited() {
  kill_group();  // what it left behind, while its unreaped pid still guards the group's number
  const auto status = reap(child.pidfd.get());
  BANGER_ASSERT(status);
  if (!status->has_value()) return;
  const auto keep = std::move(self);  // from here on nobody signals that pid any more
  for (Output* output : {&out, &err}) {
    output->read(kChunksAtTheEnd);
    output->close();
    if (output->lines) output->lines->finish();
  }
  exit.reset();
  deadline.reset();
  loop.add_lingering(-1);
  if (const Done call = std::exchange(done, nullptr)) {
    call({**status, timed_out, std::move(out.kept), std::move(err.kept), out.truncated,
          err.truncated});
  }
}

Result<Process> Process::start(Loop& loop, ProcessSpec spec, Done done) {
  auto impl = std::make_shared<Impl>(loop);
  impl->done = std::move(done);
  BANGER_TRY(impl->start(std::move(spec)));
  return Process(std::move(impl));
}

Process::Process(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Process::Process(Process&&) noexcept = default;

Process& Process::operator=(Process&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

Process::~Process() {
  if (!impl_) return;
  impl_->done = nullptr;
  impl_->kill_group();
}

void Process::kill() {
  impl_->kill_group();
}

}  // namespace banger::uv
