#!/usr/bin/env bash
# The manual pages, as the programs print them: groff has nothing to say against them, and they name what --help names.
# Usage: manual_test.sh DIRECTORY-OF-PROGRAMS
set -euo pipefail
programs=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
"$programs/bangerctl" manual > "$work/bangerctl.1"
"$programs/bangerd" --manual 8 > "$work/bangerd.8"
"$programs/bangerd" --manual 5 > "$work/bangerd.toml.5"
"$programs/banger-log" --manual > "$work/banger-log.8"
for page in "$work"/*; do
  complaints=$(LC_ALL=C.UTF-8 groff -man -Tutf8 -ww -z -rCHECKSTYLE=3 "$page" 2>&1)
  [ -z "$complaints" ] || { printf '%s\n%s\n' "$page" "$complaints"; failed=1; }
  LC_ALL=C.UTF-8 groff -man -Tutf8 -P-cbou -rLL=100n "$page" > "$page.txt"
done
names() {  # page, then words that it must have
  local page=$1 word
  shift
  for word in "$@"; do
    grep -qF -- "$word" "$work/$page.txt" || { printf '%s does not name %s\n' "$page" "$word"; failed=1; }
  done
}
names bangerctl.1 NAME SYNOPSIS 'EXIT STATUS' ENVIRONMENT NO_COLOR '--no-pager' 'bangerctl vm exec' '--memory' 'bangerctl doctor' '128+n'
names bangerd.8 '--data-dir' 'EXIT STATUS' 70
names bangerd.toml.5 tick_ms metrics_listen vmm.accel log.low_water_mib 21000
names banger-log.8 'banger-log verify' '--accept-loss' 'verify found damage'
# Each verb that --help lists is in the manual.
for noun in '' vm image events projection reconcile daemon; do
  "$programs/bangerctl" $noun --help | sed -n '/^Subcommands:/,/^[^ ]/s/^  \([a-z][a-z-]*\).*/\1/p' | while read -r verb; do
    grep -qE -- "^ *bangerctl ${noun:+$noun }$verb( |$)" "$work/bangerctl.1.txt" || echo "$noun $verb"
  done
done > "$work/missing"
for noun in vm image events projection reconcile daemon; do sed -i "/^ *$noun\$/d" "$work/missing"; done
[ ! -s "$work/missing" ] || { echo "not in the manual:"; cat "$work/missing"; failed=1; }
exit "$failed"
