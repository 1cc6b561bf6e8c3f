#!/usr/bin/env bash
# One target: first all that is kept of it, once each, and then fuzzed for so many seconds.
#   run.sh BUILD_DIRECTORY TARGET SECONDS
# What it learns and what it finds goes to BUILD_DIRECTORY/fuzz/TARGET, where the next run begins.
set -euo pipefail
program=$1/tests/fuzz_$2
kept=$(dirname "$0")/corpus/$2
work=$1/fuzz/$2
seconds=$3
mkdir -p "$work/corpus"

# In memory where there is such a place, for some files are synced; and ours to remove, for a target that ends by a
# finding cannot.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
limits=(-rss_limit_mb=2048 -malloc_limit_mb=512 -timeout=60 -artifact_prefix="$work/" -dict="$(dirname "$0")/words.dict")
"$program" -runs=0 "${limits[@]}" "$kept"
"$program" -max_total_time="$seconds" -print_final_stats=1 -verbosity=0 "${limits[@]}" "$work/corpus" "$kept"
