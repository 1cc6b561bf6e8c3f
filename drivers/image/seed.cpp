#include "drivers/image/seed.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "drivers/host/durable.h"
#include "events/assert.h"

namespace banger::image {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kRecord = 20 * kBlock;  // tar's habit; also a whole number of sectors

// One ustar header (POSIX.1-1988), owner root, time 0.
void append_file(std::string& tar, std::string_view name, unsigned mode, std::string_view content) {
  std::array<char, kBlock> header{};
  BANGER_ASSERT(name.size() < 100);
  std::memcpy(header.data(), name.data(), name.size());
  std::snprintf(&header[100], 8, "%07o", mode);
  std::snprintf(&header[108], 8, "%07o", 0U);
  std::snprintf(&header[116], 8, "%07o", 0U);
  std::snprintf(&header[124], 12, "%011zo", content.size());
  std::snprintf(&header[136], 12, "%011o", 0U);
  std::memset(&header[148], ' ', 8);
  header[156] = '0';
  std::memcpy(&header[257], "ustar\00000", 8);
  unsigned sum = 0;
  for (char c : header) sum += static_cast<unsigned char>(c);
  std::snprintf(&header[148], 8, "%06o", sum);
  tar.append(header.data(), header.size());
  tar += content;
  tar.append((kBlock - content.size() % kBlock) % kBlock, '\0');
}

std::string line(const std::string& text) {
  return text.empty() || text.back() == '\n' ? text : text + '\n';
}

}  // namespace

std::string make_seed(const SeedSpec& spec) {
  std::string tar;
  append_file(tar, "hostname", 0644, line(spec.hostname));
  append_file(tar, "authorized_keys", 0600, line(spec.authorized_key));
  append_file(tar, "ssh_host_ed25519_key", 0600, line(spec.host_key_openssh));
  append_file(tar, "ssh_host_ed25519_key.pub", 0644, line(spec.host_key_public));
  append_file(tar, "dropbear_ed25519_host_key", 0600, spec.host_key_dropbear);
  tar.append(2 * kBlock, '\0');
  tar.append((kRecord - tar.size() % kRecord) % kRecord, '\0');
  return tar;
}

Status write_seed(const std::string& path, const SeedSpec& spec) {
  return host::write_file_durably(path, make_seed(spec), 0600);
}

}  // namespace banger::image
