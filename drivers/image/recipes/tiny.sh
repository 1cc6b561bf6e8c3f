# The small image: the host's own bash, git, coreutils, tar and dropbear with the libraries they need, on busybox.
# Nothing is downloaded, and it builds in seconds.
. "$(dirname "$0")/common.sh"
steps=5
need busybox dropbear mke2fs bash git tar ldd lz4

tree=$out/tree
programs=(bash git tar gzip xz find grep sed awk diff cmp env ls cp mv rm ln mkdir rmdir cat chmod chown touch
  date dd df du head tail sort uniq wc cut tr tee stat sleep sync mktemp readlink realpath basename dirname
  sha256sum md5sum base64 id nohup timeout truncate test expr printf seq true false uname nproc install
  kill ps pgrep setsid flock ip ssh ssh-keygen)

copied=" "
# A program or library under its own path, and all that the loader would bring along with it.
add() {
  local path=$1 target library
  case $copied in *" $path "*) return ;; esac
  copied+="$path "
  mkdir -p "$tree$(dirname "$path")"
  cp -L "$path" "$tree$path"
  while read -r library; do
    case $copied in *" $library "*) continue ;; esac
    copied+="$library "
    mkdir -p "$tree$(dirname "$library")"
    cp -L "$library" "$tree$library"
  done < <(ldd "$path" 2>/dev/null | grep -o '/[^ ]*' || true)
}

step "kernel and initrd"
make_kernel
make_initrd

step "programs of this host"
mkdir -p "$tree"/usr/{bin,sbin,lib,lib64}
for link in bin sbin lib lib64; do ln -s "usr/$link" "$tree/$link"; done
for program in "${programs[@]}"; do
  path=$(command -v "$program" || true)
  case $path in
    /*) add "$(realpath -s "$path")" ;;
    *) ! path=$(type -P "$program") || add "$path" ;;
  esac
done
for path in /usr/sbin/dropbear /usr/sbin/resize2fs /usr/lib/sftp-server /usr/lib/openssh/sftp-server; do
  [ ! -x "$path" ] || add "$path"
done
[ -e "$tree/usr/lib/sftp-server" ] || ln -s openssh/sftp-server "$tree/usr/lib/sftp-server"
cp "$(command -v busybox)" "$tree/usr/bin/busybox"
busybox --list-full | while read -r applet; do
  case $applet in usr/*) ;; sbin/* | bin/*) applet=usr/$applet ;; *) applet=usr/bin/$applet ;; esac
  [ -e "$tree/$applet" ] || [ -L "$tree/$applet" ] || ln -s /usr/bin/busybox "$tree/$applet"
done

step "git"
git_core=$(git --exec-path)
mkdir -p "$tree$git_core"
for path in "$git_core"/*; do
  [ -f "$path" ] || continue
  if [ "$(realpath "$path")" = "$(realpath "$(command -v git)")" ] || cmp -s "$path" "$(command -v git)"; then
    ln -s /usr/bin/git "$tree$path"
  fi
done
for helper in git-remote-http git-submodule git-sh-setup git-sh-i18n; do
  [ ! -e "$git_core/$helper" ] || add "$git_core/$helper"
done
[ ! -e "$tree$git_core/git-remote-http" ] || ln -sf git-remote-http "$tree$git_core/git-remote-https"
if [ -r /etc/ssl/certs/ca-certificates.crt ]; then
  mkdir -p "$tree/etc/ssl/certs"
  cp -L /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
fi

step "guest's own files"
add_guest_files "$tree" dropbear
printf 'root:*:0:0:root:/root:/bin/bash\nnobody:*:65534:65534:nobody:/nonexistent:/bin/false\n' >"$tree/etc/passwd"
printf 'root:x:0:\ntty:x:5:\nnogroup:x:65534:\n' >"$tree/etc/group"
printf '/bin/sh\n/bin/bash\n' >"$tree/etc/shells"
printf 'hosts: files dns\npasswd: files\ngroup: files\n' >"$tree/etc/nsswitch.conf"
printf 'PRETTY_NAME="banger tiny"\nID=banger-tiny\n' >"$tree/etc/os-release"
mkdir -p "$tree"/var/{tmp,log,cache} "$tree"/{home,mnt,opt,srv}
chmod 1777 "$tree/var/tmp"
ln -s /run "$tree/var/run"

step "file system"
make_rootfs "$tree" 1G
finish "$tree"
