#include "drivers/rpc/uv_stream.h"

#include <kj/debug.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "events/assert.h"

namespace banger::rpc {
namespace {

constexpr size_t kMaxFds = 253;      // SCM_MAX_FD, unix(7)
constexpr size_t kMaxPieces = 1024;  // IOV_MAX

[[noreturn]] void throw_errno(const char* call, int error) {
  const bool gone = error == EPIPE || error == ECONNRESET || error == ENOTCONN;
  kj::throwFatalException(
      kj::Exception(gone ? kj::Exception::Type::DISCONNECTED : kj::Exception::Type::FAILED,
                    __FILE__, __LINE__, kj::str(call, ": ", std::strerror(error))));
}

union ControlBuffer {
  cmsghdr align;
  std::array<char, CMSG_SPACE(sizeof(int) * kMaxFds)> bytes;
};

}  // namespace

struct UvStream::Read {
  kj::byte* buffer;
  size_t min, max;
  kj::AutoCloseFd* fds;
  size_t max_fds;
  ReadResult got{0, 0};

  // What exceeds our room was closed by the kernel, or is closed here where padding let it in.
  void take_fds(msghdr& message) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
      const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count; ++i) {
        int fd;
        std::memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
        kj::AutoCloseFd owned(fd);
        if (got.capCount < max_fds) fds[got.capCount++] = kj::mv(owned);
      }
    }
  }
};

struct UvStream::Write {
  std::vector<iovec> pieces;  // none of them empty
  size_t next = 0;
  std::vector<int> fds;  // go with the first byte

  void add(kj::ArrayPtr<const kj::byte> piece) {
    if (piece.size() > 0) pieces.push_back({const_cast<kj::byte*>(piece.begin()), piece.size()});
  }
  void advance(size_t sent) {
    fds.clear();
    while (sent > 0) {
      iovec& piece = pieces[next];
      const size_t part = std::min(sent, piece.iov_len);
      piece = {static_cast<char*>(piece.iov_base) + part, piece.iov_len - part};
      sent -= part;
      if (piece.iov_len == 0) ++next;
    }
  }
};

// A pending operation; destroying the promise that owns it takes it back.
class UvStream::ReadWait {
 public:
  ReadWait(kj::PromiseFulfiller<ReadResult>& fulfiller, UvStream& stream, Read read)
      : fulfiller_(fulfiller), stream_(stream), read_(read) {
    BANGER_ASSERT(stream.reader_ == nullptr);
    stream.reader_ = this;
    stream.want(uv::kReadable);
  }
  ~ReadWait() { finish(); }
  KJ_DISALLOW_COPY(ReadWait);

  void attempt() {
    bool done = true;
    fulfiller_.rejectIfThrows([&] {
      done = stream_.step(read_);
      if (done) fulfiller_.fulfill(kj::cp(read_.got));
    });
    if (done) finish();
  }

 private:
  void finish() {
    if (stream_.reader_ == this) stream_.reader_ = nullptr;
  }
  kj::PromiseFulfiller<ReadResult>& fulfiller_;
  UvStream& stream_;
  Read read_;
};

class UvStream::WriteWait {
 public:
  WriteWait(kj::PromiseFulfiller<void>& fulfiller, UvStream& stream, Write write)
      : fulfiller_(fulfiller), stream_(stream), write_(std::move(write)) {
    BANGER_ASSERT(stream.writer_ == nullptr);
    stream.writer_ = this;
    stream.want(uv::kWritable);
  }
  ~WriteWait() { finish(); }
  KJ_DISALLOW_COPY(WriteWait);

  void attempt() {
    bool done = true;
    fulfiller_.rejectIfThrows([&] {
      done = stream_.step(write_);
      if (done) fulfiller_.fulfill();
    });
    if (done) finish();
  }

 private:
  void finish() {
    if (stream_.writer_ == this) stream_.writer_ = nullptr;
  }
  kj::PromiseFulfiller<void>& fulfiller_;
  UvStream& stream_;
  Write write_;
};

UvStream::UvStream(Fd socket) : fd_(std::move(socket)) {}

Result<kj::Own<UvStream>> UvStream::open(uv::Loop& loop, Fd socket) {
  auto stream = kj::heap<UvStream>(std::move(socket));
  auto poll = uv::Poll::open(loop, stream->fd_.get(),
                             [self = stream.get()](int events) { self->ready(events); });
  if (!poll) return std::unexpected(std::move(poll).error());
  stream->poll_.emplace(std::move(*poll));
  return stream;
}

void UvStream::want(int events) {
  poll_->set(poll_->events() | events);
}

// What fires with nobody waiting is disarmed only here: mostly the next read comes before the next
// bytes do, and finds the poll still armed, without a system call.
void UvStream::ready(int events) {
  int idle = 0;
  if ((events & uv::kReadable) != 0) reader_ ? reader_->attempt() : void(idle |= uv::kReadable);
  if ((events & uv::kWritable) != 0) writer_ ? writer_->attempt() : void(idle |= uv::kWritable);
  const int waiting = (reader_ ? uv::kReadable : 0) | (writer_ ? uv::kWritable : 0);
  poll_->set((poll_->events() & ~idle) | waiting);
}

bool UvStream::step(Read& read) {
  ControlBuffer control;
  while (read.got.byteCount < read.min) {
    iovec piece{read.buffer + read.got.byteCount, read.max - read.got.byteCount};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (const size_t room = std::min(kMaxFds, read.max_fds - read.got.capCount); room > 0) {
      message.msg_control = control.bytes.data();
      message.msg_controllen = CMSG_SPACE(sizeof(int) * room);
    }
    const ssize_t n = ::recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return false;
    if (n < 0) throw_errno("recvmsg", errno);
    read.take_fds(message);
    if (n == 0) return true;
    bytes_read_ += static_cast<uint64_t>(n);
    read.got.byteCount += static_cast<size_t>(n);
  }
  return true;
}

bool UvStream::step(Write& write) {
  ControlBuffer control;
  while (write.next < write.pieces.size()) {
    msghdr message{};
    message.msg_iov = write.pieces.data() + write.next;
    message.msg_iovlen = std::min(kMaxPieces, write.pieces.size() - write.next);
    if (!write.fds.empty()) {
      const size_t size = write.fds.size() * sizeof(int);
      std::memset(&control, 0, sizeof control);
      message.msg_control = control.bytes.data();
      message.msg_controllen = CMSG_SPACE(size);
      control.align = {CMSG_LEN(size), SOL_SOCKET, SCM_RIGHTS};
      std::memcpy(CMSG_DATA(&control.align), write.fds.data(), size);
    }
    const ssize_t n = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return false;
    if (n < 0) throw_errno("sendmsg", errno);
    write.advance(static_cast<size_t>(n));
  }
  return true;
}

kj::Promise<kj::AsyncCapabilityStream::ReadResult> UvStream::tryReadWithFds(void* buffer,
                                                                            size_t min, size_t max,
                                                                            kj::AutoCloseFd* fds,
                                                                            size_t max_fds) {
  Read read{static_cast<kj::byte*>(buffer), std::max<size_t>(min, 1), max, fds, max_fds};
  return kj::evalNow([&]() -> kj::Promise<ReadResult> {
    if (max == 0 || step(read)) return read.got;
    return kj::newAdaptedPromise<ReadResult, ReadWait>(*this, read);
  });
}

kj::Promise<size_t> UvStream::tryRead(void* buffer, size_t min, size_t max) {
  return tryReadWithFds(buffer, min, max, nullptr, 0).then([](ReadResult r) {
    return r.byteCount;
  });
}

kj::Promise<void> UvStream::start(Write write) {
  return kj::evalNow([&]() -> kj::Promise<void> {
    KJ_REQUIRE(write.fds.size() <= kMaxFds, "too many descriptors in one message");
    if (step(write)) return kj::READY_NOW;
    return kj::newAdaptedPromise<void, WriteWait>(*this, std::move(write));
  });
}

kj::Promise<void> UvStream::write(const void* buffer, size_t size) {
  return writeWithFds({static_cast<const kj::byte*>(buffer), size}, nullptr, nullptr);
}

kj::Promise<void> UvStream::write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) {
  return writeWithFds(nullptr, pieces, nullptr);
}

kj::Promise<void> UvStream::writeWithFds(kj::ArrayPtr<const kj::byte> data,
                                         kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> more,
                                         kj::ArrayPtr<const int> fds) {
  Write write;
  write.pieces.reserve(more.size() + 1);
  write.add(data);
  for (const auto& piece : more) write.add(piece);
  write.fds.assign(fds.begin(), fds.end());
  return start(std::move(write));
}

kj::Promise<void> UvStream::writeWithStreams(kj::ArrayPtr<const kj::byte>,
                                             kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>>,
                                             kj::Array<kj::Own<kj::AsyncCapabilityStream>>) {
  return KJ_EXCEPTION(UNIMPLEMENTED, "pass a descriptor instead of a stream");
}

kj::Promise<kj::AsyncCapabilityStream::ReadResult> UvStream::tryReadWithStreams(
    void*, size_t, size_t, kj::Own<kj::AsyncCapabilityStream>*, size_t) {
  return KJ_EXCEPTION(UNIMPLEMENTED, "pass a descriptor instead of a stream");
}

// Errors here mean that the connection is gone, which the next read says anyway.
void UvStream::shutdownWrite() {
  ::shutdown(fd_.get(), SHUT_WR);
}
void UvStream::abortRead() {
  ::shutdown(fd_.get(), SHUT_RD);
}

void UvStream::getsockopt(int level, int option, void* value, kj::uint* length) {
  socklen_t size = *length;
  if (::getsockopt(fd_.get(), level, option, value, &size) != 0) throw_errno("getsockopt", errno);
  *length = size;
}

}  // namespace banger::rpc
