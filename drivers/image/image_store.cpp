#include "drivers/image/image_store.h"

#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "drivers/host/durable.h"
#include "drivers/image/image_files.h"
#include "drivers/image/recipes.h"

namespace banger::image {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kUnfinished = ".unfinished";
constexpr std::uint64_t kRoomToBuild = 1ull << 30;

std::string machine() {
  utsname name{};
  return ::uname(&name) == 0 ? name.machine : "";
}

Status remove_tree(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return fail_errno("remove " + path, error.value());
  return {};
}

// Removes a directory under work unless it was renamed to its final name.
class Unfinished {
 public:
  explicit Unfinished(std::string path) : path_(std::move(path)) {}
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  ~Unfinished() { (void)remove_tree(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

// The kernel and initrd of an import: given, found in the directory, or made from this host's.
Status take_kernel(const ImportSpec& spec, const std::string& work, ImageInfo& info,
                   const Progress& progress) {
  const std::string in_directory = spec.path + "/" + kKernelName;
  std::string kernel = spec.kernel;
  std::string initrd = spec.initrd;
  if (kernel.empty() && exists(in_directory)) {
    kernel = in_directory;
    const std::string beside = spec.path + "/" + kInitrdName;
    if (initrd.empty() && exists(beside)) initrd = beside;
  }
  if (kernel.empty()) {
    info.kernel_version = "host's guest kernel";
    BANGER_TRY(run_recipe("boot", work, spec.environment, spec.cancelled, progress));
  } else {
    BANGER_TRY(take_file(kernel, work + "/" + kKernelName, spec.cancelled));
  }
  if (!initrd.empty()) BANGER_TRY(take_file(initrd, work + "/" + kInitrdName, spec.cancelled));
  return {};
}

}  // namespace

Result<ImageStore> ImageStore::open(std::string directory) {
  std::error_code error;
  fs::create_directories(host::parent_of(directory), error);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno("make " + directory, errno);
  fs::directory_iterator entries(directory, error);
  if (error) return fail_errno("list " + directory, error.value());
  for (const auto& entry : entries) {
    if (!entry.path().filename().string().ends_with(kUnfinished)) continue;
    BANGER_TRY(remove_tree(entry.path()));
  }
  return ImageStore(std::move(directory));
}

std::vector<std::string> ImageStore::recipes() {
  std::vector<std::string> names;
  for (const auto& file : recipe_files()) {
    if (!file.path.ends_with(".sh") || file.path == "common.sh" || file.path == "boot.sh") continue;
    names.emplace_back(file.path.substr(0, file.path.size() - 3));
  }
  return names;
}

std::string ImageStore::directory_of(ImageId id) const {
  return directory_ + "/" + id.hex();
}

Result<std::string> ImageStore::begin(ImageId id) const {
  if (exists(directory_of(id))) return fail("image " + id.hex() + " is there already", EEXIST);
  const std::string work = directory_of(id) + std::string(kUnfinished);
  BANGER_TRY(remove_tree(work));
  if (::mkdir(work.c_str(), 0700) != 0) return fail_errno("make " + work, errno);
  return work;
}

Result<ImageInfo> ImageStore::finish(ImageId id, const std::string& work, ImageInfo info,
                                     const std::atomic<bool>* cancelled) const {
  auto sealed = seal(work, std::move(info), cancelled);
  if (!sealed) return std::unexpected(sealed.error());
  BANGER_TRY(host::sync_path(work));
  BANGER_TRY(host::rename_durably(work, directory_of(id)));
  return find(id);
}

Result<ImageInfo> ImageStore::build(ImageId id, const BuildSpec& spec,
                                    const Progress& progress) const {
  const auto names = recipes();
  if (std::find(names.begin(), names.end(), spec.recipe) == names.end()) {
    std::string known;
    for (const auto& name : names) known += (known.empty() ? "" : ", ") + name;
    return fail("there is no recipe " + spec.recipe + "; there are: " + known, ENOENT);
  }
  BANGER_TRY(host::require_free_space(directory_, kRoomToBuild));
  auto work = begin(id);
  if (!work) return std::unexpected(work.error());
  Unfinished unfinished(*work);
  BANGER_TRY(run_recipe(spec.recipe, *work, spec.environment, spec.cancelled, progress));
  auto info = take_recipe_facts(*work);
  if (!info) return std::unexpected(info.error());
  return finish(id, *work, std::move(*info), spec.cancelled);
}

Result<ImageInfo> ImageStore::import(ImageId id, const ImportSpec& spec,
                                     const Progress& progress) const {
  struct stat st{};
  if (::stat(spec.path.c_str(), &st) != 0) return fail_errno("import " + spec.path, errno);
  auto work = begin(id);
  if (!work) return std::unexpected(work.error());
  Unfinished unfinished(*work);
  const std::string rootfs = S_ISDIR(st.st_mode) ? spec.path + "/" + kRootfsName : spec.path;
  BANGER_TRY(take_rootfs(rootfs, *work + "/" + kRootfsName, spec.cancelled));
  ImageInfo info;
  info.arch = machine();
  info.user = "root";
  info.cmdline = spec.cmdline;
  BANGER_TRY(take_kernel(spec, *work, info, progress));
  return finish(id, *work, std::move(info), spec.cancelled);
}

Result<ImageInfo> ImageStore::find(ImageId id) const {
  if (!exists(directory_of(id))) return fail("there is no image " + id.hex(), ENOENT);
  auto info = read_manifest(directory_of(id));
  if (info) info->id = id;
  return info;
}

Result<std::vector<ImageInfo>> ImageStore::list() const {
  std::vector<ImageInfo> images;
  std::error_code error;
  fs::directory_iterator entries(directory_, error);
  if (error) return fail_errno("list " + directory_, error.value());
  for (const auto& entry : entries) {
    auto id = ImageId::parse(entry.path().filename().string());
    if (!id) continue;
    if (auto info = find(*id)) images.push_back(std::move(*info));
  }
  std::sort(images.begin(), images.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return images;
}

Status ImageStore::verify(ImageId id) const {
  if (!exists(directory_of(id))) return fail("there is no image " + id.hex(), ENOENT);
  return verify_files(directory_of(id));
}

Status ImageStore::remove(ImageId id) const {
  const std::string going = directory_of(id) + std::string(kUnfinished);
  if (exists(directory_of(id))) BANGER_TRY(host::rename_durably(directory_of(id), going));
  return remove_tree(going);
}

}  // namespace banger::image
