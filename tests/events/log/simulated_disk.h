// What a machine's disk holds after a crash, of the calls that a watched process made: at least what was synced before, and
// of the rest what chance wills. A file's changes get to the disk in their order, the last one perhaps in part; a directory's likewise;
// between files and directories there is no order. A sync saves what came before it began. Names are saved by a sync of
// their directory and by nothing else, although file systems are kinder.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/events/log/watched.h"

namespace banger::log::test {

enum class Crash {
  kLost,   // nothing that was not synced is there
  kKept,   // everything is: the process was killed, and not the machine
  kTorn,   // all names, and of each file's changes the last one in part
  kMixed,  // of each file's and each directory's changes as many as it happens
};
inline constexpr Crash kCrashes[] = {Crash::kLost, Crash::kKept, Crash::kTorn, Crash::kMixed};

class SimulatedDisk {
 public:
  SimulatedDisk();
  // Its paths are relative to what was an empty directory.
  void take(const Call& call);
  // A sync failed: what it was to save of a file's contents is not saved by a later one either.
  void forsake(const Call& sync);
  // Writes what would be found into an empty directory.
  void write_to(const std::filesystem::path& directory, Crash crash) const;

 private:
  struct Node;
  using NodePtr = std::shared_ptr<Node>;
  struct Change {  // of a file: bytes at an offset, or a size; of a directory: what a name means now
    std::string bytes;
    std::size_t offset = 0;
    bool resizes = false;
    std::string name;
    NodePtr node;
  };
  struct Node {
    bool directory = false;
    std::string bytes, saved_bytes;
    std::map<std::string, NodePtr> entries, saved_entries;
    std::vector<Change> unsaved;
    std::size_t syncing = 0;  // of the unsaved ones those that a sync under way saves
  };

  static void make(Change change, Node& node);
  static void apply(const Change& change, std::string& bytes);
  static void apply(const Change& change, std::map<std::string, NodePtr>& entries);
  static void write_node(const Node& node, const std::filesystem::path& path, Crash crash);
  // Null where there is none.
  [[nodiscard]] NodePtr find(const std::filesystem::path& path) const;
  [[nodiscard]] Node& parent(const std::filesystem::path& path) const;
  void name(const std::filesystem::path& path, NodePtr node);

  NodePtr root_;
};

}  // namespace banger::log::test
