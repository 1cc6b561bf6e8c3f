// The seed disk: what makes a guest this VM and no other, as a plain tar on a second, read-only
// disk. The guest unpacks it into a tmpfs at every boot (recipes/guest/boot), so images hold no
// identity and no key. Made by the daemon when it creates a VM; works for any VMM that has a second
// disk. Holds a private key: 0600.
#pragma once

#include <string>

#include "events/result.h"

namespace banger::image {

struct SeedSpec {
  std::string hostname;
  std::string authorized_key;     // one public key line: who may log in as root
  std::string host_key_openssh;   // private, in OpenSSH's form
  std::string host_key_dropbear;  // the same key in dropbear's form
  std::string host_key_public;    // its public line
};

// The bytes of the disk: a ustar archive, the same bytes for the same spec.
[[nodiscard]] std::string make_seed(const SeedSpec& spec);

// Whole and durable, mode 0600.
[[nodiscard]] Status write_seed(const std::string& path, const SeedSpec& spec);

}  // namespace banger::image
