// What the tests of the rules share: whose they are, plans, and nftables in another's hands.
#pragma once

#include <nftables/libnftables.h>

#include <stdexcept>
#include <string>

#include "drivers/network/nat.h"

namespace banger::network::test {

inline constexpr StoreId kStore{0x0123456789abcdef, 0xfedcba9876543210};
inline constexpr Ipv4 kWebAddress{0xac10'0002}, kDbAddress{0xac10'0003};

// nftables as somebody else would use it.
inline std::string nft(const std::string& commands) {
  nft_ctx* context = nft_ctx_new(NFT_CTX_DEFAULT);
  nft_ctx_buffer_output(context);
  nft_ctx_buffer_error(context);
  const int rc = nft_run_cmd_from_buffer(context, commands.c_str());
  const std::string said = rc == 0 ? nft_ctx_get_output_buffer(context) : nft_ctx_get_error_buffer(context);
  nft_ctx_free(context);
  if (rc != 0) throw std::runtime_error(said);
  return said;
}

inline Published publish(Ipv4 guest, std::string address, std::uint16_t port, std::uint16_t guest_port,
                         Protocol protocol = Protocol::kTcp) {
  return {guest, {.host_address = std::move(address), .host_port = port, .guest_port = guest_port, .protocol = protocol}};
}

}  // namespace banger::network::test
