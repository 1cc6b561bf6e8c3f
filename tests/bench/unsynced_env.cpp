#include "tests/bench/unsynced_env.h"

#include <rocksdb/file_system.h>

namespace banger::bench {
namespace {

using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

class UnsyncedFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Fsync(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
};

class UnsyncedFs : public rocksdb::FileSystemWrapper {
 public:
  UnsyncedFs() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "UnsyncedFs"; }

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<FSWritableFile>* file,
                           IODebugContext* context) override {
    std::unique_ptr<FSWritableFile> real;
    const IOStatus opened = FileSystemWrapper::NewWritableFile(path, options, &real, context);
    if (opened.ok()) *file = std::make_unique<UnsyncedFile>(std::move(real));
    return opened;
  }
};

}  // namespace

std::unique_ptr<rocksdb::Env> make_unsynced_env() {
  return rocksdb::NewCompositeEnv(std::make_shared<UnsyncedFs>());
}

}  // namespace banger::bench
