// An archive: the oldest blocks of a log in a file of their own, bytes as they were stored
// (docs/EVENT_LOG.md has the layout). An event is found by a binary search in the file's index, each
// step one pread, so that opening costs nothing however large it is. Used by everything that reads
// blocks, by way of BlockSource. Bytes may be damaged or missing: every Error names the file and its
// events, and nothing is believed before the checksum that covers it.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "events/ids.h"
#include "events/log/block.h"
#include "events/log/files.h"
#include "events/log/hash.h"
#include "events/result.h"

namespace banger::log {

inline constexpr std::uint16_t kArchiveFormat = 1;
inline constexpr std::size_t kArchiveHeaderBytes = 76;
inline constexpr std::size_t kArchiveEntryBytes = 24;
inline constexpr std::size_t kArchiveFooterBytes = 84;

// What the store keeps of an archive: enough to tell its file from any other.
struct ArchiveRecord {
  Sequence first = 0;
  Sequence last = 0;
  Digest chain{};           // chain hash after the last event
  Digest digest{};          // SHA-256 of the file up to its digest
  std::uint64_t bytes = 0;  // of the file

  friend bool operator==(const ArchiveRecord&, const ArchiveRecord&) = default;
};

// The chain hash is part of it: after a restore the same events may come again as other ones.
[[nodiscard]] std::string archive_name(StoreId store, const ArchiveRecord& record);
// "archive NAME (events 1 to 4096)", for errors and people.
[[nodiscard]] std::string describe(StoreId store, const ArchiveRecord& record);

class ArchiveFile {
 public:
  // Refuses a file that is not the one of the record: by its header, its footer and its size.
  [[nodiscard]] static Result<ArchiveFile> open(const std::filesystem::path& path, StoreId store,
                                                const ArchiveRecord& record);

  [[nodiscard]] std::size_t blocks() const { return blocks_; }
  [[nodiscard]] const Digest& before() const { return before_; }
  // Which block holds the event, which must lie in the archive.
  [[nodiscard]] Result<std::size_t> find(Sequence sequence) const;
  // The bytes of a block, and its contents as views into them. Another block in its place is an Error.
  [[nodiscard]] Status read(std::size_t index, std::string& bytes, Block& block) const;
  // All of it: every block, its chain, the index, the digest. The visitor sees each block.
  using Visitor = std::function<void(const Block&, std::size_t bytes)>;
  [[nodiscard]] Status verify(const Visitor& visit) const;

 private:
  struct Entry {
    Sequence first = 0;
    std::uint64_t offset = 0;
    std::uint32_t bytes = 0;
  };
  ArchiveFile() = default;
  [[nodiscard]] Status load(StoreId store);
  [[nodiscard]] Result<Entry> entry(std::size_t index) const;
  [[nodiscard]] Status digest_fits() const;

  Fd fd_;
  ArchiveRecord record_;
  std::string about_;  // what errors begin with
  Digest before_{};    // chain hash before the first event
  std::size_t blocks_ = 0;
  std::uint64_t index_offset_ = 0;
};

// Writes one, block by block. What is not finished is no archive, and whoever made it removes it.
class ArchiveWriter {
 public:
  // `before`: the chain hash before event `first`.
  [[nodiscard]] static Result<ArchiveWriter> create(const std::filesystem::path& path, StoreId store,
                                                    Sequence first, Sequence last,
                                                    const Digest& before);
  // The next block; its bytes as they are to be stored. An Error where it does not chain.
  [[nodiscard]] Status add(std::string_view bytes);
  // Index, digest, fsync.
  [[nodiscard]] Result<ArchiveRecord> finish();

 private:
  ArchiveWriter() = default;
  [[nodiscard]] Status put(std::string_view bytes);
  [[nodiscard]] Status flush();

  Fd fd_;
  std::string path_;
  ArchiveRecord record_;
  Sequence next_ = 0;
  Hasher digest_;
  Hasher chain_;
  Block block_;
  std::string index_;
  std::string buffer_;
};

}  // namespace banger::log
