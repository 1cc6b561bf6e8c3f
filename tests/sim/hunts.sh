# Hunts every planted bug: bash hunts.sh DIRECTORY NAME... A table of the seeds that each took; fails where one was not found.
set -uo pipefail
directory=$1
shift
missed=0
for name in "$@"; do
  found=$("$directory/sim_hunt_$name") || missed=$((missed + 1))
  printf '%-28s %s\n' "$name" "$found"
done
printf '%s planted bugs, %s not found\n' "$#" "$missed"
[ "$missed" -eq 0 ]
