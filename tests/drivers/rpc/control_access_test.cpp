// Who may call what: every method of the interfaces, as every role, over a real socket; and the document's table.
#include "drivers/rpc/control_access.h"

#include <capnp/schema.h>

#include <fstream>
#include <map>

#include "tests/drivers/rpc/control_fixture.h"

using namespace banger;
using namespace banger::rpc;
using namespace banger::rpc::test;

namespace {

constexpr Role kRoles[] = {Role::kNone, Role::kReader, Role::kOperator, Role::kOwner};
const std::string kNotPermitted = schema::NOT_PERMITTED->cStr();
constexpr gid_t kNobodys = 61'999;

// By which the visitor has this role. Somebody else's group is always let in, so that the socket is open to all.
Access access_giving(Role role, const Person& person) {
  const uid_t other = person.uid + 1;
  switch (role) {
    case Role::kNone: return {.owner = other, .readers = kNobodys};
    case Role::kReader: return {.owner = other, .operators = kNobodys, .readers = person.gid};
    case Role::kOperator: return {.owner = other, .operators = person.gid, .readers = kNobodys};
    case Role::kOwner: return {.owner = person.uid, .readers = kNobodys};
  }
  return {};
}

// With no parameters: it is the way to the method that is tried. What it fails with, if it fails before a later ping is
// answered; calls are taken in order, and whoever may not make one is told at once.
std::string words_of_call(Controlled& banger, capnp::Capability::Client target, std::uint64_t interface,
                          std::uint16_t method) {
  std::string words;
  auto call = target.typelessRequest(interface, method, nullptr)
                  .send()
                  .ignoreResult()
                  .catch_([&](const kj::Exception& exception) { words = to_error(exception).message; })
                  .eagerlyEvaluate(nullptr);
  banger.ping();
  return words;
}

std::string document() {
  std::ifstream in(BANGER_SOURCE_DIR "/docs/SECURITY.md");
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("every method of the interfaces has its role, under its name") {
  std::map<std::string, MethodAccess> known;
  for (const MethodAccess& each : method_access()) known.emplace(each.name, each);
  CHECK(known.size() == method_access().size());
  std::size_t methods = 0;
  const std::pair<std::string, capnp::InterfaceSchema> interfaces[] = {
      {"Control", capnp::Schema::from<schema::Control>()}, {"LogCare", capnp::Schema::from<schema::LogCare>()}};
  for (const auto& [name, interface] : interfaces) {
    for (const auto method : interface.getMethods()) {
      const std::string full = name + "." + method.getProto().getName().cStr();
      INFO(full);
      REQUIRE(known.contains(full));
      CHECK(known.at(full).interface == interface.getProto().getId());
      CHECK(known.at(full).method == method.getIndex());
      ++methods;
    }
  }
  CHECK(methods == known.size());
}

TEST_CASE("each role may call what the table says, and is told what else takes") {
  const Role role = GENERATE(Role::kReader, Role::kOperator, Role::kOwner);
  const Person person = visitor();
  for (const MethodAccess& each : method_access()) {
    INFO(name_of(role) << " calls " << each.name);
    Controlled banger(access_giving(role, person), person);  // for each call its own: some end nothing and hold a slot
    capnp::Capability::Client target = banger.control;
    if (each.name.starts_with("LogCare.")) target = banger.control.logCareRequest().send().getCare();
    const std::string words = words_of_call(banger, target, each.interface, each.method);
    CHECK(words.starts_with(kNotPermitted) == (role < each.least));
    if (role < each.least) {
      CHECK(words == kNotPermitted + std::string(each.name) + " takes " + std::string(name_of(each.least)) +
                         ", and uid " + std::to_string(person.uid) + " is " + std::string(name_of(role)));
      CHECK(banger.happened().empty());
      CHECK(banger.on_loop([&] { return banger.service.submitted.empty() && banger.service.log_care.happened.empty(); }));
    }
  }
}

TEST_CASE("a method that the table does not have takes the owner") {
  const Person person = visitor();
  const Role role = GENERATE(Role::kOperator, Role::kOwner);
  Controlled banger(access_giving(role, person), person);
  const std::string words = words_of_call(banger, banger.control, capnp::typeId<schema::Control>(), 999);
  CHECK(words.starts_with(kNotPermitted) == (role != Role::kOwner));
}

TEST_CASE("only the owner has the daemon read a file of the host") {
  const Role role = GENERATE(Role::kOperator, Role::kOwner);
  const Person person = visitor();
  Controlled banger(access_giving(role, person), person);
  const auto make = [&](const char* from) {
    auto request = banger.control.submitRequest();
    request.initCommandId().setHi(1);
    auto image = request.initIntent().initMakeImage();
    image.setName("base");
    from[0] == '/' ? image.setImportPath(from) : image.setRecipe(from);
    return failure_of(request.send(), banger.io);
  };
  CHECK(make("tiny").empty());
  CHECK(make("/etc/shadow").starts_with(kNotPermitted) == (role != Role::kOwner));
  CHECK(banger.on_loop([&] { return banger.service.submitted.size(); }) == (role == Role::kOwner ? 2 : 1));
}

TEST_CASE("somebody without a role is told so, closed, and nothing of them is kept") {
  const Person person = visitor();
  Controlled banger(access_giving(Role::kNone, person), person);
  CHECK(failure_of(banger.control.helloRequest().send(), banger.io) ==
        kNotPermitted + "uid " + std::to_string(person.uid) +
            " is neither the daemon's owner nor in a group that access.operators or access.readers names");
  CHECK(banger.server.clients() == 0);
  CHECK(banger.server.seen().logged("refused a client: " + kNotPermitted));
}

TEST_CASE("a role is found in any of somebody's groups, however many, and the greatest counts") {
  Person person = visitor();
  if (::geteuid() == 0) {
    for (gid_t i = 0; i < 300; ++i) person.groups.push_back(62'000 + i);
  }
  const gid_t last = person.groups.empty() ? person.gid : person.groups.back();
  const Access access{.owner = person.uid + 1, .operators = last, .readers = person.gid};
  Controlled banger(access, person);
  const auto hello = [&] {
    auto request = banger.control.helloRequest();
    request.setClient("test");
    return request.send().wait(banger.io.waitScope).getInfo().getPid();
  };
  CHECK(hello() == 42);
  CHECK(words_of_call(banger, banger.control, capnp::typeId<schema::Control>(), 12).empty());  // verify: an operator's
}

TEST_CASE("roles by uid and groups") {
  const Access nobody{.owner = 1000}, groups{.owner = 1000, .operators = 5, .readers = 6};
  CHECK(nobody.role_of(0, {}) == Role::kOwner);
  CHECK(nobody.role_of(1000, {}) == Role::kOwner);
  const gid_t all[] = {4, 5, 6}, reader[] = {6, 7}, root[] = {0};
  CHECK(nobody.role_of(1001, all) == Role::kNone);
  CHECK(nobody.role_of(1001, root) == Role::kNone);
  CHECK(groups.role_of(1001, all) == Role::kOperator);
  CHECK(groups.role_of(1001, reader) == Role::kReader);
  CHECK(groups.role_of(1001, root) == Role::kNone);
  CHECK(groups.role_of(1001, {}) == Role::kNone);
  CHECK_FALSE(nobody.shared());
  CHECK(groups.shared());
}

TEST_CASE("the document's table of methods and roles is the one that is used") {
  const std::string text = document();
  std::string table;
  for (const MethodAccess& each : method_access()) {
    table += "| `" + std::string(each.name) + "` |";
    for (const Role role : kRoles) table += role < each.least ? " - |" : " yes |";
    table += '\n';
  }
  INFO("as it should be:\n" << table);
  CHECK(text.find(table) != std::string::npos);
}
