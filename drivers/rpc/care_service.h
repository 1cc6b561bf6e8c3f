// The part of ControlService that takes care of the log: its pieces as bundles, its projections held against
// it. Apart, because few clients need it. All on the loop's thread; answers come once, maybe late.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/command.h"
#include "events/result.h"

namespace banger::rpc {

// A moment in the log: neither is the present.
struct Point {
  std::optional<Sequence> sequence;
  std::optional<std::int64_t> time_ns;
};

struct LogHead {
  std::string store_id;
  std::uint64_t epoch = 0;
  Sequence first = 0, last = 0;
  Digest chain{};
};

// Events from `first` to `last` (0, 0: none), and `others`, which ascend and come before them.
struct BundleSelection {
  Sequence first = 0, last = 0;
  std::vector<Sequence> others;
  bool more_others = false;  // nothing behind the last one is to be taken yet
};
struct BundlePart {
  std::string records;
  Sequence next = 0;  // the cursor to go on with; 0: that was all
};

struct CheckedProjection {
  std::string name;
  std::uint64_t rows = 0, bytes = 0, drifted = 0;
};
struct DriftedRow {
  std::string projection, key, stored, folded;  // an empty one is not there
};
struct CheckReport {
  Sequence sequence = 0;
  std::vector<CheckedProjection> projections;
  std::vector<DriftedRow> rows;
};
struct Rebuilt {
  std::uint64_t rows = 0;
  Sequence sequence = 0;
};
struct Erased {
  std::uint64_t events = 0;
  Sequence sequence = 0;  // of the record
};
// A `first` of 0: there is nothing to archive. Of a dry run the last three are not there.
struct Archived {
  Sequence first = 0, last = 0;
  std::uint64_t block_bytes = 0;
  std::string file;
  std::uint64_t file_bytes = 0;
  Sequence sequence = 0;  // of the record
};
struct ArchiveState {
  Sequence first = 0, last = 0;
  std::uint64_t bytes = 0;
  Digest digest{};
  std::string file;
  std::string problem;  // why it cannot be read; empty: it can
};
struct ArchiveAsked {
  Point before;
  bool dry_run = false;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // on the loop's thread
};
template <class T>
using Care = std::expected<T, Rejection>;

class CareService {
 public:
  virtual ~CareService() = default;

  virtual void log_head(std::function<void(LogHead)> answer) = 0;
  virtual void bundle_part(BundleSelection selection, Sequence cursor, std::size_t max_bytes,
                           std::function<void(Result<BundlePart>)> answer) = 0;

  // An empty name: all of them.
  virtual void check_projections(std::string_view name, std::function<void(Care<CheckReport>)> answer) = 0;
  virtual void rebuild_projections(std::string_view name, std::function<void(Care<Rebuilt>)> answer) = 0;
  // Gives the head of the copy.
  virtual void backup(std::string_view directory, std::function<void(Care<Sequence>)> answer) = 0;
  virtual void erase(std::uint32_t caller_uid, std::string_view client, VmId vm, std::string_view name,
                     std::function<void(Care<Erased>)> answer) = 0;
  virtual void archive(std::uint32_t caller_uid, std::string_view client, ArchiveAsked asked,
                       std::function<void(Care<Archived>)> answer) = 0;
  // Looks at each archive's file.
  virtual void archives(std::function<void(std::vector<ArchiveState>)> answer) = 0;
};

}  // namespace banger::rpc
