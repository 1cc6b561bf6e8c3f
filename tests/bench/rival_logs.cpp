#include "tests/bench/rival_logs.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>

namespace banger::bench {
namespace {

constexpr std::size_t kReadBytes = 1 << 20;

int bind_to(sqlite3_stmt* statement, int place, std::string_view bytes) {
  return sqlite3_bind_blob(statement, place, bytes.data(), static_cast<int>(bytes.size()),
                           SQLITE_STATIC);
}

int bind_to(sqlite3_stmt* statement, int place, std::uint64_t number) {
  return sqlite3_bind_int64(statement, place, static_cast<sqlite3_int64>(number));
}

std::string_view column(sqlite3_stmt* statement, int place) {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, place));
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement, place))};
}

}  // namespace

FlatFile::FlatFile(const std::string& path)
    : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {}

Status FlatFile::append(const std::vector<log::AppendRequest>& requests) {
  std::string bytes;
  for (const log::AppendRequest& request : requests) {
    for (const log::EncodedEvent& event : request.events) {
      const std::uint32_t sizes[] = {static_cast<std::uint32_t>(event.public_bytes.size()),
                                     static_cast<std::uint32_t>(event.personal_bytes.size())};
      char head[sizeof sizes];
      std::memcpy(head, sizes, sizeof sizes);
      bytes.append(head, sizeof head) += event.public_bytes;
      bytes += event.personal_bytes;
    }
  }
  if (::write(fd_.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    return fail_errno("write", errno);
  }
  size_ += bytes.size();
  return {};
}

Status FlatFile::read(const Visit& visit) const {
  std::string buffer(kReadBytes, '\0');
  std::size_t kept = 0;
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(fd_.get(), buffer.data() + kept, buffer.size() - kept, at);
    if (got < 0) return fail_errno("read", errno);
    if (got == 0) return {};
    at += got;
    std::string_view rest(buffer.data(), kept + static_cast<std::size_t>(got));
    std::uint32_t sizes[2];
    for (; rest.size() >= sizeof sizes; rest.remove_prefix(sizeof sizes + sizes[0] + sizes[1])) {
      std::memcpy(sizes, rest.data(), sizeof sizes);
      if (rest.size() < sizeof sizes + sizes[0] + sizes[1]) break;
      const std::string_view open = rest.substr(sizeof sizes, sizes[0]);
      if (!visit(open, rest.substr(sizeof sizes + sizes[0], sizes[1]))) return {};
    }
    kept = rest.size();
    std::memmove(buffer.data(), rest.data(), kept);
  }
}

Result<std::unique_ptr<SqliteLog>> SqliteLog::open(const std::string& path) {
  sqlite3* db = nullptr;
  const int opened = sqlite3_open(path.c_str(), &db);
  std::unique_ptr<SqliteLog> log(new SqliteLog(db));
  if (opened != SQLITE_OK) return fail("open " + path);
  BANGER_TRY(
      log->run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
               "CREATE TABLE ev(seq INTEGER PRIMARY KEY, stream BLOB, version INTEGER,"
               "                kind INTEGER, open BLOB, personal BLOB);"
               "CREATE UNIQUE INDEX st ON ev(stream, version);"
               "CREATE TABLE cmd(id BLOB PRIMARY KEY, digest BLOB, seq INTEGER) WITHOUT ROWID;"
               "CREATE TABLE prj(name BLOB, key BLOB, value BLOB, PRIMARY KEY(name, key))"
               "  WITHOUT ROWID;"));
  auto event = log->prepare("INSERT INTO ev VALUES(?,?,?,?,?,?)");
  auto command = log->prepare("INSERT INTO cmd VALUES(?,?,?)");
  auto row = log->prepare("INSERT OR REPLACE INTO prj VALUES(?,?,?)");
  if (!event || !command || !row) return fail("prepare a statement");
  log->event_ = *std::move(event);
  log->command_ = *std::move(command);
  log->row_ = *std::move(row);
  return log;
}

Status SqliteLog::run(const char* sql) const {
  if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return fail(std::string("sqlite: ") + sqlite3_errmsg(db_.get()));
}

Result<SqliteLog::Statement> SqliteLog::prepare(const char* sql) const {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db_.get(), sql, -1, &statement, nullptr) == SQLITE_OK) {
    return Statement(statement, sqlite3_finalize);
  }
  return fail(std::string("sqlite: ") + sqlite3_errmsg(db_.get()));
}

Status SqliteLog::step(sqlite3_stmt* statement) const {
  const int done = sqlite3_step(statement);
  sqlite3_reset(statement);
  if (done == SQLITE_DONE) return {};
  return fail(std::string("sqlite: ") + sqlite3_errmsg(db_.get()));
}

Status SqliteLog::put(const log::AppendRequest& request) {
  for (const log::EncodedEvent& event : request.events) {
    char stream[sizeof event.stream.id];
    std::memcpy(stream, &event.stream.id, sizeof stream);
    bind_to(event_.get(), 1, event.sequence);
    bind_to(event_.get(), 2, std::string_view(stream, sizeof stream));
    bind_to(event_.get(), 3, event.stream_version);
    bind_to(event_.get(), 4, std::uint64_t{event.kind});
    bind_to(event_.get(), 5, event.public_bytes);
    bind_to(event_.get(), 6, event.personal_bytes);
    BANGER_TRY(step(event_.get()));
  }
  if (request.command) {
    const CommandId& id = request.command->id;
    const std::uint64_t words[] = {id.hi, id.lo};
    char bytes[sizeof words];
    std::memcpy(bytes, words, sizeof words);
    const Digest& digest = request.command->request_digest;
    bind_to(command_.get(), 1, std::string_view(bytes, sizeof bytes));
    bind_to(command_.get(), 2, {reinterpret_cast<const char*>(digest.data()), digest.size()});
    bind_to(command_.get(), 3, request.command->first_sequence);
    BANGER_TRY(step(command_.get()));
  }
  for (const log::RowWrite& row : request.rows) {
    if (!row.value) continue;
    bind_to(row_.get(), 1, row.projection);
    bind_to(row_.get(), 2, row.key);
    bind_to(row_.get(), 3, *row.value);
    BANGER_TRY(step(row_.get()));
  }
  return {};
}

Status SqliteLog::append(const std::vector<log::AppendRequest>& requests) {
  BANGER_TRY(run("BEGIN"));
  for (const log::AppendRequest& request : requests) BANGER_TRY(put(request));
  return run("COMMIT");
}

Status SqliteLog::read(const Visit& visit) const {
  auto select = prepare("SELECT open, personal FROM ev ORDER BY seq");
  if (!select) return std::unexpected(std::move(select).error());
  for (;;) {
    const int got = sqlite3_step(select->get());
    if (got == SQLITE_DONE) return {};
    if (got != SQLITE_ROW) return fail(std::string("sqlite: ") + sqlite3_errmsg(db_.get()));
    if (!visit(column(select->get(), 0), column(select->get(), 1))) return {};
  }
}

}  // namespace banger::bench
