#include "tests/events/log/support.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace banger::log::test {
namespace fs = std::filesystem;
namespace {

constexpr auto kHang = std::chrono::seconds(120);

// Not Catch's REQUIRE: the victim is no test program.
void must(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error("test support: " + what);
}

}  // namespace

TempDir::TempDir() {
  std::string pattern = (fs::temp_directory_path() / "banger-log-XXXXXX").string();
  must(::mkdtemp(pattern.data()) != nullptr, "mkdtemp");
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

OpenOptions Listener::options(const LogPaths& paths) {
  return {.paths = paths,
          .on_durable =
              [this](Durable durable) {
                const std::scoped_lock lock(mutex_);
                durable_.push_back(durable);
                changed_.notify_all();
              },
          .on_failure =
              [this](Error error) {
                const std::scoped_lock lock(mutex_);
                failures_.push_back(std::move(error));
                changed_.notify_all();
              }};
}

bool Listener::wait_for(Ticket ticket) {
  std::unique_lock lock(mutex_);
  const auto reached = [&] { return !durable_.empty() && durable_.back().ticket >= ticket; };
  must(changed_.wait_for(lock, kHang, [&] { return !failures_.empty() || reached(); }),
       "the log hangs");
  return reached();
}

void Listener::wait_for_failure() {
  std::unique_lock lock(mutex_);
  must(changed_.wait_for(lock, kHang, [&] { return !failures_.empty(); }), "the log did not fail");
}

std::vector<Durable> Listener::durable() const {
  const std::scoped_lock lock(mutex_);
  return durable_;
}

std::vector<Error> Listener::failures() const {
  const std::scoped_lock lock(mutex_);
  return failures_;
}

OpenLog::OpenLog(const LogPaths& paths) : OpenLog(OpenOptions{.paths = paths}) {}

OpenLog::OpenLog(OpenOptions options) {
  OpenOptions wired = listener->options(options.paths);
  options.on_durable = std::move(wired.on_durable);
  options.on_failure = std::move(wired.on_failure);
  auto opened = EventLog::open(std::move(options));
  must(opened.has_value(), opened ? "" : opened.error().message);
  log = std::move(*opened);
}

void OpenLog::commit(AppendRequest request) {
  must(listener->wait_for(log->append(std::move(request))), "the log failed");
}

std::string why_refused(const LogPaths& paths) {
  auto opened = EventLog::open({.paths = paths});
  if (!opened) return opened.error().message;
  must((*opened)->shutdown().has_value(), "shutdown");
  return "";
}

Sequence head_of(const LogPaths& paths) {
  const OpenLog open(paths);
  return open.log->head().sequence;
}

EncodedEvent make_event(Sequence sequence, std::uint64_t streams) {
  std::string text = "event " + std::to_string(sequence) + " ";
  std::uint64_t noise = sequence * 0x9e3779b97f4a7c15u + 1;
  while (text.size() < 180) {  // does not compress, so that an SST has many blocks
    noise ^= noise << 13, noise ^= noise >> 7, noise ^= noise << 17;
    text.push_back(static_cast<char>(noise));
  }
  return {.sequence = sequence,
          .stream = {StreamKind::kVm, 1 + (sequence - 1) % streams},
          .stream_version = 1 + (sequence - 1) / streams,
          .kind = static_cast<std::uint16_t>(1 + sequence % 3),
          .public_bytes = text,
          .personal_bytes = sequence % 2 == 0 ? "salt and /home/" + std::to_string(sequence) : ""};
}

CommandId command_of(Sequence sequence) {
  return {0xc0ffee, sequence};
}

AppendRequest make_request(Sequence first, std::size_t events, std::uint64_t streams) {
  AppendRequest request;
  for (std::size_t i = 0; i < events; ++i) request.events.push_back(make_event(first + i, streams));
  request.command = CommandRecord{.id = command_of(first),
                                  .request_digest = {7},
                                  .first_sequence = first,
                                  .event_count = static_cast<std::uint32_t>(events),
                                  .subject = {StreamKind::kVm, 1}};
  request.rows.push_back({"fleet", 1, "last", std::to_string(first + events - 1)});
  request.checkpoints_for.emplace_back("fleet", 1);
  return request;
}

void require_events(const EventLog& log, Sequence head) {
  Sequence seen = 0;
  bool same = true;
  auto next = log.read(1, SIZE_MAX, [&](const Frame& frame) {
    const EncodedEvent expected = make_event(++seen);
    same = same && frame.sequence == seen && frame.public_bytes == expected.public_bytes &&
           (frame.erased() || frame.personal_bytes() == expected.personal_bytes);
    return true;
  });
  must(next.has_value(), next ? "" : next.error().message);
  must(*next == head + 1 && seen == head, "events: " + std::to_string(seen));
  must(same, "an event is not what was appended");
}

std::uint64_t VictimEnd::number(const std::string& word) const {
  const auto found = said.find(word);
  must(found != said.end(), "the victim did not say: " + word);
  return std::stoull(found->second);
}

ProgramEnd run_program(std::vector<std::string> words, const fs::path& scratch) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  must(::posix_spawn_file_actions_init(&actions) == 0, "posix_spawn");
  must(::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, scratch.c_str(),
                                          O_WRONLY | O_CREAT | O_TRUNC, 0600) == 0,
       "posix_spawn");
  pid_t pid = 0;
  must(::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ) == 0, "posix_spawn");
  ::posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  must(::waitpid(pid, &status, 0) == pid, "waitpid");
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
          .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
          .out = read_file(scratch)};
}

VictimEnd run_victim(const LogPaths& paths, const std::vector<std::string>& words) {
  std::vector<std::string> all{BANGER_LOG_VICTIM, paths.path.string(), paths.anchor_dir.string()};
  all.insert(all.end(), words.begin(), words.end());
  const ProgramEnd program = run_program(std::move(all), paths.path.parent_path() / "victim-said");
  VictimEnd end{.exit_code = program.exit_code, .signal = program.signal, .said = {}};
  std::istringstream lines(program.out);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t space = line.find(' ');
    end.said[line.substr(0, space)] = space == std::string::npos ? "" : line.substr(space + 1);
  }
  return end;
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

void write_file(const fs::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
  out.close();
  must(out.good(), "write " + path.string());
}

void flip_bit(const fs::path& path, std::uint64_t byte, unsigned bit) {
  std::string bytes = read_file(path);
  must(byte < bytes.size(), "flip beyond the end");
  bytes[byte] = static_cast<char>(bytes[byte] ^ (1 << bit));
  write_file(path, bytes);
}

fs::path largest(const LogPaths& paths, const std::string& extension) {
  fs::path found;
  for (const auto& entry : fs::directory_iterator(paths.db())) {
    if (entry.path().extension() != extension) continue;
    if (found.empty() || entry.file_size() > fs::file_size(found)) found = entry.path();
  }
  must(!found.empty(), "no " + extension + " file");
  return found;
}

}  // namespace banger::log::test
