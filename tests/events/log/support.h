// What the tests of the log share: a directory that goes away, requests, waiting for durability,
// and the victim: a program that appends and is killed, or whose disk fails, so that no test shares
// its process.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "events/log/event_log.h"

namespace banger::log::test {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] LogPaths log() const { return {path_ / "log", path_ / "anchor"}; }

 private:
  std::filesystem::path path_;
};

// Collects what the log says; waits with a deadline that only a hang reaches.
class Listener {
 public:
  [[nodiscard]] OpenOptions options(const LogPaths& paths);
  // False: the log failed instead.
  [[nodiscard]] bool wait_for(Ticket ticket);
  void wait_for_failure();
  [[nodiscard]] std::vector<Durable> durable() const;
  [[nodiscard]] std::vector<Error> failures() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Durable> durable_;
  std::vector<Error> failures_;
};

// One log, open, with its listener.
struct OpenLog {
  explicit OpenLog(const LogPaths& paths);
  explicit OpenLog(OpenOptions options);
  std::unique_ptr<Listener> listener = std::make_unique<Listener>();
  std::unique_ptr<EventLog> log;

  // Appends and waits.
  void commit(AppendRequest request);
};

// The error of open(), "" if it opened (and was shut down again).
[[nodiscard]] std::string why_refused(const LogPaths& paths);
[[nodiscard]] Sequence head_of(const LogPaths& paths);

// Event `sequence` of a log where each of `streams` VMs takes its turn; its content follows from
// its number.
[[nodiscard]] EncodedEvent make_event(Sequence sequence, std::uint64_t streams = 7);
[[nodiscard]] AppendRequest make_request(Sequence first, std::size_t events,
                                         std::uint64_t streams = 7);
[[nodiscard]] CommandId command_of(Sequence sequence);
// Events 1 to `head` are there and are what make_event made.
void require_events(const EventLog& log, Sequence head);

struct ProgramEnd {
  int exit_code = -1;  // -1: a signal
  int signal = 0;
  std::string out;
};
// Runs it to its end; `scratch` is where its output goes meanwhile.
[[nodiscard]] ProgramEnd run_program(std::vector<std::string> words,
                                     const std::filesystem::path& scratch);

struct VictimEnd {
  int exit_code = -1;  // -1: a signal
  int signal = 0;
  std::map<std::string, std::string> said;  // "word rest of line"
  [[nodiscard]] std::uint64_t number(const std::string& word) const;
};
// Runs the victim program (victim.cpp) with these words after the log's paths.
[[nodiscard]] VictimEnd run_victim(const LogPaths& paths, const std::vector<std::string>& words);

[[nodiscard]] std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, std::string_view bytes);
void flip_bit(const std::filesystem::path& path, std::uint64_t byte, unsigned bit = 3);
// The file of the database with this extension that holds the most bytes.
[[nodiscard]] std::filesystem::path largest(const LogPaths& paths, const std::string& extension);

}  // namespace banger::log::test
