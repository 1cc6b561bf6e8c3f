// Abuse: many clients of one daemon that behave badly, each in one of several ways, over raw sockets. A test or a benchmark
// connects them, and then has round() again and again beside what it looks at. Not more than it is told: so many
// connections, a few hundred bytes of each a round.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/uv/fd.h"
#include "tests/support/person.h"

namespace banger::test {

class Abuse {
 public:
  // They connect in the first round.
  Abuse(std::string socket, Person person, std::size_t connections);

  // Each does what it is about once more; whoever was closed comes again.
  void round();

 private:
  struct Client {
    Fd socket;
    std::uint32_t done = 0;  // rounds of this connection
  };
  void step(std::size_t number, Client& client);
  void send(Client& client, std::string_view bytes);

  const std::string socket_;
  const Person person_;
  std::vector<Client> clients_;
};

}  // namespace banger::test
