# Only a kernel and an initrd, for a root file system that was imported without.
. "$(dirname "$0")/common.sh"
steps=1
need busybox lz4
step "kernel and initrd"
make_kernel
make_initrd
