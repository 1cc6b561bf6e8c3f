#include "drivers/effects/vmm/pipe_log.h"

#include <unistd.h>

namespace banger::effects {
namespace {

constexpr std::uint64_t kPauseMs = 100;
// A bounded part each turn: a flooding guest slows its own console and nobody else.
constexpr int kReadsPerTurn = 4;

}  // namespace

Result<std::unique_ptr<PipeLog>> PipeLog::open(uv::Loop& loop, Fd reader, const std::string& file,
                                               std::uint64_t max_bytes,
                                               std::function<void(std::string_view)> heard) {
  auto log = vmm::CappedLog::open(file, max_bytes);
  if (!log) return std::unexpected(log.error());
  std::unique_ptr<PipeLog> made(new PipeLog(loop, std::move(reader), *std::move(log), std::move(heard)));
  auto poll = uv::Poll::open(loop, made->reader_.get(), [raw = made.get()](int) { raw->read(); });
  if (!poll) return std::unexpected(poll.error());
  made->poll_.emplace(std::move(*poll));
  made->poll_->set(uv::kReadable);
  return made;
}

PipeLog::PipeLog(uv::Loop& loop, Fd reader, vmm::CappedLog log, std::function<void(std::string_view)> heard)
    : reader_(std::move(reader)), log_(std::move(log)), heard_(std::move(heard)), pause_(loop, [this] {
        if (poll_) poll_->set(uv::kReadable);
      }) {}

void PipeLog::read() {
  char buffer[16384];
  for (int turn = 0; turn < kReadsPerTurn; ++turn) {
    ssize_t got = ::read(reader_.get(), buffer, sizeof buffer);
    if (got < 0) return;
    if (got == 0) {
      poll_->set(0);
      return pause_.start_once(kPauseMs);
    }
    const std::string_view bytes(buffer, static_cast<std::size_t>(got));
    (void)log_.append(bytes);  // a full disk loses what was said, not the VM
    if (heard_) heard_(bytes);
  }
}

}  // namespace banger::effects
