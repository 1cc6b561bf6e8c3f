// Files as block devices, by the kernel's loop driver (loop(4), linux/loop.h). Straight-line functions for a
// worker thread, which take root. Whose a loop is, and what it is of, is asked of the kernel each time: by the mark
// that we gave it and by device and inode of its file, never by the text of a path and never from memory.
//
// Every loop of ours has LO_FLAGS_AUTOCLEAR: the kernel detaches it when the last one that has it open goes.
// A device-mapper table holds its loops open, and whoever attaches one holds it until then, so that a
// loop lives exactly as long as it is of use, and a process that dies halfway leaves none behind. Sharing one
// needs no counting either: the kernel counts.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "drivers/uv/fd.h"
#include "events/result.h"

namespace banger::loop {

inline constexpr std::size_t kMaxMark = 63;  // lo_file_name without its end

// A file, whatever it is called.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;

  friend bool operator==(const FileId&, const FileId&) = default;
};
[[nodiscard]] Result<FileId> file_id(const std::string& path);

// One that has a file, as it was a moment ago.
struct LoopDevice {
  std::uint32_t number = 0;
  dev_t device = 0;  // its own
  FileId file;
  std::string path;      // as the kernel spells the file's; a hint: it may have been renamed over since
  bool deleted = false;  // `path` does not lead to that file any more
  bool read_only = false;
  bool autoclear = false;
  bool whole = false;  // from the file's first byte to its last
  std::string mark;    // what attach() was given; others' hold a piece of a path, or anything

  [[nodiscard]] std::string node() const { return "/dev/loop" + std::to_string(number); }
};

// Every loop of the host that has a file, by number.
[[nodiscard]] Result<std::vector<LoopDevice>> list_loops();

// The mark of loop `number`, ours or another's; nothing where it has no file (any more).
[[nodiscard]] Result<std::optional<std::string>> mark_of(std::uint32_t number);
// Those of every loop that has a file. Asks less of the kernel than list_loops() does.
[[nodiscard]] Result<std::vector<std::string>> marks();

// Keeps a loop: it is there, with this file, for as long as this is.
struct HeldLoop {
  LoopDevice loop;
  Fd fd;
};

struct AttachSpec {
  std::string path;  // a regular file, and no link to one
  bool read_only = false;
  std::string mark;  // whose it is; 1 to kMaxMark bytes
};

// Told of each loop before it is acquired, by its node ("/dev/loop3"); an Error from here ends the attempt.
// It may be told of several: somebody else was faster then.
using Intend = std::function<Status(const std::string& node)>;

// A new loop of the whole file. EPERM or EACCES where we may not.
[[nodiscard]] Result<HeldLoop> attach(const AttachSpec& spec, const Intend& intend = {});
// The one that is there with this file, this mark and this mode; nothing where there is none.
[[nodiscard]] Result<std::optional<HeldLoop>> find_attached(const AttachSpec& spec);
// Both: the one that is there, or else a new one.
[[nodiscard]] Result<HeldLoop> share(const AttachSpec& spec, const Intend& intend = {});

// Has the kernel detach it: at once, or where somebody has it open as soon as nobody has. A loop that is another
// one by now, or none, is left alone.
[[nodiscard]] Status detach(const LoopDevice& loop);

}  // namespace banger::loop
