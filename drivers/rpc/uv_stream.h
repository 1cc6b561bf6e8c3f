// UvStream: a connected unix socket as KJ's stream, able to pass descriptors (SCM_RIGHTS). It works
// by readiness: the system call is tried first, and the poll is armed on EAGAIN only, because a
// dropped promise frees its buffers at once and no pending libuv write may point to them.
// One read and one write at a time, as KJ asks; the stream outlives the promises that it gave.
#pragma once

#include <kj/async-io.h>
#include <kj/io.h>

#include <optional>

#include "drivers/uv/fd.h"
#include "drivers/uv/poll.h"
#include "events/result.h"

namespace banger::rpc {

class UvStream final : public kj::AsyncCapabilityStream {
 public:
  [[nodiscard]] static Result<kj::Own<UvStream>> open(uv::Loop& loop, Fd socket);
  explicit UvStream(Fd socket);  // for open() alone

  // All that ever arrived: how a connection tells a stalled message from a silent client.
  [[nodiscard]] uint64_t bytes_read() const { return bytes_read_; }

  kj::Promise<size_t> tryRead(void* buffer, size_t min, size_t max) override;
  kj::Promise<ReadResult> tryReadWithFds(void* buffer, size_t min, size_t max, kj::AutoCloseFd* fds,
                                         size_t max_fds) override;
  kj::Promise<void> write(const void* buffer, size_t size) override;
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override;
  kj::Promise<void> writeWithFds(kj::ArrayPtr<const kj::byte> data,
                                 kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> more,
                                 kj::ArrayPtr<const int> fds) override;
  // Not offered: a descriptor says as much as a stream, and needs no second kind of message.
  kj::Promise<void> writeWithStreams(kj::ArrayPtr<const kj::byte>,
                                     kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>>,
                                     kj::Array<kj::Own<kj::AsyncCapabilityStream>>) override;
  kj::Promise<ReadResult> tryReadWithStreams(void*, size_t, size_t,
                                             kj::Own<kj::AsyncCapabilityStream>*, size_t) override;
  // Never resolves: a lost peer shows in the read that every connection has pending.
  kj::Promise<void> whenWriteDisconnected() override { return kj::NEVER_DONE; }
  void shutdownWrite() override;
  void abortRead() override;
  kj::Maybe<int> getFd() const override { return fd_.get(); }
  void getsockopt(int level, int option, void* value, kj::uint* length) override;

 private:
  struct Read;
  struct Write;
  class ReadWait;
  class WriteWait;

  void want(int events);
  void ready(int events);
  bool step(Read& read);    // true: done, or failed (it throws)
  bool step(Write& write);  // the same
  kj::Promise<void> start(Write write);

  Fd fd_;  // closed after the poll on it
  uint64_t bytes_read_ = 0;
  ReadWait* reader_ = nullptr;
  WriteWait* writer_ = nullptr;
  std::optional<uv::Poll> poll_;
};

}  // namespace banger::rpc
