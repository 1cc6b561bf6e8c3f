#include "drivers/image/image_store.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "drivers/host/child.h"
#include "drivers/image/digest.h"
#include "drivers/image/recipes.h"
#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"

namespace fs = std::filesystem;
using namespace banger;
using namespace banger::image;

namespace {

constexpr ImageId kId{0x1234};

std::string run(std::vector<std::string> argv) {
  host::ChildSpec child;
  child.argv = std::move(argv);
  auto done = host::run_child_checked(child);
  INFO((done ? "" : done.error().message));
  REQUIRE(done);
  return *done;
}

// A store, and beside it a small ext4 with one file in it, a kernel and an initrd to import.
struct Fixture {
  test::TempDir dir;
  ImageStore store;
  ImportSpec spec;

  Fixture() : store(*ImageStore::open(dir / "images")) {
    fs::create_directory(dir / "tree");
    std::ofstream(dir / "tree/hello") << "hello";
    run({"mke2fs", "-q", "-t", "ext4", "-d", dir / "tree", dir / "root.ext4", "8M"});
    std::ofstream(dir / "vmlinux") << "kernel";
    std::ofstream(dir / "ramdisk") << "initrd";
    spec.path = dir / "root.ext4";
    spec.kernel = dir / "vmlinux";
    spec.initrd = dir / "ramdisk";
  }
  [[nodiscard]] Result<ImageInfo> import() const { return store.import(kId, spec, {}); }
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(dir / "images"), {}));
  }
};

}  // namespace

TEST_CASE("digests are those of sha256sum, holes included") {
  test::TempDir dir;
  CHECK(to_hex(digest_of("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  std::ofstream(dir / "sparse") << "start";
  fs::resize_file(dir / "sparse", 3 << 20);
  CHECK(to_hex(*digest_of_file(dir / "sparse")) ==
        run({"sha256sum", dir / "sparse"}).substr(0, 64));
}

TEST_CASE("an import is found, listed and verified, and can't be written to") {
  Fixture f;
  f.spec.cmdline = "mitigations=off";
  auto image = f.import();
  INFO((image ? "" : image.error().message));
  REQUIRE(image);
  CHECK(image->id == kId);
  CHECK(image->virtual_bytes == 8u << 20);
  CHECK(image->disk_bytes > 0);
  CHECK(image->user == "root");
  CHECK(image->cmdline == "mitigations=off");
  CHECK(image->recipe.empty());
  CHECK(*f.store.find(kId) == *image);
  CHECK(*f.store.list() == std::vector<ImageInfo>{*image});
  CHECK(f.store.verify(kId));
  for (const auto& path : {image->rootfs, image->kernel, image->initrd}) {
    struct stat st{};
    REQUIRE(::stat(path.c_str(), &st) == 0);
    CHECK((st.st_mode & 0777) == 0444);
  }
  auto again = f.import();
  REQUIRE_FALSE(again);
  CHECK(again.error().sys_errno == EEXIST);
}

TEST_CASE("the same files give the same digest, other files another") {
  Fixture f;
  const auto first = f.import()->digest;
  REQUIRE(f.store.remove(kId));
  CHECK(f.import()->digest == first);
  REQUIRE(f.store.remove(kId));
  std::ofstream(f.dir / "vmlinux") << "another";
  CHECK(f.import()->digest != first);
}

TEST_CASE("a qcow2 and a directory can be imported, too") {
  Fixture f;
  SECTION("qcow2") {
    run({"qemu-img", "convert", "-f", "raw", "-O", "qcow2", f.spec.path, f.dir / "root.qcow2"});
    f.spec.path = f.dir / "root.qcow2";
  }
  SECTION("directory") {
    fs::create_directory(f.dir / "whole");
    fs::rename(f.dir / "root.ext4", f.dir / "whole/rootfs.ext4");
    fs::rename(f.dir / "vmlinux", f.dir / "whole/kernel");
    fs::rename(f.dir / "ramdisk", f.dir / "whole/initrd");
    f.spec = {};
    f.spec.path = f.dir / "whole";
  }
  auto image = f.import();
  INFO((image ? "" : image.error().message));
  REQUIRE(image);
  CHECK(image->virtual_bytes == 8u << 20);
  CHECK_FALSE(image->initrd.empty());
  CHECK(run({"debugfs", "-R", "cat /hello", image->rootfs}) == "hello");
}

TEST_CASE("an import without a kernel gets this host's guest kernel and its initrd") {
  Fixture f;
  f.spec.kernel.clear();
  f.spec.initrd.clear();
  std::vector<std::string> steps;
  auto image =
      f.store.import(kId, f.spec, [&](std::string_view line) { steps.emplace_back(line); });
  INFO((image ? "" : image.error().message));
  REQUIRE(image);
  CHECK(fs::file_size(image->kernel) > 1 << 20);
  CHECK(fs::file_size(image->initrd) > 1 << 20);
  CHECK(steps == std::vector<std::string>{"step 1/1 kernel and initrd"});
}

TEST_CASE("what can't be imported leaves nothing") {
  Fixture f;
  SECTION("a missing file") {
    f.spec.path = f.dir / "absent";
  }
  SECTION("a missing kernel") {
    f.spec.kernel = f.dir / "absent";
  }
  SECTION("no file system") {
    std::ofstream(f.dir / "junk") << std::string(4096, 'j');
    f.spec.path = f.dir / "junk";
  }
  SECTION("an empty file") {
    std::ofstream(f.dir / "empty").flush();
    f.spec.path = f.dir / "empty";
  }
  SECTION("a qcow2 over a file of the host's") {
    run({"qemu-img", "create", "-q", "-f", "qcow2", "-b", f.spec.path, "-F", "raw",
         f.dir / "over"});
    f.spec.path = f.dir / "over";
  }
  SECTION("no guest kernel on this host") {
    f.spec.kernel.clear();
    f.spec.environment = {"BANGER_KERNEL_DIR=/nonexistent"};
  }
  static const std::atomic<bool> kCancelled = true;
  SECTION("cancelled") {
    f.spec.cancelled = &kCancelled;
  }
  auto image = f.import();
  REQUIRE_FALSE(image);
  INFO(image.error().message);
  CHECK_FALSE(image.error().message.empty());
  CHECK(f.entries() == 0);
  CHECK_FALSE(f.store.find(kId));
}

TEST_CASE("opening the store sweeps unfinished images and leaves whole ones") {
  Fixture f;
  auto image = f.import();
  REQUIRE(image);
  fs::create_directories(f.dir / "images/00000000000000ff.unfinished/tree/deep");
  std::ofstream(f.dir / "images/00000000000000ff.unfinished/tree/deep/file") << "x";
  auto store = ImageStore::open(f.dir / "images");
  REQUIRE(store);
  CHECK(f.entries() == 1);
  CHECK(*store->list() == std::vector<ImageInfo>{*image});
}

TEST_CASE("removing is final, and may be repeated") {
  Fixture f;
  REQUIRE(f.import());
  CHECK(f.store.remove(kId));
  CHECK(f.entries() == 0);
  CHECK(f.store.remove(kId));
  CHECK(f.store.find(kId).error().sys_errno == ENOENT);
  CHECK(f.store.verify(kId).error().sys_errno == ENOENT);
  CHECK(f.import());
}

TEST_CASE("damage to an image is seen") {
  Fixture f;
  auto image = f.import();
  REQUIRE(image);
  const auto manifest = f.store.directory_of(kId) + "/image.json";
  auto overwrite = [](const std::string& path, std::string_view text, std::streamoff at) {
    fs::permissions(path, fs::perms::owner_write, fs::perm_options::add);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file << text;
  };
  SECTION("a changed byte") {
    overwrite(image->rootfs, "x", 5'000'000);
    CHECK(f.store.find(kId));
    CHECK_FALSE(f.store.verify(kId));
  }
  SECTION("a truncated file is seen at once") {
    fs::permissions(image->rootfs, fs::perms::owner_write, fs::perm_options::add);
    fs::resize_file(image->rootfs, 1 << 20);
    CHECK_FALSE(f.store.find(kId));
    CHECK(f.store.list()->empty());
  }
  SECTION("a missing file") {
    fs::remove(image->kernel);
    CHECK_FALSE(f.store.find(kId));
  }
  SECTION("a manifest that isn't one") {
    overwrite(manifest, "]", 0);
    CHECK_FALSE(f.store.find(kId));
  }
  SECTION("a manifest that says something else") {
    std::ifstream in(manifest);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    overwrite(manifest, "toor", static_cast<std::streamoff>(text.find("\"root\"") + 1));
    CHECK_FALSE(f.store.find(kId));
  }
  SECTION("a manifest with a text where a number should be") {
    std::ifstream in(manifest);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const auto first = text.find_first_of("0123456789", text.rfind("\"bytes\""));
    const auto last = text.find_first_not_of("0123456789", first) - 1;
    REQUIRE(last > first);
    for (const auto digit : {first, last}) overwrite(manifest, "\"", static_cast<std::streamoff>(digit));
    CHECK_FALSE(f.store.find(kId));
  }
}

TEST_CASE("an unknown recipe is refused with the known ones; a name is no path") {
  Fixture f;
  for (const char* name : {"absent", "common", "boot", "../tiny", ""}) {
    BuildSpec spec;
    spec.recipe = name;
    auto image = f.store.build(kId, spec, {});
    REQUIRE_FALSE(image);
    CHECK(image.error().message.find("there are: debian, tiny") != std::string::npos);
  }
  CHECK(f.entries() == 0);
}

TEST_CASE("a build that fails or is cancelled leaves nothing, and says why") {
  Fixture f;
  BuildSpec spec;
  spec.recipe = "tiny";
  SECTION("no kernel") {
    spec.environment = {"BANGER_KERNEL_DIR=/nonexistent"};
    auto image = f.store.build(kId, spec, {});
    REQUIRE_FALSE(image);
    CHECK(image.error().message.find("/nonexistent") != std::string::npos);
    CHECK(image.error().message.find("scripts/install-deps") != std::string::npos);
  }
  SECTION("cancelled at its first step") {
    std::atomic<bool> cancelled = false;
    spec.cancelled = &cancelled;
    auto image = f.store.build(kId, spec, [&](std::string_view) { cancelled = true; });
    REQUIRE_FALSE(image);
    CHECK(image.error().sys_errno == ECANCELED);
  }
  CHECK(f.entries() == 0);
}

TEST_CASE("the recipes in the library are the files of the source tree") {
  CHECK(ImageStore::recipes() == std::vector<std::string>{"debian", "tiny"});
  for (const auto& file : recipe_files()) {
    INFO(file.path);
    std::ifstream in(std::string(BANGER_RECIPES_DIR) + "/" + std::string(file.path),
                     std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    CHECK(text == file.content);
    CHECK_FALSE(text.empty());
  }
}
