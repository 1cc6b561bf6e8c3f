#!/usr/bin/env bash
# bash, zsh and fish with the completion stubs that are installed, against a made-up daemon.
# Usage: shells_test.sh DIRECTORY-OF-BANGERCTL DIRECTORY-OF-STUBS
set -euo pipefail
export PATH=$1:$PATH
stubs=$2
work=$(mktemp -d)
export BANGER_SOCKET=$work/sock BANGER_DATA_DIR=$work/data STUB_DATA=$work/data HOME=$work XDG_CONFIG_HOME=$work
mkdir -m 0700 "$work/data"
failed=0
finish() {
  [ -s "$work/data/pids" ] && while read -r pid; do kill "$pid" 2>/dev/null || true; done < "$work/data/pids"
  rm -rf "$work"
}
trap finish EXIT

in_bash() {  # words so far; the last may be empty: what bash would offer
  bash --norc -c 'source "$1/bangerctl.bash"; shift; COMP_WORDS=(bangerctl "$@"); COMP_CWORD=$#; _bangerctl
                  printf "%s\n" "${COMPREPLY[@]}"' bash "$stubs" "$@"
}
in_fish() {
  fish --no-config -c 'source $argv[1]/bangerctl.fish; complete -C "$argv[2]"' "$stubs" "bangerctl $*"
}
# zsh's completion needs an interactive shell: the stub is called with its system's functions stood in for.
in_zsh() {
  zsh -f -c '_describe() { print -l -- "${(@P)3}"; }; _files() { print files; }
             stub=$1; shift; words=(bangerctl "$@"); CURRENT=$#words; source "$stub/_bangerctl"' zsh "$stubs" "$@"
}

expect() {  # what: a line that must be there; the rest: what was offered
  local what=$1
  shift
  if ! grep -qE -- "$what" <<< "$*"; then
    printf 'expected %s in:\n%s\n' "$what" "$*"
    failed=1
  fi
}
refuse() {
  local what=$1
  shift
  if grep -qE -- "$what" <<< "$*"; then
    printf 'did not expect %s in:\n%s\n' "$what" "$*"
    failed=1
  fi
}

# Without a daemon: words of the tree, no names, nothing on stderr, and none is started.
for shell in in_bash in_zsh in_fish; do
  expect '^events' "$($shell ev 2>&1)"
  expect '^doctor' "$($shell '' 2>&1)"
  refuse '^(complete|manual)' "$($shell '' 2>&1)"
  expect '^start' "$($shell vm sta 2>&1)"
  expect '^--memory' "$($shell vm create --mem 2>&1)"
  expect '^json' "$($shell vm ls -o '' 2>&1)"
  expect '^vm_started' "$($shell events ls --kind vm_st 2>&1)"
  expect '^vm_runtime' "$($shell projection dump '' 2>&1)"
  refuse '^web' "$($shell vm show '' 2>&1)"
done
[ ! -e "$work/data/pids" ] || { echo "a daemon was started"; failed=1; }
[ -z "$(bangerctl complete -- vm show '' 2>&1)" ] || { echo "not silent without a daemon"; failed=1; }

# With one: names of what is there.
bangerctl daemon start > /dev/null
for shell in in_bash in_zsh in_fish; do
  expect '^web' "$($shell vm show '' 2>&1)"
  expect '^web' "$($shell vm exec --timeout 5 w 2>&1)"
  expect '^web' "$($shell events ls --vm '' 2>&1)"
  expect '^tiny' "$($shell image show t 2>&1)"
  refuse '^web' "$($shell vm show x 2>&1)"
done
expect '^web' "$(in_bash events ls --vm = w)"  # as bash splits --vm=w
# Behind -- it is the guest's command, and nobody's guess.
[ -z "$(bangerctl complete -- vm exec web -- w)" ] || { echo "completed a guest's command"; failed=1; }
exit "$failed"
