#include "cli/bangerctl/disk/leftovers.h"

#include <set>

#include "cli/bangerctl/rows.h"
#include "cli/common/directory.h"
#include "engine/paths.h"
#include "events/capnp_bytes.h"

namespace banger::ctl {
namespace {

constexpr std::string_view kAside = "db.before-epoch-";

void add_directories(LeftoverKind kind, const std::string& dir,
                     const std::vector<std::string>& names, std::vector<Leftover>& out) {
  for (const std::string& name : names) {
    const std::string path = dir + "/" + name;
    out.push_back({kind, name, path, cli::usage_of(path).disk_bytes});
  }
}

}  // namespace

std::string_view name_of(LeftoverKind kind) {
  switch (kind) {
    case LeftoverKind::kFailedImage:
      return "failed image";
    case LeftoverKind::kVmDirectory:
      return "VM directory";
    case LeftoverKind::kAsideDatabase:
      return "old database";
  }
  return {};
}

Answer<std::vector<std::string>> directories_of_nobody(Session& session,
                                                       const std::string& vms_dir) {
  auto names = cli::names_in(vms_dir);
  if (!names) return std::unexpected(to_failure(names.error()));
  const auto vms = read_vms(session);
  if (!vms) return std::unexpected(vms.error());
  std::set<std::string> known;
  for (const VmRuntime& vm : *vms) known.insert(vm.id.hex());
  // Only what is called like a VM's directory: whatever else somebody put there is theirs.
  std::erase_if(*names, [&](const std::string& name) {
    return known.contains(name) || !VmId::parse(name);
  });
  return *std::move(names);
}

Answer<std::vector<Leftover>> find_leftovers(Session& session, bool aside) {
  const auto connected = session.connect();
  if (!connected) return std::unexpected(connected.error());
  const Layout layout{text_of(session.info().getDataDir())};
  std::vector<Leftover> found;
  const auto images = read_images(session);
  if (!images) return std::unexpected(images.error());
  for (const Image& image : *images) {
    if (image.state != ImageState::kFailed) continue;
    found.push_back({LeftoverKind::kFailedImage, image.name, {},
                     cli::usage_of(image_dir(layout, image.id)).disk_bytes});
  }
  const auto nobodys = directories_of_nobody(session, layout.vms_dir());
  if (!nobodys) return std::unexpected(nobodys.error());
  add_directories(LeftoverKind::kVmDirectory, layout.vms_dir(), *nobodys, found);
  if (!aside) return found;
  auto databases = cli::names_in(layout.log_dir());
  if (!databases) return std::unexpected(to_failure(databases.error()));
  std::erase_if(*databases, [](const std::string& name) { return !name.starts_with(kAside); });
  add_directories(LeftoverKind::kAsideDatabase, layout.log_dir(), *databases, found);
  return found;
}

std::string data_directory(Context& context) {
  Session& session = context.session();
  if (session.connect(Session::Start::kNever)) return text_of(session.info().getDataDir());
  return context.daemon_start().data_dir;
}

}  // namespace banger::ctl
