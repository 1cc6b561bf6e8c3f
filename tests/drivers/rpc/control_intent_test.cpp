// What a client asks for, in the engine's words; and what it may not ask.
#include "drivers/rpc/control_intent.h"

#include <capnp/any.h>

#include <functional>

#include "events/capnp_bytes.h"
#include "tests/catch.h"

using namespace banger;
using namespace banger::rpc;

namespace {

using Params = schema::Control::SubmitParams;
using ExecParams = schema::Control::OpenExecParams;

std::expected<SubmitRequest, Rejection> submit(
    const std::function<void(schema::Intent::Builder)>& fill, std::uint64_t id = 5) {
  capnp::MallocMessageBuilder message;
  auto params = message.initRoot<Params>();
  params.initCommandId().setLo(id);
  fill(params.initIntent());
  return read_submit(params.asReader());
}

std::expected<ExecRequest, Rejection> open_exec(
    const std::function<void(ExecParams::Builder)>& fill) {
  capnp::MallocMessageBuilder message;
  auto params = message.initRoot<ExecParams>();
  params.initCommandId().setHi(1);
  params.setVm("web");
  fill(params);
  return read_open_exec(params.asReader());
}

template <class T>
T asked(const std::function<void(schema::Intent::Builder)>& fill) {
  auto request = submit(fill);
  REQUIRE(request);
  REQUIRE(std::holds_alternative<T>(request->ask));
  return std::get<T>(request->ask);
}

// The words of the refusal, which is always one for a request that is wrong in itself.
template <class T>
std::string refusal(const std::expected<T, Rejection>& request) {
  if (request) return {};
  CHECK(request.error().kind == Refusal::kInvalid);
  return request.error().message;
}

}  // namespace

TEST_CASE("every intent becomes the command it names, with all that it says") {
  const auto created = asked<CreateVm>([](auto intent) {
    auto in = intent.initCreateVm();
    in.setName("web");
    in.setImage("debian");
    in.setStart(true);
    in.setRemoveAfterExec(true);
    auto settings = in.initSettings();
    settings.setVcpus(2);
    settings.setMemoryMib(512);
    settings.setDiskMib(1024);
    settings.setNet(1);
    settings.setAutostart(true);
    auto port = settings.initPorts(1)[0];
    port.setHostAddress("127.0.0.1");
    port.setHostPort(8080);
    port.setGuestPort(80);
    port.setProtocol(2);
  });
  CHECK(created.name == "web");
  CHECK(created.image == "debian");
  CHECK(created.start);
  CHECK(created.remove_after_exec);
  CHECK(created.settings ==
        VmSettings{
            2, 512, 1024, NetMode::kUser, {{"127.0.0.1", 8080, 80, Protocol::kUdp, false}}, true});

  CHECK(asked<StartVm>([](auto intent) { intent.setStartVm("web"); }).vm == "web");
  const auto stopped = asked<StopVm>([](auto intent) {
    intent.initStopVm().setVm("web");
    intent.getStopVm().setForced(true);
    intent.getStopVm().setTimeoutMs(9);
  });
  CHECK((stopped.vm == "web" && stopped.mode == StopMode::kForced && stopped.timeout_ms == 9));
  const auto restarted = asked<RestartVm>([](auto intent) { intent.initRestartVm().setVm("web"); });
  CHECK((restarted.vm == "web" && restarted.mode == StopMode::kGraceful));
  const auto deleted = asked<DeleteVm>([](auto intent) {
    intent.initDeleteVm().setVm("web");
    intent.getDeleteVm().setForce(true);
  });
  CHECK((deleted.vm == "web" && deleted.force));
  CHECK(asked<DeleteImage>([](auto intent) { intent.setDeleteImage("tiny"); }).image == "tiny");
}

TEST_CASE("a change of settings leaves alone what it does not name") {
  const auto nothing = asked<SetVm>([](auto intent) { intent.initSetVm().setVm("web"); });
  CHECK(nothing.vm == "web");
  CHECK_FALSE((nothing.vcpus || nothing.memory_mib || nothing.disk_mib || nothing.ports ||
               nothing.autostart));
  const auto all = asked<SetVm>([](auto intent) {
    auto in = intent.initSetVm();
    in.setVcpus(1);
    in.setMemoryMib(2);
    in.setDiskMib(3);
    in.setSetPorts(true);
    in.setSetAutostart(true);
  });
  CHECK((all.vcpus == 1 && all.memory_mib == 2 && all.disk_mib == 3));
  CHECK((all.ports && all.ports->empty()));  // none are to be published
  CHECK(all.autostart == false);
}

TEST_CASE("an image comes by a recipe or from a path") {
  const auto made = asked<MakeImage>([](auto intent) {
    intent.initMakeImage().setName("i");
    intent.getMakeImage().setRecipe("tiny");
  });
  CHECK((made.name == "i" && made.source == ImageSource::kRecipe && made.recipe == "tiny"));
  const auto imported =
      asked<MakeImage>([](auto intent) { intent.initMakeImage().setImportPath("/x"); });
  CHECK((imported.source == ImageSource::kImport && imported.path == "/x"));
  CHECK(refusal(submit([](auto intent) {
          intent.initMakeImage().setRecipe("tiny");
          intent.getMakeImage().setImportPath("/x");
        })).find("not both") != std::string::npos);
}

TEST_CASE("the request's bytes are equal if and only if the same is asked") {
  const auto start = [](const char* vm) {
    return [vm](schema::Intent::Builder intent) { intent.setStartVm(vm); };
  };
  const auto bytes = submit(start("web"))->bytes;
  CHECK(submit(start("web"))->bytes == bytes);
  CHECK(submit(start("web"), 6)->bytes == bytes);  // the id is the key, not the content
  CHECK(submit(start("web2"))->bytes != bytes);
  CHECK(submit([](auto intent) { intent.setDeleteImage("web"); })->bytes != bytes);
  // Written in another order, with a hole in the message.
  CHECK(submit([](auto intent) {
          intent.initStartVm(100);
          intent.setStartVm("web");
        })->bytes == bytes);
  const auto exec = open_exec([](auto) {});
  REQUIRE(exec);
  CHECK(exec->bytes != bytes);
  CHECK(exec->bytes.substr(0, 6) != bytes.substr(0, 6));
  CHECK(open_exec([](auto) {})->bytes == exec->bytes);
  CHECK(open_exec([](auto params) { params.setTty(true); })->bytes != exec->bytes);
}

TEST_CASE("an exec's arguments come whole, up to their limit") {
  const auto exec = open_exec([](auto params) {
    auto argv = params.initArgv(3);
    argv.set(0, "sh");
    argv.set(1, "");
    argv.set(2, std::string(400 << 10, 'x'));
    params.setTimeoutMs(3);
    params.setTty(true);
  });
  REQUIRE(exec);
  CHECK(exec->id == CommandId{1, 0});
  CHECK(exec->start.vm == "web");
  REQUIRE(exec->start.argv.size() == 3);
  CHECK((exec->start.argv[0] == "sh" && exec->start.argv[1].empty()));
  CHECK(exec->start.argv[2].size() == 400 << 10);
  CHECK((exec->start.tty && exec->start.timeout_ms == 3));
  CHECK(refusal(open_exec([](auto params) {
          auto argv = params.initArgv(2);
          argv.set(0, std::string(300 << 10, 'x'));
          argv.set(1, std::string(300 << 10, 'x'));
        })).find("512 KiB") != std::string::npos);
}

TEST_CASE("what is wrong in itself is refused in words") {
  const auto has = [](const std::string& text, const char* words) {
    CAPTURE(text);
    return text.find(words) != std::string::npos;
  };
  CHECK(has(refusal(submit([](auto intent) { intent.setStartVm("x"); }, 0)), "needs an id"));
  CHECK(submit([](auto intent) { intent.setStartVm(std::string(256, 'x')); }));
  CHECK(has(refusal(submit([](auto intent) { intent.setStartVm(std::string(257, 'x')); })), "256"));
  CHECK(has(refusal(submit([](auto intent) { intent.setStartVm(kj::StringPtr("a\0b", 3)); })),
            "NUL"));
  CHECK(
      has(refusal(open_exec([](auto params) { params.initArgv(1).set(0, {"a\0b", 3}); })), "NUL"));
  CHECK(has(refusal(submit(
                [](auto intent) { intent.initMakeImage().setImportPath(std::string(5000, '/')); })),
            "4096"));
  const auto create = [&](auto change) {
    return refusal(submit([&](auto intent) {
      auto settings = intent.initCreateVm().initSettings();
      settings.setNet(1);
      change(settings);
    }));
  };
  CHECK(create([](auto) {}).empty());
  CHECK(has(create([](auto settings) { settings.setNet(77); }), "77"));
  CHECK(has(create([](auto settings) { settings.initPorts(1); }), "protocol"));
  CHECK(has(create([](auto settings) { settings.initPorts(2000); }), "1024"));
  CHECK(has(create([](auto settings) {
              auto port = settings.initPorts(1)[0];
              port.setProtocol(1);
              port.setHostAddress(std::string(300, '1'));
            }),
            "256"));
  CHECK(has(refusal(submit([](auto intent) {
              intent.initSetVm().setSetPorts(true);
              intent.getSetVm().initPorts(1).operator[](0).setProtocol(9);
            })),
            "protocol"));
}

TEST_CASE("an intent of a newer client, and bytes that are no message, are refused") {
  const auto newer = submit([](auto intent) {
    intent.setStartVm("web");
    capnp::AnyStruct::Builder(kj::mv(intent)).getDataSection()[0] = 0x77;  // the union's tag
  });
  REQUIRE_FALSE(newer);
  CHECK(newer.error().hint.find("newer") != std::string::npos);
  const auto unterminated = submit([](auto intent) { intent.initStartVm(7).begin()[7] = 'x'; });
  CHECK(refusal(unterminated).find("not a valid request") != std::string::npos);
  // Any one byte of a message changed: an answer or a refusal, and nothing else.
  capnp::MallocMessageBuilder message;
  auto params = message.initRoot<Params>();
  params.initCommandId().setLo(5);
  auto create = params.initIntent().initCreateVm();
  create.setName("web");
  create.initSettings().initPorts(2)[0].setHostAddress("127.0.0.1");
  const std::string good = canonical_bytes<Params>(params);
  int refused = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string bad = good;
      bad[at] = static_cast<char>(value);
      const auto read = read_message<Params>(
          bad, [](Params::Reader in) -> Result<bool> { return read_submit(in).has_value(); });
      if (!read || !*read) ++refused;
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("a client's own name is made fit for the log") {
  CHECK(client_name("bangerctl 0.1.0") == "bangerctl 0.1.0");
  CHECK(client_name("") == "unknown");
  CHECK(client_name("a\x1b[2J\n\xc3\xa9~") == "a?[2J???~");
  CHECK(client_name(std::string(500, 'x')) == std::string(64, 'x'));
}

TEST_CASE("streams are of the kinds that there are") {
  CHECK(read_stream(2, 7) == StreamId{StreamKind::kVm, 7});
  for (const int kind : {0, 4, 65535})
    CHECK_FALSE(read_stream(static_cast<std::uint16_t>(kind), 7));
}
