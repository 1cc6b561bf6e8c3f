#include "tests/support/abuse.h"

#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <functional>

#include "schemas/control.capnp.h"

namespace banger::test {
namespace {

using capnp::rpc::Message;

constexpr std::uint32_t kCallsARound = 20;
constexpr int kDepth = 1000;
// Method numbers of schemas/control.capnp.
constexpr std::uint16_t kHello = 0, kSubmit = 1, kAwaitStream = 5, kFollow = 10;

std::string framed(const std::function<void(Message::Builder)>& fill) {
  capnp::MallocMessageBuilder message;
  fill(message.initRoot<Message>());
  const auto flat = capnp::messageToFlatArray(message);
  const auto bytes = flat.asChars();
  return {bytes.begin(), bytes.size()};
}

std::string bootstrap() {
  return framed([](Message::Builder message) { message.initBootstrap().setQuestionId(0); });
}

// Of what bootstrap() will give.
std::string call(std::uint32_t question, std::uint16_t method,
                 const std::function<void(capnp::rpc::Payload::Builder)>& fill) {
  return framed([&](Message::Builder message) {
    auto call = message.initCall();
    call.setQuestionId(question);
    call.initTarget().initPromisedAnswer().setQuestionId(0);
    call.setInterfaceId(capnp::typeId<schema::Control>());
    call.setMethodId(method);
    fill(call.initParams());
  });
}

std::string finish(std::uint32_t question) {
  return framed([&](Message::Builder message) { message.initFinish().setQuestionId(question); });
}

std::string greeting() {
  return bootstrap() + call(1, kHello, [](auto payload) {
           payload.getContent().template initAs<schema::Control::HelloParams>().setClient("abuse");
         });
}

std::string wait_for_nothing(std::uint32_t question) {
  return call(question, kAwaitStream, [](auto payload) {
    auto params = payload.getContent().template initAs<schema::Control::AwaitStreamParams>();
    params.setStreamKind(3);
    params.setAfterSequence(~0ull);
    params.setTimeoutMs(600'000);
  });
}

std::string follow() {
  return call(2, kFollow, [](auto payload) {
    payload.initCapTable(1)[0].setSenderHosted(0);
    capnp::BuilderCapabilityTable capabilities;
    auto params = capabilities.imbue(payload.getContent()).template initAs<schema::Control::FollowParams>();
    params.setSink(schema::EventSink::Client(capnp::newBrokenCap("only its number is sent")));
  });
}

// An intent that is pointers to pointers to pointers.
std::string nested(std::uint32_t question) {
  return call(question, kSubmit, [](auto payload) {
    auto place = payload.getContent();
    for (int i = 0; i < kDepth; ++i) place = place.initAsAnyStruct(0, 2).getPointerSection()[1];
  });
}

constexpr std::array<char, 8> kClaim = {0, 0, 0, 0, '\xff', '\xff', '\xff', '\x7f'};  // a segment of 16 GiB
constexpr std::array<char, 8> kSlow = {0, 0, 0, 0, '\x80', '\0', '\0', '\0'};         // one of 1 KiB

// What one of these sends in a round.
std::string mute(std::uint32_t) { return {}; }
std::string drip(std::uint32_t round) { return {round < kSlow.size() ? kSlow.at(round) : 'x'}; }
std::string claim(std::uint32_t) { return {kClaim.begin(), kClaim.end()}; }
std::string follow_deaf(std::uint32_t round) { return round == 0 ? greeting() + follow() : ""; }
std::string ask_without_end(std::uint32_t round) {
  std::string all = round == 0 ? greeting() : "";
  for (std::uint32_t i = 0; i < kCallsARound; ++i) all += wait_for_nothing(2 + round * kCallsARound + i);
  return all;
}
std::string cancel(std::uint32_t round) {
  std::string all = round == 0 ? greeting() : "";
  for (std::uint32_t i = 0; i < kCallsARound; ++i) all += wait_for_nothing(2 + i) + finish(2 + i);
  return all;
}
std::string nest(std::uint32_t round) { return (round == 0 ? greeting() : "") + nested(2 + round); }

constexpr std::array kWays = {mute, drip, claim, follow_deaf, ask_without_end, cancel, nest};

}  // namespace

Abuse::Abuse(std::string socket, Person person, std::size_t connections)
    : socket_(std::move(socket)), person_(std::move(person)), clients_(connections) {}

void Abuse::round() {
  for (std::size_t i = 0; i < clients_.size(); ++i) step(i, clients_[i]);
}

void Abuse::step(std::size_t number, Client& client) {
  if (!client.socket) {
    client = {Fd(connect_as(person_, socket_)), 0};
    if (!client.socket) return;
  }
  send(client, kWays.at(number % kWays.size())(client.done++));
}

// What does not fit is left out: nobody here waits for the daemon.
void Abuse::send(Client& client, std::string_view bytes) {
  char gone = 0;
  const ssize_t peeked = ::recv(client.socket.get(), &gone, 1, MSG_PEEK | MSG_DONTWAIT);
  const bool closed = peeked == 0 || (peeked < 0 && errno != EAGAIN);
  if (closed) return client.socket.reset();
  if (!bytes.empty() && ::send(client.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
      errno != EAGAIN) {
    client.socket.reset();
  }
}

}  // namespace banger::test
