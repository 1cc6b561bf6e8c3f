// Somebody who connects to a unix socket. Only root can do so as another than itself; anybody else's tests are visited by
// themselves.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace banger::test {

struct Person {
  uid_t uid;
  gid_t gid;
  std::vector<gid_t> groups;  // supplementary
};
[[nodiscard]] Person visitor();

// A connected socket; -1 with errno where it could not be.
[[nodiscard]] int connect_to(const std::string& path);
[[nodiscard]] int connect_as(const Person& person, const std::string& path);

}  // namespace banger::test
