#include "events/log/archiving.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "events/assert.h"
#include "events/log/keys.h"
#include "events/log/reader.h"

namespace banger::log {
namespace fs = std::filesystem;
namespace {

// Removes what was not finished.
class Unfinished {
 public:
  explicit Unfinished(fs::path path) : path_(std::move(path)) {}
  ~Unfinished() { ::unlink(path_.c_str()); }  // it has another name where all went well
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// What is on the disk, not what was meant to be: only then may the blocks go.
Status read_back(const fs::path& path, StoreId id, const ArchiveRecord& record,
                 const ArchiveFile::Visitor& visit) {
  const auto file = ArchiveFile::open(path, id, record);
  if (!file) return std::unexpected(file.error());
  return file->verify(visit);
}

// The last event up to which the writer's thread merges nothing any more, and the anchor has been.
Result<Sequence> settled_to(const Store& store, const LogPaths& paths) {
  const auto value = store.get(Family::kMeta, kMetaMerged);
  if (!value) return std::unexpected(value.error());
  const Sequence merged = *value ? parse_number(**value).value_or(0) : 0;
  const auto anchor = AnchorFile::open(paths, false);
  if (!anchor) return std::unexpected(anchor.error());
  return std::min(merged, anchor->newest() ? anchor->newest()->sequence : 0);
}

}  // namespace

Result<ArchivePlan> plan_archive(const Store& store, const Archives& archives, const LogPaths& paths,
                                 Sequence before, Sequence limit) {
  const auto settled = settled_to(store, paths);
  if (!settled) return std::unexpected(settled.error());
  const auto list = archives.list();
  const Sequence first = list->empty() ? 1 : list->back()->record().last + 1;
  const Sequence end = std::min({before, limit + 1, *settled + 1});  // the first event that stays
  ArchivePlan plan;
  auto it = store.scan(Family::kBlocks);
  std::uint64_t bytes = 0;
  for (it->Seek(number_key(first)); it->Valid(); it->Next()) {
    const auto begins = parse_number(it->key().ToStringView());
    if (!begins) return fail("the key of a block cannot be read");
    if (!plan.blocks.empty() && *begins <= end) {  // the block before this one ends in time
      plan.last = *begins - 1;
      plan.bytes = bytes;
    }
    if (*begins >= end) break;
    plan.blocks.push_back(*begins);
    bytes += it->value().size();
  }
  BANGER_TRY(check("read the log", it->status()));
  std::erase_if(plan.blocks, [&](Sequence begins) { return begins > plan.last; });
  if (plan.last > 0) plan.first = first;
  return plan;
}

Result<ArchiveChange> write_archive(const Store& store, const LogPaths& paths, StoreId id,
                                    const ArchivePlan& plan, const VerifyProgress& progress) {
  BANGER_ASSERT(plan.last >= plan.first && plan.first > 0 && !plan.blocks.empty());
  BANGER_TRY(make_private_dir(paths.archive()));
  const Unfinished made(unfinished_of(paths.archive() / (id.hex() + "-" + std::to_string(plan.first))));
  const std::uint64_t total = 2 * (plan.last - plan.first + 1);  // written, then read back
  Sequence done = 0;
  const auto tell = [&](const Block& block) {
    done += block.frames.size();
    if (progress) progress(done, total);
  };
  std::optional<ArchiveWriter> writer;
  auto it = store.scan(Family::kBlocks);
  Block block;
  for (it->Seek(number_key(plan.first)); it->Valid(); it->Next()) {
    BANGER_TRY(decode_block(it->value().ToStringView(), block));
    if (block.first > plan.last) break;
    if (!writer) {
      auto created = ArchiveWriter::create(made.path(), id, plan.first, plan.last, block.previous);
      if (!created) return std::unexpected(std::move(created).error());
      writer = *std::move(created);
    }
    BANGER_TRY(writer->add(it->value().ToStringView()));
    tell(block);
    if (block.last() == plan.last) break;
  }
  BANGER_TRY(check("read the log", it->status()));
  if (!writer || block.last() != plan.last) return fail("the log has changed since the archive was planned");
  auto record = writer->finish();
  if (!record) return std::unexpected(std::move(record).error());
  BANGER_TRY(read_back(made.path(), id, *record, [&](const Block& read, std::size_t) { tell(read); }));
  BANGER_TRY(rename_durably(made.path(), paths.archive() / archive_name(id, *record)));
  return ArchiveChange{.record = *record, .leaving = plan.blocks, .replaces = {}};
}

Result<std::vector<ArchiveChange>> rewrite_archives(const ArchiveList& list, const LogPaths& paths,
                                                    StoreId id, std::span<const Sequence> events) {
  std::vector<ArchiveChange> changes;
  const std::set<Sequence> erased(events.begin(), events.end());
  const auto in = [&](Sequence first, Sequence last) {
    return std::vector<Sequence>(erased.lower_bound(first), erased.upper_bound(last));
  };
  Hasher hasher;
  for (const auto& archive : list) {
    const ArchiveRecord& old = archive->record();
    if (in(old.first, old.last).empty()) continue;
    const auto file = archive->open();
    if (!file) return std::unexpected(file.error());
    const fs::path name = paths.archive() / archive->name();
    const Unfinished made(unfinished_of(name));
    auto writer = ArchiveWriter::create(made.path(), id, old.first, old.last, (*file)->before());
    if (!writer) return std::unexpected(std::move(writer).error());
    std::string bytes;
    Block block;
    for (std::size_t i = 0; i < (*file)->blocks(); ++i) {
      BANGER_TRY((*file)->read(i, bytes, block));
      const auto here = in(block.first, block.last());
      auto rewritten = here.empty() ? Result<std::string>(std::move(bytes))
                                    : erase_personal(bytes, here, hasher);
      if (!rewritten) return std::unexpected(std::move(rewritten).error());
      BANGER_TRY(writer->add(*rewritten));
    }
    auto record = writer->finish();
    if (!record) return std::unexpected(std::move(record).error());
    BANGER_TRY(read_back(made.path(), id, *record, {}));
    BANGER_TRY(rename_durably(made.path(), next_of(name)));
    changes.push_back({.record = *record, .leaving = {}, .replaces = old.digest});
  }
  return changes;
}

}  // namespace banger::log
