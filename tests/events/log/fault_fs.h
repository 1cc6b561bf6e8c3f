// A file system whose write-ahead log fails when told to: how ENOSPC and EIO get into the log's
// tests.
#pragma once

#include <rocksdb/env.h>

#include <memory>

namespace banger::log::test {

enum class Fault { kNone, kNoSpaceAtWrite, kErrorAtWrite, kErrorAtSync };

// The fault that WAL files of this process show from now on.
void set_fault(Fault fault);
[[nodiscard]] std::unique_ptr<rocksdb::Env> make_fault_env();

}  // namespace banger::log::test
