#include "drivers/guest/exec_wrapper.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "drivers/guest/quote.h"

namespace banger::guest {
namespace {

// The command runs in the foreground of the wrapper's shell: a background job would have SIGINT and
// SIGQUIT ignored (POSIX, 2.9.3.1), and its stdin taken away. So the watchdog is what runs behind.
// Foreground also means that the shell's own word about a signal ("Terminated") would go to the
// command's stderr; it goes to the note instead, where it tells a signal from a plain exit with 128
// + n. The shells keep silent about INT and PIPE, so those two codes always count as signals. Small
// files are written by a single write(2), so a reader sees nothing or everything.
constexpr std::string_view kWrapper = R"sh(umask 077
f=$1/$2 limit=$3 grace=$4 tty=$5 cwd=$6 user=$7 sh=$8 launch=$9 guard=${10}
dir=$1
shift 10
die() { printf 'banger: %s\n' "$1" >&2; printf 'failed 125 %s\n' "$1" >"$f.status"; exit 125; }
lost() { printf 'banger: %s\n' "$1" >&2; exit 125; }
[ -d "$dir" ] || mkdir -p -- "$dir" || lost "cannot keep the state of an exec in $dir"
[ ! -e "$f.claim" ] || lost "this exec id was used before"
echo $$ >"$f.claim" || lost "cannot keep the state of an exec in $dir"
rm -f "$f.sh"
trap : HUP INT QUIT TERM USR1 USR2
trap '' PIPE
[ -z "$user" ] || id -u "$user" >/dev/null 2>&1 || die "the guest has no user $user"
command -v setsid >/dev/null || die "the guest has no setsid program"
if [ -n "$cwd" ]; then CDPATH= cd -- "$cwd" >/dev/null 2>&1 || die "cannot enter the directory $cwd"; fi
watchdog=
if [ "$limit" -gt 0 ]; then
  setsid "$sh" -c "$guard" banger-exec "$f" "$limit" "$grace" "$tty" </dev/null >/dev/null 2>&1 &
  watchdog=$!
fi
# A bash that is called sh keeps silent about signals.
[ -z "${BASH_VERSION-}" ] || set +o posix
exec 3>&2 2>"$f.note"
new=setsid
[ "$tty" = 0 ] || new=
trap - PIPE
(exec 2>&3 3>&-; exec $new "$sh" -c "$launch" banger-exec "$f" "$user" "$sh" "$@")
code=$?
trap '' PIPE
kind=exited
if [ "$code" -gt 128 ] && { [ -s "$f.note" ] || [ "$code" -eq 130 ] || [ "$code" -eq 141 ]; }; then
  kind=signalled
fi
if [ -e "$f.late" ]; then
  kind=timed_out code=124
  [ "$tty" = 1 ] || { read -r p <"$f.pid" && kill -KILL "-$p"; }
fi
printf '%s %s\n' "$kind" "$code" >"$f.status"
# The process first: after that it starts no sleep that the group's signal could miss. One that has hardly
# been forked may lose the signal to this shell's own traps, and then finds the status.
if [ -n "$watchdog" ]; then kill "$watchdog"; kill -TERM "-$watchdog"; fi
set -- "$dir"/*.claim
if [ $# -gt 128 ]; then
  ls -t -- "$@" | tail -n +65 | while read -r old; do
    read -r p <"$old"
    [ -s "${old%claim}status" ] || ! kill -0 "$p" || continue
    old=${old%.claim}
    rm -f "$old.claim" "$old.pid" "$old.note" "$old.late" "$old.signal" "$old.status" "$old.sh"
  done
fi
exit "$code")sh";

// In a session of its own, so that neither a terminal's signals nor the command's reach it.
// The form of kill is the one that dash, bash and busybox agree on.
constexpr std::string_view kGuard = R"sh(hit() {
  [ -s "$f.pid" ] && read -r p <"$f.pid" || return
  [ "$tty" = 1 ] || p=-$p
  kill "-$1" "$p"
}
f=$1 tty=$4
[ ! -s "$f.status" ] || exit
sleep "$2"
echo late >"$f.late"
hit TERM
sleep "$3"
hit KILL)sh";

// The leader of a terminal's session. When the connection breaks the kernel sends SIGHUP to the
// leader only, and to the command once the leader has died: so the leader must not be the wrapper,
// which has a status to keep and a command to wait for.
constexpr std::string_view kLeader = R"sh(trap : INT QUIT
"$@"
exit)sh";

// What becomes the command: it tells its own pid, and takes a signal that came before it was there.
// setpriv (util-linux) changes the user without a fork; its su would put the command into a session
// of its own, out of reach of a signal or of the terminal. busybox's su does neither, and its
// setpriv can't.
constexpr std::string_view kLaunch = R"sh(f=$1 user=$2 sh=$3
shift 3
echo $$ >"$f.pid"
if [ -s "$f.signal" ]; then read -r s <"$f.signal"; rm -f "$f.signal"; kill "-$s" $$; fi
[ -n "$user" ] || exec "$@"
eval "HOME=~$user"
export HOME USER="$user" LOGNAME="$user"
if setpriv --reuid 0 true 2>/dev/null; then
  exec setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups -- "$@"
fi
exec su -s "$sh" -c 'exec "$@"' -- "$user" sh "$@")sh";

// Whether the wrapper lives is looked at before the status is: the other way round, one that ends
// in between would seem to be gone.
constexpr std::string_view kStatus = R"sh(f=$1 alive=
if [ -s "$f.claim" ]; then read -r p <"$f.claim"; ! kill -0 "$p" 2>/dev/null || alive=1; fi
if [ -s "$f.status" ]; then exec cat "$f.status"; fi
[ -s "$f.claim" ] || { echo absent; exit; }
[ -n "$alive" ] && echo running || echo gone)sh";

// The mark comes first: either the command finds it when it starts, or we find its pid.
constexpr std::string_view kSignal = R"sh(umask 077
f=$1
[ ! -s "$f.status" ] || exit 0
[ -d "${f%/*}" ] || mkdir -p -- "${f%/*}"
echo "$2" >"$f.signal"
[ -s "$f.pid" ] || exit 0
read -r p <"$f.pid"
rm -f "$f.signal"
[ "$3" = 1 ] || p=-$p
kill "-$2" "$p")sh";

constexpr std::string_view kStage = R"sh(umask 077
[ -d "${1%/*}" ] || mkdir -p -- "${1%/*}"
cat >"$1")sh";

constexpr std::string_view kName = "banger-exec";
constexpr std::string_view kExecArgv = R"sh(exec "$@")sh";

Result<std::string> script(std::string_view shell, std::string_view text,
                           std::vector<std::string> parameters) {
  std::vector<std::string> words{std::string(shell), "-c", std::string(text), std::string(kName)};
  words.insert(words.end(), parameters.begin(), parameters.end());
  auto line = quote_words(words);
  if (!line) return line;
  return "exec " + *line;
}

std::string state_file(const ExecRequest& request) {
  return request.state_dir + "/" + request.id;
}

bool valid_variable(std::string_view assignment) {
  auto name = assignment.substr(0, assignment.find('='));
  if (name.size() == assignment.size() || name.empty()) return false;
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

bool valid_user_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

Status check(const ExecRequest& request) {
  auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (request.id.size() != 16 || !std::ranges::all_of(request.id, hex)) {
    return fail("an exec id is 16 hex digits");
  }
  if (request.argv.empty()) return fail("there is no command to run");
  // A user's name is put into an eval in the guest, for the shell's ~user.
  if (!std::ranges::all_of(request.run_as, valid_user_byte) || request.run_as.starts_with('-')) {
    return fail("not a user's name: " + request.run_as);
  }
  for (const auto& assignment : request.env) {
    if (!valid_variable(assignment)) return fail("not a variable (NAME=value): " + assignment);
  }
  return {};
}

// The shell between env and the command keeps a command whose name holds '=' from being a variable.
std::vector<std::string> with_environment(const ExecRequest& request) {
  if (request.env.empty()) return request.argv;
  std::vector<std::string> argv{"env"};
  argv.insert(argv.end(), request.env.begin(), request.env.end());
  argv.insert(argv.end(), {request.shell, "-c", std::string(kExecArgv), "sh"});
  argv.insert(argv.end(), request.argv.begin(), request.argv.end());
  return argv;
}

}  // namespace

Result<std::string> exec_command(const ExecRequest& request) {
  BANGER_TRY(check(request));
  std::string cwd = request.cwd;
  if (!cwd.empty() && cwd.front() != '/') cwd.insert(0, "./");  // "cd -" means something else
  std::vector<std::string> parameters{request.state_dir,
                                      request.id,
                                      std::to_string(request.timeout_s),
                                      std::to_string(request.grace_s),
                                      request.tty ? "1" : "0",
                                      cwd,
                                      request.run_as,
                                      request.shell,
                                      std::string(kLaunch),
                                      std::string(kGuard)};
  auto argv = with_environment(request);
  parameters.insert(parameters.end(), argv.begin(), argv.end());
  if (!request.tty) return script(request.shell, kWrapper, std::move(parameters));
  parameters.insert(parameters.begin(),
                    {request.shell, "-c", std::string(kWrapper), std::string(kName)});
  return script(request.shell, kLeader, std::move(parameters));
}

Result<std::string> status_command(const ExecRequest& request) {
  return script(request.shell, kStatus, {state_file(request)});
}

Result<std::string> signal_command(const ExecRequest& request, std::string_view signal) {
  return script(request.shell, kSignal,
                {state_file(request), std::string(signal), request.tty ? "1" : "0"});
}

Result<std::string> stage_command(const ExecRequest& request) {
  return script(request.shell, kStage, {state_file(request) + ".sh"});
}

Result<std::string> staged_command(const ExecRequest& request) {
  const std::array<std::string, 2> words{request.shell, state_file(request) + ".sh"};
  auto line = quote_words(words);
  if (!line) return line;
  return "exec " + *line;
}

// The guest may answer anything: what is not one of our own lines is an error.
Result<ExecStatus> parse_status(std::string_view output) {
  using Kind = ExecStatus::Kind;
  constexpr std::array<std::pair<std::string_view, Kind>, 7> kWords{{{"absent", Kind::absent},
                                                                     {"running", Kind::running},
                                                                     {"exited", Kind::exited},
                                                                     {"signalled", Kind::signalled},
                                                                     {"timed_out", Kind::timed_out},
                                                                     {"failed", Kind::failed},
                                                                     {"gone", Kind::gone}}};
  std::string_view line = output.substr(0, output.find('\n'));
  auto word = line.substr(0, line.find(' '));
  auto rest = line.substr(std::min(line.size(), word.size() + 1));
  for (const auto& [known, kind] : kWords) {
    if (known != word) continue;
    ExecStatus status{kind, 0, {}};
    if (kind == Kind::absent || kind == Kind::running || kind == Kind::gone) return status;
    auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), status.code);
    if (error != std::errc() || status.code < 0 || status.code > 255) break;
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    status.message = rest.substr(std::min<size_t>(rest.size(), 1));
    return status;
  }
  return fail("the guest gave no status of this exec");
}

}  // namespace banger::guest
