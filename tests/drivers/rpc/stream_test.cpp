#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/rpc/kj_loop.h"
#include "drivers/rpc/promise.h"
#include "drivers/rpc/uv_stream.h"
#include "drivers/uv/timer.h"
#include "tests/drivers/rpc/fixture.h"

using namespace banger;
using namespace banger::rpc;
using banger::rpc::test::open_fds;

namespace {

struct Pair {
  kj::Own<UvStream> ours;
  Fd theirs;  // non-blocking
  explicit Pair(uv::Loop& loop) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    auto stream = UvStream::open(loop, Fd(ends[0]));
    REQUIRE(stream);
    ours = kj::mv(*stream);
    theirs.reset(ends[1]);
  }
};

// Runs the loop until `promise` is settled; gives the words of its failure.
std::string settle(uv::Loop& loop, kj::Promise<void> promise) {
  std::string words;
  auto watched = promise
                     .then([&] { loop.stop(); },
                           [&](kj::Exception&& e) {
                             words = to_error(e).message;
                             loop.stop();
                           })
                     .eagerlyEvaluate(nullptr);
  bool late = false;
  uv::Timer limit(loop, [&] {
    late = true;
    loop.stop();
  });
  limit.start_once(60'000);
  loop.run();
  REQUIRE_FALSE(late);
  return words;
}

}  // namespace

TEST_CASE("a read waits for its least and takes no more than its most") {
  uv::Loop loop;
  KjLoop kj_loop(loop);
  Pair pair(loop);
  char buffer[8] = {};
  size_t got = 0;
  auto read = pair.ours->tryRead(buffer, 4, 6).then([&](size_t n) { got = n; });
  REQUIRE(::write(pair.theirs.get(), "ab", 2) == 2);
  loop.drain();
  CHECK(got == 0);
  REQUIRE(::write(pair.theirs.get(), "cdefgh", 6) == 6);
  CHECK(settle(loop, kj::mv(read)).empty());
  CHECK(got == 6);
  CHECK(std::string_view(buffer) == "abcdef");
  pair.theirs.reset();
  CHECK(settle(loop, pair.ours->tryRead(buffer, 4, 8).then([&](size_t n) { got = n; })).empty());
  CHECK(got == 2);  // the end came before the least did
}

TEST_CASE("a dropped read leaves its buffer alone, and the bytes to the next one") {
  uv::Loop loop;
  KjLoop kj_loop(loop);
  Pair pair(loop);
  {
    auto buffer = kj::heapArray<char>(16);
    auto dropped = pair.ours->tryRead(buffer.begin(), 1, 16);
  }  // ASan sees whoever writes there now
  REQUIRE(::write(pair.theirs.get(), "x", 1) == 1);
  loop.drain();
  char byte = 0;
  CHECK(settle(loop, pair.ours->tryRead(&byte, 1, 1).ignoreResult()).empty());
  CHECK(byte == 'x');
}

TEST_CASE("a large write goes on as the other end reads, in order, from many pieces") {
  uv::Loop loop;
  KjLoop kj_loop(loop);
  Pair pair(loop);
  std::string data(3 << 20, '\0');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7 + i / 4099);
  std::vector<kj::ArrayPtr<const kj::byte>> pieces;
  const auto* bytes = reinterpret_cast<const kj::byte*>(data.data());
  for (size_t at = 0; at < data.size(); at += 1000) {  // more than IOV_MAX of them
    pieces.push_back({bytes + at, std::min<size_t>(1000, data.size() - at)});
    pieces.push_back({bytes, size_t{0}});
  }
  std::string got;
  auto reader = uv::Poll::open(loop, pair.theirs.get(), [&](int) {
    char buffer[50'000];
    const ssize_t n = ::read(pair.theirs.get(), buffer, sizeof buffer);
    if (n > 0) got.append(buffer, static_cast<size_t>(n));
    if (got.size() == data.size()) loop.stop();
  });
  REQUIRE(reader);
  auto written =
      pair.ours->write(kj::arrayPtr(pieces.data(), pieces.size())).eagerlyEvaluate(nullptr);
  reader->set(uv::kReadable);
  loop.run();
  CHECK(got == data);
  CHECK(settle(loop, kj::mv(written)).empty());
}

TEST_CASE("a dropped write is not sent later") {
  uv::Loop loop;
  KjLoop kj_loop(loop);
  Pair pair(loop);
  {
    auto data = kj::heapArray<kj::byte>(4 << 20);
    memset(data.begin(), 'a', data.size());
    auto dropped = pair.ours->write(data.begin(), data.size());
  }
  std::vector<char> buffer(1 << 20);
  while (::read(pair.theirs.get(), buffer.data(), buffer.size()) > 0) continue;
  loop.drain();
  CHECK(::read(pair.theirs.get(), buffer.data(), buffer.size()) < 0);
}

TEST_CASE("writing to a peer that has gone is a disconnection, not a signal") {
  uv::Loop loop;
  KjLoop kj_loop(loop);
  Pair pair(loop);
  pair.theirs.reset();
  auto type = kj::Exception::Type::FAILED;
  auto write = pair.ours->write("x", 1).catch_([&](kj::Exception&& e) { type = e.getType(); });
  CHECK(settle(loop, kj::mv(write)).empty());
  CHECK(type == kj::Exception::Type::DISCONNECTED);
}

TEST_CASE("a pending read ends with a reset connection") {
  uv::Loop loop;
  KjLoop kj_loop(loop);
  Pair pair(loop);
  char byte;
  REQUIRE(::write(pair.theirs.get(), "x", 1) == 1);
  CHECK(settle(loop, pair.ours->tryRead(&byte, 1, 1).ignoreResult()).empty());
  CHECK(settle(loop, pair.ours->write("unread", 6)).empty());
  auto read = pair.ours->tryRead(&byte, 1, 1).ignoreResult();
  pair.theirs.reset();
  CHECK_FALSE(settle(loop, kj::mv(read)).empty());
}

TEST_CASE("descriptors travel with bytes, close-on-exec; what exceeds the room is closed") {
  const size_t before = open_fds();
  {
    uv::Loop loop;
    KjLoop kj_loop(loop);
    Pair pair(loop);
    auto other = UvStream::open(loop, std::move(pair.theirs));
    REQUIRE(other);
    const Fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const int fds[3] = {file.get(), file.get(), file.get()};
    const size_t sent = open_fds();
    for (const size_t room : {0, 1, 2, 3, 8}) {
      const auto* data = reinterpret_cast<const kj::byte*>("hello");
      CHECK(settle(loop, pair.ours->writeWithFds(kj::arrayPtr(data, 5), nullptr, fds)).empty());
      kj::AutoCloseFd got[8];
      char text[8];
      UvStream::ReadResult result{};
      CHECK(settle(loop, (*other)->tryReadWithFds(text, 5, 8, got, room).then([&](auto r) {
              result = r;
            })).empty());
      CHECK(result.byteCount == 5);
      CHECK(result.capCount == std::min<size_t>(room, 3));
      for (size_t i = 0; i < result.capCount; ++i) {
        CHECK((::fcntl(got[i].get(), F_GETFD) & FD_CLOEXEC) != 0);
      }
      CHECK(open_fds() == sent + result.capCount);
    }
  }
  CHECK(open_fds() == before);
}

TEST_CASE("a long chain of KJ events lets the loop's timers run in between") {
  uv::Loop loop;
  KjLoop kj_loop(loop);
  bool fired = false;
  uv::Timer timer(loop, [&] { fired = true; });
  std::function<kj::Promise<void>()> spin = [&]() -> kj::Promise<void> {
    if (fired) return kj::READY_NOW;
    return kj::evalLater([&] { return spin(); });
  };
  timer.start_once(5);
  CHECK(settle(loop, spin()).empty());
  CHECK(fired);
}

TEST_CASE("a pending answer is settled once, from a Result, or fails when nobody will give it") {
  uv::Loop loop;
  KjLoop kj_loop(loop);
  auto given = make_pending<int>();
  int got = 0;
  given.fulfiller.settle(7);
  CHECK_FALSE(given.fulfiller.wanted());
  given.fulfiller.settle(8);
  CHECK(settle(loop, given.promise.then([&](int value) { got = value; })).empty());
  CHECK(got == 7);

  auto failed = make_pending<void>();
  failed.fulfiller.settle(banger::fail("disk full"));
  CHECK(settle(loop, kj::mv(failed.promise)) == "disk full");

  auto dropped = [] { return make_pending<void>().promise.attach(0); }();
  CHECK_FALSE(settle(loop, kj::mv(dropped)).empty());

  const auto late = make_pending<int>().fulfiller;
  CHECK_FALSE(late.wanted());
  late.fulfill(1);
}
