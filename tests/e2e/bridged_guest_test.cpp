// Two really booted guests on one bridge, a world outside of it, and names: what a user of --net bridge relies on.
#include <filesystem>

#include "tests/catch.h"
#include "tests/drivers/network/guest.h"
#include "tests/drivers/network/nat_support.h"
#include "tests/e2e/own_network.h"
#include "tests/e2e/sandbox.h"

namespace banger::e2e {
namespace {

using network::test::Namespace;
using network::test::sh;

std::string exec(const Sandbox& banger, const std::string& vm, const std::string& line) {
  const Ran ran = banger.ctl({"vm", "exec", vm, "--", "sh", "-c", line});
  INFO(vm << ": " << line << ": " << ran.err);
  REQUIRE(ran.code == 0);
  return ran.out;
}

// What `vm` gets from the web server of db, or "cut off".
std::string fetch_db(const Sandbox& banger, const std::string& vm) {
  return exec(banger, vm, "timeout 5 busybox wget -q -O - http://db.vm/ || echo cut off");
}

}  // namespace

TEST_CASE("two guests on a bridge: names, isolation, NAT and a published port") {
  enter_own_network();
  // The world: 10.9.0.2, reached by a link of this host.
  const Namespace world;
  sh("ip link add up0 type veth peer name eth0 netns " + world.path() +
     "; ip addr add 10.9.0.1/24 dev up0; ip link set up0 up");
  world.run([] { sh("ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up"); });

  Sandbox banger("tick_ms = 1000\ndisk = \"qcow2\"\n[network]\nresolver_port = 53\n[vmm]\naccel = \"tcg\"\n");
  REQUIRE(banger.ctl({"image", "build", "tiny"}).code == 0);
  for (const auto& [name, port] : {std::pair{"web", "10.9.0.1:8080:80"}, std::pair{"db", "127.0.0.1:8081:80"}}) {
    const Ran made = banger.ctl({"vm", "create", "--net", "bridge", "--memory", "512M", "-p", port, "--name", name});
    INFO(made.err);
    REQUIRE(made.code == 0);
  }
  for (const char* vm : {"web", "db"}) {
    exec(banger, vm, std::string("mkdir -p /srv; echo of ") + vm + " > /srv/index.html; busybox httpd -p 80 -h /srv");
  }

  // ssh by name, as a user's own OpenSSH does it.
  const std::string dir = banger.data() + "/vms/" + banger.json({"vm", "show", "web"}).at("id").get<std::string>();
  std::string key;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    if (entry.path().filename().string().find("client") != std::string::npos) key = entry.path();
  }
  CHECK(sh("ssh -F none -i " + key + " -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
           "-o LogLevel=ERROR root@web.vm cat /etc/hostname") == "web\n");

  // Isolated, until one of them is open.
  CHECK(exec(banger, "web", "busybox nslookup db.vm 172.16.0.1").find("172.16.0.3") != std::string::npos);
  CHECK(fetch_db(banger, "web") == "cut off\n");
  REQUIRE(banger.ctl({"vm", "set", "db", "--open", "yes"}).code == 0);
  CHECK(eventually([&] { return fetch_db(banger, "web") == "of db\n"; }));
  REQUIRE(banger.ctl({"vm", "set", "db", "--open", "no"}).code == 0);
  CHECK(eventually([&] { return fetch_db(banger, "web") == "cut off\n"; }));

  // NAT: the world sees the host's address.
  Fd listener;
  world.run([&] { listener = network::test::listen_at("10.9.0.2", 7000); });
  const pid_t asking = banger.begin({"vm", "exec", "web", "--", "sh", "-c", "busybox nc 10.9.0.2 7000 > /root/seen"}, "/dev/null");
  CHECK(network::test::serve_one(listener) == "10.9.0.1");
  CHECK(Sandbox::finish(asking) == 0);

  // Published on the host's address: the world reaches it. On the loopback: the host does.
  std::string page;
  world.run([&] { page = sh("busybox wget -q -O - http://10.9.0.1:8080/"); });
  CHECK(page == "of web\n");
  CHECK(sh("busybox wget -q -O - http://127.0.0.1:8081/") == "of db\n");

  for (const char* vm : {"web", "db"}) CHECK(banger.ctl({"vm", "rm", "-f", vm}).code == 0);
  CHECK(eventually([] { return network::test::nft("list tables") + sh("ip -o link show type bridge; ip -o link show type tun") == ""; }));
  CHECK(banger.leave() == "");
}

}  // namespace banger::e2e
