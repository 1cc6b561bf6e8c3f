#include <CLI/CLI.hpp>

#include "cli/bangerctl/render_json.h"
#include "cli/bangerctl/sizes.h"
#include "cli/bangerctl/terminal.h"
#include "cli/bangerctl/vm_verbs.h"
#include "cli/bangerctl/vm_watch.h"

namespace banger::ctl {
namespace {

constexpr const char* kDefaultImage = "tiny";
constexpr const char* kDefaultMemory = "1G";
constexpr const char* kDefaultDisk = "8G";
constexpr std::uint32_t kDefaultVcpus = 2;

struct CreateOptions {
  std::string name;
  std::string image = kDefaultImage;
  std::string vcpus = std::to_string(kDefaultVcpus);
  std::string memory = kDefaultMemory;
  std::string disk = kDefaultDisk;
  std::string net = "user";
  std::vector<std::string> ports;
  bool autostart = false;
  bool open = false;
  bool no_start = false;
  bool detach = false;
  bool remove = false;
  bool quiet = false;
  GuestOptions guest;
};

struct SetOptions {
  std::string vm, vcpus, memory, disk, autostart, open;
  std::vector<std::string> ports;
};

Answer<std::uint32_t> read_vcpus(const std::string& text) {
  const auto count = parse_count(text);
  if (!count) return misused("--vcpus: " + count.error().message);
  if (*count == 0 || *count > UINT32_MAX)
    return misused("--vcpus: '" + text + "' is no number of CPUs");
  return static_cast<std::uint32_t>(*count);
}

Answer<std::uint64_t> read_size(const char* option, const std::string& text) {
  const auto size = parse_size_mib(text);
  if (!size) return misused(std::string(option) + ": " + size.error().message);
  if (*size == 0) return misused(std::string(option) + ": it must be larger than nothing");
  return *size;
}

Answer<std::vector<PortForward>> read_ports(const std::vector<std::string>& texts) {
  std::vector<PortForward> ports;
  for (const std::string& text : texts) {
    auto port = parse_port(text);
    if (!port) return misused("-p: " + port.error().message);
    ports.push_back(*std::move(port));
  }
  return ports;
}

void write_ports(capnp::List<schema::PortForward>::Builder out,
                 const std::vector<PortForward>& ports) {
  for (unsigned i = 0; i < out.size(); ++i) {
    out[i].setHostAddress(ports[i].host_address);
    out[i].setHostPort(ports[i].host_port);
    out[i].setGuestPort(ports[i].guest_port);
    out[i].setProtocol(static_cast<std::uint16_t>(ports[i].protocol));
  }
}

// The option's parser takes no other word.
NetMode read_net(std::string_view word) {
  if (word == name_of(NetMode::kBridge)) return NetMode::kBridge;
  return word == name_of(NetMode::kNone) ? NetMode::kNone : NetMode::kUser;
}

Answer<VmSettings> read_settings(const CreateOptions& options) {
  const auto vcpus = read_vcpus(options.vcpus);
  const auto memory = read_size("--memory", options.memory);
  const auto disk = read_size("--disk", options.disk);
  auto ports = read_ports(options.ports);
  if (!vcpus) return std::unexpected(vcpus.error());
  if (!memory) return std::unexpected(memory.error());
  if (!disk) return std::unexpected(disk.error());
  if (!ports) return std::unexpected(ports.error());
  return VmSettings{.vcpus = *vcpus,
                    .memory_mib = *memory,
                    .disk_mib = *disk,
                    .net = read_net(options.net),
                    .ports = *std::move(ports),
                    .autostart = options.autostart,
                    .open = options.open};
}

Answer<Accepted> submit_create(Session& session, const CreateOptions& options, bool start) {
  const auto settings = read_settings(options);
  if (!settings) return std::unexpected(settings.error());
  return submit(session, [&](schema::Intent::Builder intent) {
    auto create = intent.initCreateVm();
    create.setName(options.name);
    create.setImage(options.image);
    create.setStart(start);
    create.setRemoveAfterExec(options.remove);
    auto out = create.initSettings();
    out.setVcpus(settings->vcpus);
    out.setMemoryMib(settings->memory_mib);
    out.setDiskMib(settings->disk_mib);
    out.setNet(static_cast<std::uint16_t>(settings->net));
    out.setAutostart(settings->autostart);
    out.setOpen(settings->open);
    write_ports(out.initPorts(static_cast<unsigned>(settings->ports.size())), settings->ports);
  });
}

// Its name for people and scripts; with -q its id, with -o json both.
Answer<int> tell(Context& context, const CreateOptions& options, std::uint64_t id) {
  if (options.quiet) {
    const auto printed = print(to_hex(id) + "\n");
    return printed ? Answer<int>(kOk) : std::unexpected(printed.error());
  }
  const auto view = view_vm(context.session(), to_hex(id));
  if (!view) return std::unexpected(view.error());
  const std::string text = context.json() ? dump(Json{{"id", to_hex(id)}, {"name", view->row.name}})
                                          : escape(view->row.name);
  const auto printed = print(text + "\n");
  return printed ? Answer<int>(kOk) : std::unexpected(printed.error());
}

Answer<void> await_ready(Session& session, std::uint64_t id) {
  Progress progress;
  // The daemon's own deadlines for start and readiness end this wait.
  return watch_each(session, {{to_hex(id), ready_yet}}, kForever, progress).front();
}

Answer<int> create(Context& context, const CreateOptions& options) {
  const auto accepted = submit_create(context.session(), options, !options.no_start);
  if (!accepted) return std::unexpected(accepted.error());
  const std::uint64_t id = accepted->stream.id;
  if (!options.no_start && !options.detach) {
    const auto ready = await_ready(context.session(), id);
    if (!ready) return std::unexpected(ready.error());
  }
  return tell(context, options, id);
}

Answer<int> run_vm(Context& context, const CreateOptions& options) {
  const bool wants_exec = !context.rest.empty() || options.guest.tty || options.guest.interactive ||
                          (is_terminal(0) && !options.detach);
  if (options.detach && wants_exec) {
    return misused("-d starts a VM and leaves it: it takes no command and no -it");
  }
  if (options.remove && !wants_exec) {
    return misused("--rm deletes the VM when its command has ended: give it one after --");
  }
  GuestOptions guest = options.guest;
  guest.tty = guest.tty || (context.rest.empty() && is_terminal(0));
  auto command = to_command(guest, {}, context.rest);
  if (!command) return std::unexpected(command.error());

  const auto accepted = submit_create(context.session(), options, true);
  if (!accepted) return std::unexpected(as_own(accepted.error()));
  const std::uint64_t id = accepted->stream.id;
  if (!options.detach) {
    const auto ready = await_ready(context.session(), id);
    if (!ready) return std::unexpected(as_own(ready.error()));
  }
  if (!wants_exec) return tell(context, options, id);
  command->vm = to_hex(id);
  return run_in_guest(context.session(), *command);
}

Answer<int> set(Context& context, const SetOptions& options) {
  std::vector<std::string> texts = options.ports;
  const bool clear = texts == std::vector<std::string>{"none"};
  if (clear) texts.clear();
  const auto ports = read_ports(texts);
  const auto vcpus = options.vcpus.empty() ? Answer<std::uint32_t>(0) : read_vcpus(options.vcpus);
  const auto memory =
      options.memory.empty() ? Answer<std::uint64_t>(0) : read_size("--memory", options.memory);
  const auto disk =
      options.disk.empty() ? Answer<std::uint64_t>(0) : read_size("--disk", options.disk);
  if (!ports) return std::unexpected(ports.error());
  if (!vcpus) return std::unexpected(vcpus.error());
  if (!memory) return std::unexpected(memory.error());
  if (!disk) return std::unexpected(disk.error());
  const bool set_ports = clear || !ports->empty();
  if (*vcpus == 0 && *memory == 0 && *disk == 0 && !set_ports && options.autostart.empty() && options.open.empty()) {
    return misused("nothing to set", "bangerctl vm set --help");
  }
  const auto accepted = submit(context.session(), [&](schema::Intent::Builder intent) {
    auto out = intent.initSetVm();
    out.setVm(options.vm);
    out.setVcpus(*vcpus);
    out.setMemoryMib(*memory);
    out.setDiskMib(*disk);
    out.setSetPorts(set_ports);
    write_ports(out.initPorts(static_cast<unsigned>(ports->size())), *ports);
    out.setSetAutostart(!options.autostart.empty());
    out.setAutostart(options.autostart == "yes");
    out.setSetOpen(!options.open.empty());
    out.setOpen(options.open == "yes");
  });
  if (!accepted) return std::unexpected(accepted.error());
  const auto printed = print(escape(options.vm) + "\n");
  return printed ? Answer<int>(kOk) : std::unexpected(printed.error());
}

void add_create_options(CLI::App* verb, CreateOptions& options, Context& context) {
  verb->add_option("--name", options.name, "Name; without it one is made up");
  verb->add_option("--image", options.image, "Image to boot")->capture_default_str();
  verb->add_option("--vcpus,--cpus", options.vcpus, "CPUs")->capture_default_str();
  verb->add_option("-m,--memory", options.memory, "Memory: 512M, 2G")->capture_default_str();
  verb->add_option("--disk", options.disk, "Size of the disk")->capture_default_str();
  verb->add_option("--net", options.net, "user, bridge (an address of its own on the host's bridge) or none")
      ->check(CLI::IsMember({"user", "bridge", "none"}))
      ->capture_default_str();
  verb->add_flag("--open", options.open, "Bridged: let other guests reach it, and it them");
  verb->add_option("-p,--publish", options.ports, "[ADDR:][HOSTPORT:]GUESTPORT[/udp]; repeatable")
      ->allow_extra_args(false);
  verb->add_flag("--autostart", options.autostart, "Start again after the host was rebooted");
  verb->add_flag("-q,--quiet", options.quiet, "Print the id");
  add_output_option(verb, context);
}

}  // namespace

void add_create_verbs(const Verbs& verbs, CLI::App& vm) {
  auto options = std::make_shared<CreateOptions>();
  CLI::App* verb = add_verb(vm, "create", "Create a VM, start it and wait until its guest answers");
  add_create_options(verb, *options, verbs.context);
  verb->add_flag("--no-start", options->no_start, "Only create it");
  verb->add_flag("-d,--detach", options->detach, "Do not wait");
  on_chosen(verbs, verb, [options](Context& context) { return create(context, *options); });

  auto running = std::make_shared<CreateOptions>();
  verb = add_verb(vm, "run", "Create and start a VM and run a command in it: run -- command...");
  add_create_options(verb, *running, verbs.context);
  verb->add_flag("--rm", running->remove, "Delete the VM once the command has ended");
  verb->add_flag("-d,--detach", running->detach, "Start it and return at once");
  add_guest_options(verb, running->guest);
  on_chosen(verbs, verb, [running](Context& context) { return run_vm(context, *running); });

  auto changes = std::make_shared<SetOptions>();
  verb = add_verb(vm, "set", "Change a VM; a running one takes it at its next start");
  verb->add_option("vm", changes->vm, "Name, id or prefix of an id")->required();
  verb->add_option("--vcpus,--cpus", changes->vcpus, "CPUs");
  verb->add_option("-m,--memory", changes->memory, "Memory: 512M, 2G");
  verb->add_option("--disk", changes->disk, "Size of the disk; it can only grow");
  verb->add_option("-p,--publish", changes->ports, "All published ports from now on, or none")
      ->allow_extra_args(false);
  verb->add_option("--autostart", changes->autostart, "yes or no")
      ->check(CLI::IsMember({"yes", "no"}));
  verb->add_option("--open", changes->open, "yes or no, at once: whether other bridged guests may reach it, and it them")
      ->check(CLI::IsMember({"yes", "no"}));
  on_chosen(verbs, verb, [changes](Context& context) { return set(context, *changes); });
}

}  // namespace banger::ctl
