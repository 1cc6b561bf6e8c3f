#include "events/bundle/writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

namespace banger::bundle {

BundleWriter::BundleWriter(log::Fd fd, std::string path)
    : fd_(std::move(fd)), path_(std::move(path)), aside_(path_ + ".part") {
  hasher_.begin();
}

BundleWriter::~BundleWriter() {
  if (fd_.get() >= 0 && !aside_.empty()) static_cast<void>(::unlink(aside_.c_str()));
}

Result<BundleWriter> BundleWriter::create(const std::string& path, const Head& head) {
  if (::access(path.c_str(), F_OK) == 0) return fail(path + " exists already", EEXIST);
  const std::string aside = path + ".part";
  log::Fd fd(::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd.get() < 0) return fail_errno("open " + aside, errno);
  BundleWriter writer(std::move(fd), path);
  std::string beginning = preamble();
  put_head(beginning, head);
  put_schema(beginning, event_schema());
  BANGER_TRY(writer.add(beginning));
  return writer;
}

Status BundleWriter::put(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd_.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail_errno("write " + aside_, errno);
    bytes.remove_prefix(static_cast<std::size_t>(put));
    bytes_ += static_cast<std::uint64_t>(put);
  }
  return {};
}

Status BundleWriter::add(std::string_view records) {
  hasher_.add(records);
  return put(records);
}

Status BundleWriter::finish() {
  std::string end;
  put_end(end, hasher_.finish());
  BANGER_TRY(put(end));
  if (::fsync(fd_.get()) != 0) return fail_errno("sync " + aside_, errno);
  // Not over another's file: two exports to one name are somebody's mistake.
  if (::renameat2(AT_FDCWD, aside_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) != 0) {
    return fail_errno("name " + path_, errno);
  }
  aside_.clear();
  const auto parent = std::filesystem::path(path_).parent_path();
  return log::sync_dir(parent);
}

}  // namespace banger::bundle
