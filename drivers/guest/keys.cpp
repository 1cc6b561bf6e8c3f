#include "drivers/guest/keys.h"

#include <libssh/libssh.h>

#include <cstdint>
#include <cstdlib>
#include <memory>

#include "drivers/host/durable.h"

namespace banger::guest {
namespace {

using Key = std::unique_ptr<ssh_key_struct, decltype([](ssh_key key) { ssh_key_free(key); })>;
using CString = std::unique_ptr<char, decltype([](char* text) { ssh_string_free_char(text); })>;

std::string decode_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  uint32_t held = 0;
  int bits = 0;
  for (char c : text) {
    auto digit = kDigits.find(c);
    if (digit == std::string_view::npos) continue;  // line ends and padding
    held = (held << 6 | static_cast<uint32_t>(digit)) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>(held >> bits & 0xff);
    }
  }
  return bytes;
}

// Takes one length-prefixed string of ssh's wire form (RFC 4251, 5) off the front of `rest`.
bool take_string(std::string_view& rest, std::string_view& value) {
  if (rest.size() < 4) return false;
  uint32_t length = 0;
  for (int i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(rest[i]);
  if (rest.size() - 4 < length) return false;
  value = rest.substr(4, length);
  rest.remove_prefix(4 + length);
  return true;
}

std::string wire_string(std::string_view value) {
  auto length = static_cast<uint32_t>(value.size());
  std::string wire;
  for (int shift = 24; shift >= 0; shift -= 8) wire += static_cast<char>(length >> shift & 0xff);
  return wire.append(value);
}

// OpenSSH's container (PROTOCOL.key): magic, cipher, kdf, kdf options, count, public key, private
// part. The private part: two check words, type, public key, then the 64 bytes (seed, public) that
// dropbear keeps behind the type's name.
Result<std::string> to_dropbear(std::string_view openssh) {
  constexpr std::string_view kBegin = "-----BEGIN OPENSSH PRIVATE KEY-----";
  constexpr std::string_view kEnd = "-----END OPENSSH PRIVATE KEY-----";
  auto begin = openssh.find(kBegin);
  auto end = openssh.find(kEnd);
  if (begin != 0 || end == std::string_view::npos)
    return fail("libssh wrote an unknown key format");
  std::string blob = decode_base64(openssh.substr(kBegin.size(), end - kBegin.size()));

  constexpr std::string_view kMagic("openssh-key-v1\0", 15);
  std::string_view rest = blob;
  if (!rest.starts_with(kMagic)) return fail("libssh wrote an unknown key format");
  rest.remove_prefix(kMagic.size());
  std::string_view cipher, skipped, secret, type, pair;
  bool read = take_string(rest, cipher) && take_string(rest, skipped) &&
              take_string(rest, skipped) && rest.size() > 4;
  if (read) rest.remove_prefix(4);
  read = read && take_string(rest, skipped) && take_string(rest, secret) && secret.size() > 8;
  if (read) secret.remove_prefix(8);
  read = read && take_string(secret, type) && take_string(secret, skipped) &&
         take_string(secret, pair) && cipher == "none" && type == "ssh-ed25519" &&
         pair.size() == 64;
  if (!read) return fail("libssh wrote an unknown key format");
  return wire_string(type) + wire_string(pair);
}

}  // namespace

Result<KeyPair> make_key_pair(std::string_view comment) {
  ssh_key made = nullptr;
  if (ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &made) != SSH_OK) {
    return fail("cannot make an ed25519 key");
  }
  Key key(made);
  char* text = nullptr;
  if (ssh_pki_export_privkey_base64(key.get(), nullptr, nullptr, nullptr, &text) != SSH_OK) {
    return fail("cannot write an ed25519 private key");
  }
  CString secret(text);
  text = nullptr;
  if (ssh_pki_export_pubkey_base64(key.get(), &text) != SSH_OK) {
    return fail("cannot write an ed25519 public key");
  }
  CString open(text);
  auto dropbear = to_dropbear(secret.get());
  if (!dropbear) return std::unexpected(std::move(dropbear).error());
  std::string line = std::string("ssh-ed25519 ") + open.get();
  if (!comment.empty()) line.append(" ").append(comment);
  return KeyPair{secret.get(), *std::move(dropbear), std::move(line)};
}

Status write_private_file(const std::string& path, std::string_view bytes) {
  return host::write_file_durably(path, bytes, 0600);
}

}  // namespace banger::guest
