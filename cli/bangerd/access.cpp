#include "cli/bangerd/access.h"

#include <grp.h>
#include <unistd.h>

#include <charconv>
#include <vector>

namespace banger::bangerd {
namespace {

constexpr std::size_t kMaxEntryBytes = 1 << 20;  // of a group with very many members

Result<gid_t> number_of(const std::string& key, const std::string& name) {
  gid_t number = 0;
  const char* end = name.data() + name.size();
  if (const auto read = std::from_chars(name.data(), end, number); read.ec == std::errc() && read.ptr == end) {
    return number;
  }
  group entry{};
  group* found = nullptr;
  std::vector<char> buffer(kMaxEntryBytes);
  const int failed = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (failed != 0) return fail_errno(key + ": look up the group " + name, failed);
  if (!found) return fail(key + ": there is no group " + name);
  return found->gr_gid;
}

Status take(const std::string& key, const std::string& name, std::optional<gid_t>& group) {
  if (name.empty()) return {};
  const auto number = number_of(key, name);
  if (!number) return std::unexpected(number.error());
  group = *number;
  return {};
}

}  // namespace

Result<rpc::Access> access_of(const Config& config) {
  rpc::Access access{.owner = ::geteuid()};
  BANGER_TRY(take("access.operators", config.operators, access.operators));
  BANGER_TRY(take("access.readers", config.readers, access.readers));
  return access;
}

}  // namespace banger::bangerd
