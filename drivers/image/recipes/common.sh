# What every recipe shares. A recipe is run as `bash NAME.sh OUT` in a directory that holds these files, and
# leaves in OUT: rootfs.ext4, kernel, initrd, recipe.json. It prints "step N/M what" as it goes along.
# Environment: BANGER_KERNEL_DIR (what scripts/install-deps unpacked).
set -euo pipefail
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022

# Whoever started the build holds the other end of stdin: when that is gone, the build must not go on alone.
# It has a process group of its own then; by hand, in a terminal's, nothing is killed.
if [ "$(ps -o pgid= -p $$ | tr -d ' ')" = $$ ]; then
  { cat >/dev/null; kill -KILL -- -$$; } <&0 >/dev/null 2>&1 &
  exec </dev/null
fi

out=$1
here=$(cd "$(dirname "$0")" && pwd)
kernel_dir=${BANGER_KERNEL_DIR:-/usr/local/share/banger/kernel}/current
step_now=0

# In the order that the initrd loads them: each after what it needs.
initrd_modules=(virtio_ring virtio virtio_mmio virtio_blk failover net_failover virtio_net evdev button)

step() { step_now=$((step_now + 1)); printf 'step %d/%d %s\n' "$step_now" "$steps" "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }
need() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || die "this recipe needs the program $program: run scripts/install-deps"
  done
  [ -r "$kernel_dir/vmlinuz" ] || die "there is no guest kernel in $kernel_dir: run scripts/install-deps"
}

# The kernel as ELF: Firecracker takes nothing else, and QEMU need not unpack it. The header's fields are
# in the kernel's Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length.
make_kernel() {
  local image=$kernel_dir/vmlinuz sectors offset length
  sectors=$(od -An -tu1 -j 497 -N 1 "$image" | tr -d ' ')
  offset=$(od -An -tu4 -j 584 -N 4 "$image" | tr -d ' ')
  length=$(od -An -tu4 -j 588 -N 4 "$image" | tr -d ' ')
  tail -c "+$(((sectors + 1) * 512 + offset + 1))" "$image" | head -c "$length" >"$out/payload" || true
  # Four bytes after the compressed data tell its unpacked size; the unpackers may grumble about them.
  case $(od -An -tx1 -N 4 "$out/payload" | tr -d ' ') in
    fd377a58) head -c -4 "$out/payload" | xz -dc >"$out/kernel" ;;
    1f8b08*) gzip -dcq "$out/payload" >"$out/kernel" || [ $? -eq 2 ] ;;
    02214c18) head -c -4 "$out/payload" | lz4 -dcq >"$out/kernel" ;;
    28b52ffd) head -c -4 "$out/payload" | zstd -dcq >"$out/kernel" ;;
    *) cp "$image" "$out/kernel" ;;  # QEMU takes it as it is
  esac
  rm "$out/payload"
}

make_initrd() {
  local tree=$out/initrd.tree module path
  mkdir -p "$tree"/{bin,dev,proc,root,modules}
  cp "$(command -v busybox)" "$tree/bin/busybox"
  install -m 0755 "$here/guest/initrd-init" "$tree/init"
  for module in "${initrd_modules[@]}"; do
    path=$(find "$kernel_dir/lib/modules/" -name "$module.ko")
    [ -n "$path" ] || die "the kernel in $kernel_dir has no module $module"
    cp "$path" "$tree/modules/"
    echo "$module.ko" >>"$tree/modules/order"
  done
  (cd "$tree" && find . | sort | busybox cpio -o -H newc -R 0:0 2>/dev/null) >"$out/initrd"
  rm -rf "$tree"
}

# banger's own files in a guest's tree: init, what runs at boot, and the kernel's modules.
# $2 says which ssh server starts.
add_guest_files() {
  local tree=$1 sshd=$2
  mkdir -p "$tree"/{etc/banger/acpi,root,dev,proc,sys,run,tmp,var/lib/banger,usr/sbin}
  install -m 0755 "$here/guest/boot" "$tree/etc/banger/"
  install -m 0755 "$here/guest/down" "$tree/etc/banger/acpi/down"
  local name
  for name in poweroff halt reboot shutdown; do ln -sf /etc/banger/acpi/down "$tree/usr/sbin/$name"; done
  ln -sf /usr/bin/busybox "$tree/usr/sbin/init"
  install -m 0644 "$here/guest/acpi.conf" "$tree/etc/banger/acpi.conf"
  install -m 0755 "$here/guest/sshd-$sshd" "$tree/etc/banger/sshd"
  install -m 0644 "$here/guest/inittab" "$tree/etc/inittab"
  chmod 1777 "$tree/tmp"
  chmod 0700 "$tree/root"
  mkdir -p "$tree/usr/lib/modules"
  cp -r "$kernel_dir"/lib/modules/* "$tree/usr/lib/modules/"
}

# Root's view of a tree that may belong to somebody else, so that the image's files are root's all the same.
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else unshare --map-root-user "$@"; fi; }

# A sparse ext4 with the tree in it. It is small on disk, and grows with its overlay.
make_rootfs() {
  local tree=$1 size=$2
  as_root mke2fs -q -t ext4 -L banger-root -m 0 -O ^metadata_csum_seed -E lazy_itable_init=1,lazy_journal_init=1 \
    -d "$tree" "$out/rootfs.ext4" "$size" >/dev/null
}

finish() {
  local tree=$1
  printf '{"arch": "%s", "user": "root", "kernel_version": "%s", "cmdline": "", "recipe": "%s"}\n' \
    "$(uname -m)" "$(readlink "$kernel_dir")" "$(basename "$0" .sh)" >"$out/recipe.json"
  rm -rf "$tree"
}
