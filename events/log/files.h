// The few system calls that the log makes beside RocksDB's: its lock, its anchor file, durable
// renames. Used by open, repair and restore. Nothing here follows a policy; descriptors are
// O_CLOEXEC and owned.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "events/log/anchor.h"
#include "events/result.h"

namespace banger::log {

// Where a log lives. `path` holds db/, archive/, lock and ballast; `anchor_dir` must not be inside it, so
// that whatever loses or swaps the one is seen by the other.
struct LogPaths {
  std::filesystem::path path;
  std::filesystem::path anchor_dir;

  [[nodiscard]] std::filesystem::path db() const { return path / "db"; }
  [[nodiscard]] std::filesystem::path archive() const { return path / "archive"; }
  [[nodiscard]] std::filesystem::path anchor_file() const { return anchor_dir / "head-anchor"; }
};

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();
  [[nodiscard]] int get() const { return fd_; }

 private:
  int release();
  int fd_ = -1;
};

// mkdir -p, 0700, and the directory's entry made durable.
[[nodiscard]] Status make_private_dir(const std::filesystem::path& dir);
[[nodiscard]] Status sync_dir(const std::filesystem::path& dir);
// rename(2) and both parents synced.
[[nodiscard]] Status rename_durably(const std::filesystem::path& from,
                                    const std::filesystem::path& to);
// Keeps any second opener of this log out for as long as the descriptor lives; waits for nobody.
[[nodiscard]] Result<Fd> lock_log(const LogPaths& paths);

// The anchor on disk. One writer.
class AnchorFile {
 public:
  // A missing file is not an error: newest() is nothing then, and write() makes it.
  [[nodiscard]] static Result<AnchorFile> open(const LogPaths& paths, bool writable);

  [[nodiscard]] const std::optional<Anchor>& newest() const { return slots_.newest; }
  // Overwrites the older slot and syncs it.
  [[nodiscard]] Status write(const Anchor& anchor);

 private:
  Fd fd_;
  std::filesystem::path path_;
  AnchorSlots slots_;
};

}  // namespace banger::log
