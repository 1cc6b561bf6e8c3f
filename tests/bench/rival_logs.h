// Where else events could be kept: a flat file and an SQLite database, written and read in the way
// that suits each best. What the log is measured beside.
#pragma once

#include <sqlite3.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "events/log/event_log.h"
#include "events/log/files.h"

namespace banger::bench {

// What a visitor of events gets; false ends the visit.
using Visit = std::function<bool(std::string_view open, std::string_view personal)>;

// Both parts of every event behind their lengths, one after the other.
class FlatFile {
 public:
  explicit FlatFile(const std::string& path);
  [[nodiscard]] Status append(const std::vector<log::AppendRequest>& requests);
  [[nodiscard]] std::size_t size() const { return size_; }
  // In pieces of 1 MiB; an event that a piece cuts in two begins the next one.
  [[nodiscard]] Status read(const Visit& visit) const;

 private:
  log::Fd fd_;
  std::size_t size_ = 0;
};

// One table with sequence, both parts, stream and version; an index over stream and version; the
// commands in another. WAL and synchronous=FULL: as durable as the log.
class SqliteLog {
 public:
  [[nodiscard]] static Result<std::unique_ptr<SqliteLog>> open(const std::string& path);
  // One transaction.
  [[nodiscard]] Status append(const std::vector<log::AppendRequest>& requests);
  [[nodiscard]] Status read(const Visit& visit) const;

 private:
  using Statement = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;
  explicit SqliteLog(sqlite3* db) : db_(db, sqlite3_close) {}
  [[nodiscard]] Status run(const char* sql) const;
  [[nodiscard]] Result<Statement> prepare(const char* sql) const;
  [[nodiscard]] Status step(sqlite3_stmt* statement) const;
  [[nodiscard]] Status put(const log::AppendRequest& request);

  std::unique_ptr<sqlite3, int (*)(sqlite3*)> db_;
  Statement event_{nullptr, sqlite3_finalize};
  Statement command_{nullptr, sqlite3_finalize};
  Statement row_{nullptr, sqlite3_finalize};
};

}  // namespace banger::bench
