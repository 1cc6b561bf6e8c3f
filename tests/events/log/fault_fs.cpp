#include "tests/events/log/fault_fs.h"

#include <rocksdb/file_system.h>

#include <atomic>
#include <string>
#include <utility>

namespace banger::log::test {
namespace {

using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

std::atomic<Fault> fault{Fault::kNone};

class FaultFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* context) override {
    if (IOStatus bad = at_write(); !bad.ok()) return bad;
    return FSWritableFileOwnerWrapper::Append(data, options, context);
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& info, IODebugContext* context) override {
    if (IOStatus bad = at_write(); !bad.ok()) return bad;
    return FSWritableFileOwnerWrapper::Append(data, options, info, context);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* context) override {
    if (IOStatus bad = at_sync(); !bad.ok()) return bad;
    return FSWritableFileOwnerWrapper::Sync(options, context);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* context) override {
    if (IOStatus bad = at_sync(); !bad.ok()) return bad;
    return FSWritableFileOwnerWrapper::Fsync(options, context);
  }

 private:
  static IOStatus at_write() {
    if (fault == Fault::kNoSpaceAtWrite) return IOStatus::NoSpace("injected");
    if (fault == Fault::kErrorAtWrite) return IOStatus::IOError("injected at write");
    return IOStatus::OK();
  }
  static IOStatus at_sync() {
    return fault == Fault::kErrorAtSync ? IOStatus::IOError("injected at sync") : IOStatus::OK();
  }
};

class FaultFs : public rocksdb::FileSystemWrapper {
 public:
  FaultFs() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultFs"; }

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<FSWritableFile>* file,
                           IODebugContext* context) override {
    std::unique_ptr<FSWritableFile> real;
    IOStatus made = FileSystemWrapper::NewWritableFile(path, options, &real, context);
    if (made.ok() && path.ends_with(".log")) {
      *file = std::make_unique<FaultFile>(std::move(real));
    } else {
      *file = std::move(real);
    }
    return made;
  }
};

}  // namespace

void set_fault(Fault wanted) {
  fault = wanted;
}

std::unique_ptr<rocksdb::Env> make_fault_env() {
  return rocksdb::NewCompositeEnv(std::make_shared<FaultFs>());
}

}  // namespace banger::log::test
