#include "drivers/rpc/control_intent.h"

#include <algorithm>

#include "events/capnp_bytes.h"
#include "events/codec_values.h"

namespace banger::rpc {
namespace {

constexpr std::size_t kMaxNameBytes = 256;
constexpr std::size_t kMaxPathBytes = 4096;  // PATH_MAX
constexpr std::size_t kMaxArgvBytes = 512 << 10;
constexpr std::size_t kMaxPorts = 1024;
constexpr std::size_t kMaxClientNameBytes = 64;

template <class T>
using Read = std::expected<T, Rejection>;

std::unexpected<Rejection> invalid(std::string message, std::string hint = {}) {
  return std::unexpected(Rejection{Refusal::kInvalid, std::move(message), std::move(hint)});
}

// How the texts of one message are read: the first that is wrong is remembered, the rest goes on.
class Texts {
 public:
  std::string name(capnp::Text::Reader text) { return bounded(text, kMaxNameBytes, "a name"); }
  std::string path(capnp::Text::Reader text) { return bounded(text, kMaxPathBytes, "a path"); }
  std::string argument(capnp::Text::Reader text) {
    return bounded(text, kMaxArgvBytes, "an argument");
  }
  template <class T>
  Read<T> unless_wrong(T value) {
    if (wrong_) return std::unexpected(std::move(*wrong_));
    return value;
  }

 private:
  std::string bounded(capnp::Text::Reader text, std::size_t most, const char* what) {
    // What follows a NUL would be seen by some of us and not by others.
    if (text.size() > most) return note(what, " is longer than ", most);
    if (text_of(text).contains('\0')) return note(what, " has a NUL in it", 0);
    return text_of(text);
  }
  std::string note(const char* what, const char* is, std::size_t bytes) {
    std::string message = std::string(what) + is;
    if (bytes != 0) message += std::to_string(bytes) + " bytes";
    if (!wrong_) wrong_ = Rejection{Refusal::kInvalid, std::move(message), {}};
    return {};
  }

  std::optional<Rejection> wrong_;
};

Read<std::vector<PortForward>> ports_of(capnp::List<schema::PortForward>::Reader in, Texts& texts) {
  if (in.size() > kMaxPorts) return invalid("more than 1024 published ports");
  for (auto port : in) texts.name(port.getHostAddress());
  auto ports = read_ports(in);
  if (!ports) return invalid(std::move(ports.error().message));
  return std::move(*ports);
}

Read<Ask> create(schema::CreateVm::Reader in, Texts& texts) {
  auto settings_in = in.getSettings();
  if (auto ports = ports_of(settings_in.getPorts(), texts); !ports) {
    return std::unexpected(std::move(ports.error()));
  }
  auto settings = read_settings(settings_in);
  if (!settings) return invalid(std::move(settings.error().message));
  return CreateVm{.name = texts.name(in.getName()),
                  .image = texts.name(in.getImage()),
                  .settings = std::move(*settings),
                  .start = in.getStart(),
                  .remove_after_exec = in.getRemoveAfterExec()};
}

template <class Stop>  // StopVm or RestartVm
Ask stop(schema::StopVm::Reader in, Texts& texts) {
  return Stop{.vm = texts.name(in.getVm()),
              .mode = in.getForced() ? StopMode::kForced : StopMode::kGraceful,
              .timeout_ms = in.getTimeoutMs()};
}

Read<Ask> set(schema::SetVm::Reader in, Texts& texts) {
  SetVm asked{.vm = texts.name(in.getVm())};
  if (in.getVcpus() != 0) asked.vcpus = in.getVcpus();
  if (in.getMemoryMib() != 0) asked.memory_mib = in.getMemoryMib();
  if (in.getDiskMib() != 0) asked.disk_mib = in.getDiskMib();
  if (in.getSetAutostart()) asked.autostart = in.getAutostart();
  if (in.getSetOpen()) asked.open = in.getOpen();
  if (in.getSetPorts()) {
    auto ports = ports_of(in.getPorts(), texts);
    if (!ports) return std::unexpected(std::move(ports.error()));
    asked.ports = std::move(*ports);
  }
  return asked;
}

Read<Ask> make_image(schema::MakeImage::Reader in, Texts& texts) {
  MakeImage asked{.name = texts.name(in.getName()),
                  .source = ImageSource::kRecipe,
                  .recipe = texts.name(in.getRecipe()),
                  .path = texts.path(in.getImportPath())};
  if (!asked.path.empty()) {
    if (!asked.recipe.empty()) return invalid("an image is made by a recipe or imported, not both");
    asked.source = ImageSource::kImport;
  }
  return asked;
}

Read<Ask> ask_of(schema::Intent::Reader intent, Texts& texts) {
  switch (intent.which()) {
    case schema::Intent::CREATE_VM:
      return create(intent.getCreateVm(), texts);
    case schema::Intent::START_VM:
      return StartVm{texts.name(intent.getStartVm())};
    case schema::Intent::STOP_VM:
      return stop<StopVm>(intent.getStopVm(), texts);
    case schema::Intent::RESTART_VM:
      return stop<RestartVm>(intent.getRestartVm(), texts);
    case schema::Intent::DELETE_VM: {
      auto in = intent.getDeleteVm();
      return DeleteVm{.vm = texts.name(in.getVm()), .force = in.getForce()};
    }
    case schema::Intent::SET_VM:
      return set(intent.getSetVm(), texts);
    case schema::Intent::MAKE_IMAGE:
      return make_image(intent.getMakeImage(), texts);
    case schema::Intent::DELETE_IMAGE:
      return DeleteImage{texts.name(intent.getDeleteImage())};
  }
  return invalid("this daemon does not know that intent", "is bangerctl newer than bangerd?");
}

Read<CommandId> command_id(schema::CommandId::Reader in) {
  const CommandId id{in.getHi(), in.getLo()};
  if (!id) return invalid("a command needs an id");
  return id;
}

// Reads a copy: a message may be traversed about once only, and what it points to twice counts
// twice.
template <class Params, class Reading>
auto read_copy(typename Params::Reader params, Reading reading)
    -> decltype(reading(std::declval<typename Params::Builder>())) {
  try {
    capnp::MallocMessageBuilder copy;
    copy.setRoot(params);
    return reading(copy.getRoot<Params>());
  } catch (const kj::Exception& exception) {
    return invalid(std::string("not a valid request: ") + exception.getDescription().cStr());
  }
}

}  // namespace

std::expected<SubmitRequest, Rejection> read_submit(schema::Control::SubmitParams::Reader params) {
  using Params = schema::Control::SubmitParams;
  return read_copy<Params>(params, [](Params::Builder copy) -> Read<SubmitRequest> {
    auto id = command_id(copy.asReader().getCommandId());
    if (!id) return std::unexpected(std::move(id.error()));
    Texts texts;
    auto ask = ask_of(copy.asReader().getIntent(), texts);
    if (!ask) return std::unexpected(std::move(ask.error()));
    return texts.unless_wrong(SubmitRequest{
        *id, std::move(*ask), "submit:" + canonical_bytes<schema::Intent>(copy.getIntent())});
  });
}

std::expected<ExecRequest, Rejection> read_open_exec(
    schema::Control::OpenExecParams::Reader params) {
  using Params = schema::Control::OpenExecParams;
  return read_copy<Params>(params, [](Params::Builder copy) -> Read<ExecRequest> {
    auto in = copy.asReader();
    auto id = command_id(in.getCommandId());
    if (!id) return std::unexpected(std::move(id.error()));
    Texts texts;
    StartExec start{.vm = texts.name(in.getVm()),
                    .argv = {},
                    .tty = in.getTty(),
                    .timeout_ms = in.getTimeoutMs()};
    std::size_t bytes = 0;
    for (auto argument : in.getArgv()) {
      bytes += argument.size() + 1;
      if (bytes > kMaxArgvBytes) return invalid("the command's arguments exceed 512 KiB");
      start.argv.push_back(texts.argument(argument));
    }
    return texts.unless_wrong(
        ExecRequest{*id, std::move(start), "openExec:" + canonical_bytes<Params>(copy)});
  });
}

std::expected<std::string, Rejection> read_reference(capnp::Text::Reader text) {
  Texts texts;
  return texts.unless_wrong(texts.name(text));
}

std::string client_name(capnp::Text::Reader text) {
  std::string name(text.begin(), std::min(text.size(), kMaxClientNameBytes));
  std::ranges::replace_if(name, [](char c) { return c < ' ' || c > '~'; }, '?');
  return name.empty() ? "unknown" : name;
}

std::optional<StreamId> read_stream(std::uint16_t kind, std::uint64_t id) {
  switch (StreamId stream{static_cast<StreamKind>(kind), id}; stream.kind) {
    case StreamKind::kHost:
    case StreamKind::kVm:
    case StreamKind::kImage:
      return stream;
  }
  return std::nullopt;
}

}  // namespace banger::rpc
