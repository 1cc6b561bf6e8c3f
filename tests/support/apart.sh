#!/bin/sh
# Runs a test program with processes, mounts and a network of its own: what it makes goes with it, however it ends, and a daemon's
# look at the host meets nobody else. The shell is that namespace's init, which reaps what has lost its parent. Takes root.
exec unshare --pid --fork --kill-child --mount-proc --net \
  sh -c 'ip link set lo up && BANGER_APART=1 "$@"; exit $?' sh "$@"
