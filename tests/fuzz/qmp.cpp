// What a QEMU says on its QMP socket. It is understood in the same way however it is cut, and a client of it comes
// back from every call.
#include "drivers/vmm/qmp_client.h"

#include <vector>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/peer.h"

namespace banger::fuzz {
namespace {

constexpr vmm::QmpClient::Duration kLimit{60'000};  // never reached: what was said has an end

// All messages, up to the first that none should be; taken as they come.
std::vector<vmm::QmpMessage> understood(std::string_view bytes, std::size_t piece) {
  vmm::QmpParser parser;
  std::vector<vmm::QmpMessage> messages;
  for (bool good = true; good && !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    good = parser.feed(bytes.substr(0, piece)).has_value();
    while (auto message = parser.next()) messages.push_back(*std::move(message));
  }
  return messages;
}

}  // namespace

void fuzz_one(std::string_view bytes) {
  const auto messages = understood(bytes, 1);
  BANGER_ASSERT(understood(bytes, 7) == messages);
  if (messages.size() < vmm::QmpParser::kMaxWaiting) BANGER_ASSERT(understood(bytes, bytes.size()) == messages);
  static Peer peer;
  peer.say(bytes);
  auto client = vmm::QmpClient::connect(peer.path(), kLimit);
  if (!client) return;
  (void)client->query_status(kLimit);
  (void)client->await_shutdown(kLimit);
}

}  // namespace banger::fuzz
