# Debian's essential packages, apt, git and OpenSSH's server, from the mirror that this host's apt uses.
# Environment: BANGER_DEBIAN_SUITE (default: this host's, else bookworm), BANGER_DEBIAN_PACKAGES (more of them).
. "$(dirname "$0")/common.sh"
steps=5
need busybox mke2fs mmdebstrap tar lz4 apt-get

tree=$out/tree
suite=${BANGER_DEBIAN_SUITE:-$(. /etc/os-release; [ "$ID" = debian ] && echo "${VERSION_CODENAME:-}" || true)}
suite=${suite:-bookworm}
packages=openssh-server,mount,kmod,git,ca-certificates,iproute2,procps,busybox-static,e2fsprogs${BANGER_DEBIAN_PACKAGES:+,$BANGER_DEBIAN_PACKAGES}

# What this host has of the suite's main, its updates and its security fixes, as lines of a sources.list.
sources() {
  apt-get indextargets --format '$(ORIGIN) $(RELEASE) $(COMPONENT) $(REPO_URI) $(CODENAME)' 'Created-By: Packages' 2>/dev/null |
    awk -v suite="$suite" '$1 == "Debian" && $3 == "main" && ($5 == suite || $5 == suite "-updates" || $5 == suite "-security") {
      line = "deb " $4 " " $5 " main"; if (!seen[line]++) print line }'
}
lines=$(sources)
# Without its own package index, or on another distribution: Debian's own address.
[ -n "$lines" ] || lines="deb http://deb.debian.org/debian $suite main"
proxy=$(apt-config shell p Acquire::http::Proxy | sed -n "s/^p='\(.*\)'$/\1/p")

step "kernel and initrd"
make_kernel
make_initrd

step "packages of Debian $suite"
printf '%s\n' "$lines" >"$out/sources.list"
mmdebstrap --quiet --variant=apt --include="$packages" --format=tar ${proxy:+--aptopt="Acquire::http::Proxy \"$proxy\""} \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --aptopt='Apt::Install-Recommends "false"' "$suite" "$out/rootfs.tar" - <"$out/sources.list"
rm "$out/sources.list"

step "unpacking"
mkdir "$tree"
# Device nodes are devtmpfs's business.
as_root tar -x -p --numeric-owner --exclude='./dev/*' -C "$tree" -f "$out/rootfs.tar"
rm "$out/rootfs.tar"

step "guest's own files"
rm -f "$tree"/etc/ssh/ssh_host_*
add_guest_files "$tree" openssh
install -m 0644 "$here/guest/sshd_config" "$tree/etc/banger/sshd_config"
printf '%s\n' "$lines" >"$tree/etc/apt/sources.list"
: >"$tree/etc/machine-id"

step "file system"
make_rootfs "$tree" 2G
finish "$tree"
