// Puts records into a bundle file: beside its name first, synced, and renamed once its end is written, so that
// a file with the name is whole. Called by `events export` and by archives. It trusts its caller's records;
// read the file back (read_bundle_file) before anything is deleted because of it.
#pragma once

#include <string>

#include "events/bundle/records.h"
#include "events/log/files.h"

namespace banger::bundle {

class BundleWriter {
 public:
  // Begins `path` with its head and the schema. A file of that name must not be there.
  [[nodiscard]] static Result<BundleWriter> create(const std::string& path, const Head& head);
  BundleWriter(BundleWriter&&) = default;
  ~BundleWriter();  // removes what was not finished

  // One or more whole records.
  [[nodiscard]] Status add(std::string_view records);
  // Writes the end, syncs, and gives the file its name. Nothing may be added afterwards.
  [[nodiscard]] Status finish();

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  BundleWriter(log::Fd fd, std::string path);
  [[nodiscard]] Status put(std::string_view bytes);

  log::Fd fd_;
  std::string path_;
  std::string aside_;  // the name until it is whole; empty once it has the right one
  log::Hasher hasher_;
  std::uint64_t bytes_ = 0;
};

}  // namespace banger::bundle
