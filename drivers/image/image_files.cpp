#include "drivers/image/image_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "drivers/disk/qcow2.h"
#include "drivers/host/child.h"
#include "drivers/host/durable.h"
#include "drivers/image/digest.h"
#include "drivers/image/recipes.h"

namespace banger::image {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr auto kRecipeDeadline = std::chrono::minutes(30);
constexpr auto kCopyDeadline = std::chrono::minutes(30);
constexpr std::uint64_t kRoomToImport = 256ull << 20;
constexpr std::uint64_t kMaxManifestBytes = 64 * 1024;
constexpr std::array kFileNames = {kRootfsName, kKernelName, kInitrdName};

Result<json> read_json(const std::string& path) {
  std::error_code error;
  auto size = fs::file_size(path, error);
  if (error) return fail_errno("read " + path, error.value());
  if (size > kMaxManifestBytes) return fail(path + " is too large for a manifest");
  std::ifstream file(path, std::ios::binary);
  auto parsed = json::parse(file, nullptr, false);
  if (!parsed.is_object()) return fail(path + " is not a JSON object");
  return parsed;
}

std::string text_of(const json& object, const char* key) {
  auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

// Nothing where it is no whole number, or not there: the digest does not cover it, so it may be anything.
std::optional<std::uint64_t> bytes_of(const json& file) {
  auto it = file.find("bytes");
  if (it == file.end() || !it->is_number_unsigned()) return std::nullopt;
  return it->get<std::uint64_t>();
}

std::uint64_t allocated_bytes(const std::string& path) {
  struct stat st{};
  if (::stat(path.c_str(), &st) != 0) return 0;
  return static_cast<std::uint64_t>(st.st_blocks) * 512;
}

Status require_ext4(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 2> magic{};
  // The superblock is at 1024; s_magic at 0x38 of it (kernel: Documentation/filesystems/ext4).
  if (!file.seekg(1024 + 0x38) || !file.read(magic.data(), magic.size()) || magic[0] != '\x53' ||
      magic[1] != '\xef') {
    return fail(path + " is no ext4 file system (a whole disk with partitions is not taken)");
  }
  return {};
}

Result<bool> is_qcow2(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail_errno("open " + path, errno);
  std::array<char, 4> magic{};
  file.read(magic.data(), magic.size());
  return std::string_view(magic.data(), magic.size()) == "QFI\xfb";
}

// The image's own digest is that of this text, not of the JSON file, whose spelling may change.
std::string canonical_text(const json& files, const ImageInfo& info) {
  std::ostringstream text;
  text << "banger image 1\n";
  for (const auto& [name, facts] : files.items()) {
    text << name << ' ' << text_of(facts, "sha256") << '\n';
  }
  text << info.arch << '\n' << info.user << '\n' << info.cmdline << '\n';
  return text.str();
}

Status run_copy(std::vector<std::string> argv, const std::atomic<bool>* cancelled) {
  host::ChildSpec child;
  child.argv = std::move(argv);
  child.deadline = kCopyDeadline;
  child.cancelled = cancelled;
  auto done = host::run_child_checked(child);
  if (!done) return std::unexpected(done.error());
  return {};
}

std::optional<Digest> parse_digest(const std::string& hex) {
  if (hex.size() != 64) return std::nullopt;
  Digest digest;
  for (std::size_t part = 0; part < 4; ++part) {
    auto word = parse_hex64(std::string_view(hex).substr(part * 16, 16));
    if (!word) return std::nullopt;
    for (std::size_t byte = 0; byte < 8; ++byte) {
      digest[part * 8 + byte] = static_cast<std::uint8_t>(*word >> (56 - 8 * byte));
    }
  }
  return digest;
}

}  // namespace

Status run_recipe(const std::string& recipe, const std::string& out,
                  const std::vector<std::string>& environment, const std::atomic<bool>* cancelled,
                  const Progress& progress) {
  const std::string scripts = out + "/recipe";
  std::error_code error;
  for (const auto& file : recipe_files()) {
    const std::string path = scripts + "/" + std::string(file.path);
    fs::create_directories(host::parent_of(path), error);
    if (!(std::ofstream(path, std::ios::binary) << file.content).flush()) {
      return fail_errno("write " + path, errno);
    }
  }
  host::ChildSpec child;
  child.argv = {"bash", scripts + "/" + recipe + ".sh", out};
  child.environment = environment;
  child.directory = out;
  child.deadline = kRecipeDeadline;
  child.cancelled = cancelled;
  auto done = host::run_child_checked(child, progress);
  fs::remove_all(scripts, error);
  if (!done) return with_context("recipe " + recipe, done.error());
  return {};
}

Result<ImageInfo> take_recipe_facts(const std::string& out) {
  const std::string path = out + "/recipe.json";
  auto facts = read_json(path);
  if (!facts) return std::unexpected(facts.error());
  std::error_code error;
  fs::remove(path, error);
  ImageInfo info;
  info.arch = text_of(*facts, "arch");
  info.user = text_of(*facts, "user");
  info.cmdline = text_of(*facts, "cmdline");
  info.kernel_version = text_of(*facts, "kernel_version");
  info.recipe = text_of(*facts, "recipe");
  return info;
}

Status take_file(const std::string& from, const std::string& to,
                 const std::atomic<bool>* cancelled) {
  std::error_code error;
  if (!fs::is_regular_file(from, error)) return fail(from + " is not a file");
  BANGER_TRY(host::require_free_space(host::parent_of(to), allocated_bytes(from) + kRoomToImport));
  return run_copy({"cp", "--sparse=always", "--reflink=auto", "--", from, to}, cancelled);
}

Status take_rootfs(const std::string& from, const std::string& to,
                   const std::atomic<bool>* cancelled) {
  auto qcow2 = is_qcow2(from);
  if (!qcow2) return std::unexpected(qcow2.error());
  if (*qcow2) {
    auto info = disk::disk_info(from, "qcow2");
    if (!info) return std::unexpected(info.error());
    // It would read whatever file of the host its header names.
    if (!info->base.empty())
      return fail(from + " is over another file, " + info->base + ": flatten it first");
    BANGER_TRY(host::require_free_space(host::parent_of(to), info->disk_bytes + kRoomToImport));
    BANGER_TRY(
        run_copy({"qemu-img", "convert", "-q", "-f", "qcow2", "-O", "raw", from, to}, cancelled));
  } else {
    BANGER_TRY(require_ext4(from));
    BANGER_TRY(take_file(from, to, cancelled));
  }
  return require_ext4(to);
}

Result<ImageInfo> seal(const std::string& directory, ImageInfo info,
                       const std::atomic<bool>* cancelled) {
  json files = json::object();
  for (const char* name : kFileNames) {
    const std::string path = directory + "/" + name;
    struct stat st{};
    if (::stat(path.c_str(), &st) != 0) {
      if (name == kInitrdName) continue;
      return fail_errno("the image has no " + std::string(name), errno);
    }
    auto digest = digest_of_file(path, cancelled);
    if (!digest) return std::unexpected(digest.error());
    files[name] = {{"sha256", to_hex(*digest)}, {"bytes", static_cast<std::uint64_t>(st.st_size)}};
    if (::chmod(path.c_str(), 0444) != 0) return fail_errno("chmod " + path, errno);
    BANGER_TRY(host::sync_path(path));
  }
  json manifest = {{"version", 1},
                   {"digest", to_hex(digest_of(canonical_text(files, info)))},
                   {"files", files},
                   {"arch", info.arch},
                   {"user", info.user},
                   {"cmdline", info.cmdline},
                   {"kernel_version", info.kernel_version},
                   {"recipe", info.recipe}};
  BANGER_TRY(
      host::write_file_durably(directory + "/" + kManifestName, manifest.dump(2) + "\n", 0444));
  return read_manifest(directory);
}

Result<ImageInfo> read_manifest(const std::string& directory) {
  auto manifest = read_json(directory + "/" + kManifestName);
  if (!manifest) return std::unexpected(manifest.error());
  const auto& files = (*manifest)["files"];
  ImageInfo info;
  info.arch = text_of(*manifest, "arch");
  info.user = text_of(*manifest, "user");
  info.cmdline = text_of(*manifest, "cmdline");
  info.kernel_version = text_of(*manifest, "kernel_version");
  info.recipe = text_of(*manifest, "recipe");
  auto digest = parse_digest(text_of(*manifest, "digest"));
  if (!digest || !files.is_object()) return fail(directory + ": its manifest is not one of ours");
  if (*digest != digest_of(canonical_text(files, info)))
    return fail(directory + ": its manifest was changed");
  info.digest = *digest;
  for (const char* name : kFileNames) {
    if (!files.contains(name)) continue;
    const std::string path = directory + "/" + name;
    struct stat st{};
    if (::stat(path.c_str(), &st) != 0) return fail_errno("look at " + path, errno);
    const auto size = static_cast<std::uint64_t>(st.st_size);
    if (bytes_of(files[name]) != size)
      return fail(path + " has changed its size");
    info.disk_bytes += allocated_bytes(path);
    if (name == kRootfsName) info.virtual_bytes = size;
    (name == kRootfsName ? info.rootfs : name == kKernelName ? info.kernel : info.initrd) = path;
  }
  if (info.rootfs.empty() || info.kernel.empty())
    return fail(directory + ": its manifest lacks files");
  return info;
}

Status verify_files(const std::string& directory) {
  auto manifest = read_json(directory + "/" + kManifestName);
  if (!manifest) return std::unexpected(manifest.error());
  auto info = read_manifest(directory);
  if (!info) return std::unexpected(info.error());
  for (const auto& [name, facts] : (*manifest)["files"].items()) {
    const std::string path = directory + "/" + name;
    auto digest = digest_of_file(path);
    if (!digest) return std::unexpected(digest.error());
    if (to_hex(*digest) != text_of(facts, "sha256")) return fail(path + " is not what it was");
  }
  return {};
}

}  // namespace banger::image
