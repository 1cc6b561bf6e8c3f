# Runs a test program in a guest of Debian's kernel: QEMU by emulation, one initramfs, no network.
#   bash boot.sh [--disk-mib N] [--boots N] TOOL PROGRAM MODULE-OR-FILE...
# The modules (with what they need) are there to be loaded by modprobe, by the guest's init or by the kernel itself.
# Files (words with a slash) are other programs that the tests start, in /test.
# Whatever the guest said is printed where it failed, and a guest that ends without a verdict has failed.
# --disk-mib: an empty ext4 disk of that size in /persist. --boots: so often the guest is booted with that disk; boot N runs
# the tests with the tag [bootN], and all but the last end by a reset of the guest, without a verdict.
#   BANGER_KERNEL_DIR   where scripts/install-deps put the kernel
#   BANGER_KERNEL_SECONDS  for one boot, on a machine that does much besides
#   BANGER_KERNEL_TEST  arguments for the program, such as a test's name
#   BANGER_KERNEL_ENV   "NAME=VALUE ...", for the program
#   BANGER_KERNEL_TELL  1: print what the guest said where all passed, too
set -euo pipefail
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

disk_mib=0
boots=1
while [[ $1 == --* ]]; do
  case $1 in
    --disk-mib) disk_mib=$2 ;;
    --boots) boots=$2 ;;
  esac
  shift 2
done
tool=$1
program=$2
shift 2
kernel_dir=${BANGER_KERNEL_DIR:-/usr/local/share/banger/kernel}/current
here=$(cd "$(dirname "$0")" && pwd)
passed=42  # QEMU ends with twice that and one: no number that QEMU would end with by itself
seconds=${BANGER_KERNEL_SECONDS:-300}  # half a minute on an idle machine

die() { printf '%s\n' "$*" >&2; exit 1; }
for need in qemu-system-x86_64 busybox bash dmsetup losetup pgrep ldd mke2fs; do
  command -v "$need" >/dev/null || die "this test needs the program $need: run scripts/install-deps"
done
[ -r "$kernel_dir/vmlinuz" ] || die "there is no guest kernel in $kernel_dir: run scripts/install-deps"

work=$(mktemp -d)
qemu=
ended() {
  [ -z "$qemu" ] || kill -KILL "$qemu" 2>/dev/null || true
  rm -rf "$work"
}
trap ended EXIT
trap 'exit 1' INT TERM
tree=$work/tree
mkdir -p "$tree"/{bin,sbin,dev,proc,sys,tmp,run,etc,test,persist}

# A program under another path, without its debugging symbols, and under their own the libraries that the loader would bring
# along with it.
as() {
  local library
  cp -L "$1" "$tree$2"
  strip --strip-debug "$tree$2" 2>/dev/null || true  # a script
  for library in $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*' || true); do
    [ -e "$tree$library" ] || { mkdir -p "$tree$(dirname "$library")" && cp -L "$library" "$tree$library"; }
  done
}
as "$(command -v bash)" /bin/sh  # busybox's shell prefers its own applets to what is in PATH
as "$(command -v busybox)" /bin/busybox
as "$(command -v cp)" /bin/cp  # an image is taken with options that busybox's does not have
for name in dmsetup losetup pgrep; do as "$(command -v $name)" /sbin/$name; done
for name in modprobe insmod; do ln -s /bin/busybox "$tree/sbin/$name"; done
for name in mount umount cat ls grep ifconfig dmesg tail; do ln -s /bin/busybox "$tree/bin/$name"; done
as "$tool" /test/tool
as "$program" /test/program
cp "$here/init" "$tree/init"
chmod 0755 "$tree/init"

modules=$(readlink -f "$kernel_dir"/lib/modules/*)
into=$tree/lib/modules/$(basename "$modules")
mkdir -p "$into"
cp "$modules"/modules.* "$into/"
for module in "$@"; do
  if [[ $module == */* ]]; then
    as "$module" "/test/$(basename "$module")"
    continue
  fi
  # A modules.dep line: "path.ko: needed.ko needed.ko"
  grep "/$module\.ko[^:]*:" "$modules/modules.dep" | tr -d : | tr ' ' '\n' >"$work/needed" || die "no module $module"
  while read -r path; do
    mkdir -p "$into/$(dirname "$path")"
    cp "$modules/$path" "$into/$path"
  done <"$work/needed"
done
(cd "$tree" && find . | busybox cpio -o -H newc -R 0:0 2>/dev/null) >"$work/initramfs"

disk=()
if [ "$disk_mib" != 0 ]; then
  truncate -s "${disk_mib}M" "$work/disk"
  mke2fs -q -t ext4 -E lazy_itable_init=0 "$work/disk"
  # The host stays up, whatever the guest does: what it was told is on disk is in the host's memory.
  disk=(-drive "if=none,id=disk,format=raw,cache=unsafe,file=$work/disk" -device virtio-blk-device,drive=disk)
fi

# One boot. Leaves QEMU's exit status in $verdict.
boot() {
  # Nehalem: what Debian wants at least; wide vectors are slow by emulation. tsc_early_khz: a guest that calibrates its own clock under emulation now and then never finishes.
  timeout --signal=KILL $seconds qemu-system-x86_64 -M microvm,auto-kernel-cmdline=off -accel tcg,tb-size=256 -cpu Nehalem \
    -smp 1 -m 768M -nodefaults -no-user-config -display none -no-reboot -serial "file:$work/console" \
    -device isa-debug-exit,iobase=0xf4,iosize=1 ${disk[@]+"${disk[@]}"} -kernel "$kernel_dir/vmlinuz" -initrd "$work/initramfs" \
    -append "console=ttyS0 quiet mitigations=off reboot=t panic=-1 nokaslr tsc_early_khz=$("$tool" tsc) banger.passed=$passed banger.arguments=$1 ${BANGER_KERNEL_ENV:-}" \
    </dev/null 2>"$work/complaints" &
  qemu=$!
  verdict=0
  wait "$qemu" || verdict=$?
  qemu=
}

for ((number = 1; number <= boots; ++number)); do
  arguments=${BANGER_KERNEL_TEST:-}
  [ "$boots" = 1 ] || arguments="[boot$number]"
  boot "$arguments"
  [ "$number" = "$boots" ] || [ "$verdict" = 0 ] || break
done
if [ "$verdict" -eq $((passed * 2 + 1)) ] && [ "$number" -ge "$boots" ] && grep -aq 'All tests passed' "$work/console"; then
  if [ "${BANGER_KERNEL_TELL:-}" = 1 ]; then cat "$work/console"; else grep -a 'assertions in' "$work/console"; fi
  exit 0
fi
cat "$work/complaints" "$work/console" 2>/dev/null || true
case $verdict in
  0) die "the guest went down without a verdict" ;;
  137) die "no verdict within $seconds s" ;;
  *) die "the tests failed in the guest (QEMU ended with $verdict)" ;;
esac
