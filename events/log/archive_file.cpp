#include "events/log/archive_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "events/assert.h"
#include "events/log/bytes.h"

namespace banger::log {
namespace fs = std::filesystem;
namespace {

constexpr std::uint32_t kMagic = 0x63724162;  // "bArc"
constexpr std::size_t kBufferBytes = 1u << 20;

std::unexpected<Error> damaged(const char* what) {
  return fail(std::string("damaged: ") + what);
}

Status read_at(const Fd& fd, std::uint64_t offset, std::size_t count, std::string& out) {
  out.resize(count);
  for (std::size_t done = 0; done < count;) {
    const ssize_t got =
        ::pread(fd.get(), out.data() + done, count - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("read", errno);
    if (got == 0) return damaged("it is cut short");
    done += static_cast<std::size_t>(got);
  }
  return {};
}

// `bytes` with the CRC-32 of all of them behind.
std::string sealed(std::string bytes) {
  put_le(bytes, crc32_of(bytes));
  return bytes;
}

bool seal_holds(std::string_view bytes) {
  Reader checksum(bytes.substr(bytes.size() - 4));
  return crc32_of(bytes.substr(0, bytes.size() - 4)) == checksum.le<std::uint32_t>();
}

std::string header_of(StoreId store, Sequence first, Sequence last, const Digest& before) {
  std::string bytes;
  put_le(bytes, kMagic);
  put_le(bytes, kArchiveFormat);
  put_le(bytes, std::uint16_t{0});
  put_be(bytes, store.hi);
  put_be(bytes, store.lo);
  put_le(bytes, first);
  put_le(bytes, last);
  bytes += as_bytes(before);
  return sealed(std::move(bytes));
}

std::string entry_of(Sequence first, std::uint64_t offset, std::size_t bytes) {
  std::string entry;
  put_le(entry, first);
  put_le(entry, offset);
  put_le(entry, static_cast<std::uint32_t>(bytes));
  return sealed(std::move(entry));
}

}  // namespace

std::string archive_name(StoreId store, const ArchiveRecord& record) {
  return store.hex() + "-" + std::to_string(record.first) + "-" + std::to_string(record.last) + "-" +
         to_hex(record.chain).substr(0, 16) + ".archive";
}

std::string describe(StoreId store, const ArchiveRecord& record) {
  return "archive " + archive_name(store, record) + " (events " + std::to_string(record.first) +
         " to " + std::to_string(record.last) + ")";
}

Result<ArchiveFile> ArchiveFile::open(const fs::path& path, StoreId store,
                                      const ArchiveRecord& record) {
  ArchiveFile file;
  file.record_ = record;
  file.about_ = describe(store, record);
  file.fd_ = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd_.get() < 0) {
    const int reason = errno;
    if (reason == ENOENT) {
      return fail(file.about_ + " is not in " + path.parent_path().string() + ": put it back there",
                  ENOENT);
    }
    return fail_errno(file.about_ + ": open", reason);
  }
  if (auto loaded = file.load(store); !loaded) return with_context(file.about_, loaded.error());
  return file;
}

Status ArchiveFile::load(StoreId store) {
  struct stat about {};
  if (::fstat(fd_.get(), &about) != 0) return fail_errno("stat", errno);
  const auto size = static_cast<std::uint64_t>(about.st_size);
  if (size != record_.bytes || size < kArchiveHeaderBytes + kArchiveFooterBytes) {
    return damaged("it has another size than was recorded");
  }
  std::string bytes;
  BANGER_TRY(read_at(fd_, 0, kArchiveHeaderBytes, bytes));
  if (!seal_holds(bytes)) return damaged("checksum of its header");
  Reader header(bytes);
  if (header.le<std::uint32_t>() != kMagic) return damaged("not an archive");
  const auto format = header.le<std::uint16_t>();
  if (format != kArchiveFormat) {
    return fail("it has format " + std::to_string(format) + ", and this program knows " +
                std::to_string(kArchiveFormat));
  }
  if (header.le<std::uint16_t>() != 0) return damaged("header");
  const auto hi = header.be<std::uint64_t>();
  const StoreId owner{hi, header.be<std::uint64_t>()};
  if (owner != store) return damaged("it is of another store");
  const auto first = header.le<Sequence>();
  if (first != record_.first || header.le<Sequence>() != record_.last) {
    return damaged("it holds other events");
  }
  before_ = header.digest();

  BANGER_TRY(read_at(fd_, size - kArchiveFooterBytes, kArchiveFooterBytes, bytes));
  if (!seal_holds(bytes)) return damaged("checksum of its footer");
  Reader footer(bytes);
  blocks_ = footer.le<std::uint64_t>();
  index_offset_ = footer.le<std::uint64_t>();
  const std::uint64_t room = size - kArchiveFooterBytes;
  if (blocks_ == 0 || index_offset_ > room || (room - index_offset_) % kArchiveEntryBytes != 0 ||
      (room - index_offset_) / kArchiveEntryBytes != blocks_) {
    return damaged("footer");
  }
  if (footer.digest() != record_.chain) return damaged("it ends with another chain hash");
  if (footer.digest() != record_.digest) return damaged("it has other contents than were recorded");
  return {};
}

Result<ArchiveFile::Entry> ArchiveFile::entry(std::size_t index) const {
  BANGER_ASSERT(index < blocks_);
  std::string bytes;
  const std::uint64_t at = index_offset_ + index * kArchiveEntryBytes;
  BANGER_TRY(read_at(fd_, at, kArchiveEntryBytes, bytes));
  if (!seal_holds(bytes)) return damaged("checksum in its index");
  Reader reader(bytes);
  Entry entry;
  entry.first = reader.le<Sequence>();
  entry.offset = reader.le<std::uint64_t>();
  entry.bytes = reader.le<std::uint32_t>();
  if (entry.first < record_.first || entry.first > record_.last || entry.bytes > kMaxBlockBytes ||
      entry.offset < kArchiveHeaderBytes || entry.offset > index_offset_ ||
      entry.bytes > index_offset_ - entry.offset) {
    return damaged("index");
  }
  return entry;
}

Result<std::size_t> ArchiveFile::find(Sequence sequence) const {
  BANGER_ASSERT(sequence >= record_.first && sequence <= record_.last);
  std::size_t low = 0;  // its block begins at the event or before it
  for (std::size_t high = blocks_; high - low > 1;) {
    const std::size_t middle = low + (high - low) / 2;
    const auto found = entry(middle);
    if (!found) return with_context(about_, found.error());
    (found->first <= sequence ? low : high) = middle;
  }
  return low;
}

Status ArchiveFile::read(std::size_t index, std::string& bytes, Block& block) const {
  const auto wanted = entry(index);
  if (!wanted) return with_context(about_, wanted.error());
  Status got = read_at(fd_, wanted->offset, wanted->bytes, bytes);
  if (got) got = decode_block(bytes, block);
  if (got && (block.first != wanted->first || block.last() > record_.last)) {
    got = damaged("another block in the place of one");
  }
  return got ? got : with_context(about_, got.error());
}

Status ArchiveFile::verify(const Visitor& visit) const {
  Hasher hasher;
  Block block;
  std::string bytes;
  Digest chain = before_;
  Sequence next = record_.first;
  std::uint64_t offset = kArchiveHeaderBytes;
  for (std::size_t i = 0; i < blocks_; ++i) {
    BANGER_TRY(read(i, bytes, block));
    const std::string where = about_ + ": block at event " + std::to_string(block.first);
    const auto place = entry(i);
    if (!place || place->offset != std::exchange(offset, offset + bytes.size())) {
      return fail(where + ": it is not where it belongs");
    }
    if (block.first != next) return fail(where + ": event " + std::to_string(next) + " is missing");
    if (block.previous != chain) return fail(where + ": does not chain from the block before it");
    if (auto chained = check_chain(block, hasher); !chained) return with_context(where, chained.error());
    chain = block.chain;
    next = block.last() + 1;
    if (visit) visit(block, bytes.size());
  }
  if (offset != index_offset_ || next != record_.last + 1 || chain != record_.chain) {
    return fail(about_ + ": damaged: it does not end where it should");
  }
  const Status whole = digest_fits();
  return whole ? whole : with_context(about_, whole.error());
}

Status ArchiveFile::digest_fits() const {
  Hasher hasher;
  hasher.begin();
  const std::uint64_t end = record_.bytes - (sizeof(std::uint32_t) + Digest{}.size());
  std::string bytes;
  for (std::uint64_t at = 0; at < end; at += bytes.size()) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(kBufferBytes, end - at));
    BANGER_TRY(read_at(fd_, at, part, bytes));
    hasher.add(bytes);
  }
  if (hasher.finish() == record_.digest) return {};
  return damaged("its contents do not have its digest");
}

Result<ArchiveWriter> ArchiveWriter::create(const fs::path& path, StoreId store, Sequence first,
                                            Sequence last, const Digest& before) {
  BANGER_ASSERT(first > 0 && last >= first);
  ArchiveWriter writer;
  writer.path_ = path.string();
  writer.fd_ = Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (writer.fd_.get() < 0) return fail_errno("create " + writer.path_, errno);
  writer.record_ = {.first = first, .last = last, .chain = before, .digest = {}, .bytes = 0};
  writer.next_ = first;
  writer.digest_.begin();
  BANGER_TRY(writer.put(header_of(store, first, last, before)));
  return writer;
}

Status ArchiveWriter::add(std::string_view bytes) {
  BANGER_TRY(decode_block(bytes, block_));
  BANGER_TRY(check_chain(block_, chain_));
  const std::string where = "block at event " + std::to_string(block_.first);
  if (block_.first != next_ || block_.last() > record_.last) {
    return fail(where + ": event " + std::to_string(next_) + " belongs there");
  }
  if (block_.previous != record_.chain) return fail(where + ": does not chain from the block before it");
  index_ += entry_of(block_.first, record_.bytes, bytes.size());
  BANGER_TRY(put(bytes));
  next_ = block_.last() + 1;
  record_.chain = block_.chain;
  return {};
}

Result<ArchiveRecord> ArchiveWriter::finish() {
  BANGER_ASSERT(next_ == record_.last + 1);
  std::string footer;
  put_le(footer, static_cast<std::uint64_t>(index_.size() / kArchiveEntryBytes));
  put_le(footer, record_.bytes);
  footer += as_bytes(record_.chain);
  BANGER_TRY(put(index_));
  BANGER_TRY(put(footer));
  record_.digest = digest_.finish();
  footer += as_bytes(record_.digest);
  std::string tail(as_bytes(record_.digest));
  put_le(tail, crc32_of(footer));
  buffer_ += tail;  // what nothing but the checksum covers
  record_.bytes += tail.size();
  BANGER_TRY(flush());
  if (::fsync(fd_.get()) != 0) return fail_errno("sync " + path_, errno);
  return record_;
}

Status ArchiveWriter::put(std::string_view bytes) {
  digest_.add(bytes);
  buffer_ += bytes;
  record_.bytes += bytes.size();
  return buffer_.size() < kBufferBytes ? Status{} : flush();
}

Status ArchiveWriter::flush() {
  std::string_view left = buffer_;
  while (!left.empty()) {
    const ssize_t done = ::write(fd_.get(), left.data(), left.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return fail_errno("write " + path_, errno);
    left.remove_prefix(static_cast<std::size_t>(done));
  }
  buffer_.clear();
  return {};
}

}  // namespace banger::log
