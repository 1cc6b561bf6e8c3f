// What a Firecracker answers: bytes that begin like HTTP are the whole of an answer, others a good answer's body.
#include "drivers/vmm/firecracker/api_client.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/peer.h"

namespace banger::fuzz {
namespace {

namespace fc = vmm::firecracker;

constexpr fc::Duration kLimit{60'000};  // never reached: what was said has an end

std::string answer_with(std::string_view status, std::string_view body) {
  return "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

void check(const std::string& socket) {
  const auto info = fc::instance_info(socket, kLimit);
  if (!info) {
    BANGER_ASSERT(info.error().sys_errno == EPROTO || info.error().sys_errno == EINVAL);
    for (const unsigned char c : info.error().message) BANGER_ASSERT(c >= ' ' && c != 0x7f);
  }
}

}  // namespace

void fuzz_one(std::string_view bytes) {
  static Peer peer;
  if (bytes.starts_with("HTTP/")) {
    peer.say(bytes);
    return check(peer.path());
  }
  peer.say(answer_with("200 OK", bytes));
  check(peer.path());
  (void)fc::version(peer.path(), kLimit);
  peer.say(answer_with("400 Bad Request", bytes));
  check(peer.path());
}

}  // namespace banger::fuzz
