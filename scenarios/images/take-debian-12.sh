#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# take-debian-12.sh [OUTPUT]: take the image of a Debian 12 root again (root; needs debootstrap,
# btrfs-progs, loop devices and network). The root is installed onto a btrfs made for it, so that
# its extents are those btrfs gives to a package installation. MIRROR chooses the mirror,
# EXTENTSIM the program.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
output=${1:-$here/debian-12.image}
program=${EXTENTSIM:-$here/../../build/extentsim}
mirror=${MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Identifier: Packages' 2>/dev/null |
	sed '/security/d' | head -n 1)}
packages=ca-certificates,curl,openssl,procps,python3-minimal,less,nano-tiny
[ "$(id -u)" = 0 ] || { echo "take-debian-12: mounting a filesystem needs root" >&2; exit 3; }

# Mounts made in a namespace of its own end with it, whatever ends the script.
if [ -z "${TAKE_IN_NAMESPACE:-}" ]; then
	TAKE_IN_NAMESPACE=1 exec unshare --mount --propagation private sh "$0" "$output"
fi
work=$(mktemp -d)
trap 'umount -R "$work/mnt" 2>/dev/null; rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM
mkdir "$work/mnt"
truncate -s 8G "$work/disk"
mkfs.btrfs -q -n 16384 -s 4096 "$work/disk" >/dev/null
mount -o loop "$work/disk" "$work/mnt"
rm "$work/disk"
btrfs -q subvolume create "$work/mnt/root"
debootstrap --variant=minbase "--include=$packages" bookworm "$work/mnt/root" \
	"$mirror" >"$work/log" 2>&1 || { tail "$work/log" >&2; exit 5; }
# What a container base leaves out, and what would carry the mirror's name.
rm -rf "$work/mnt/root/var/cache/apt/archives/"*.deb "$work/mnt/root/var/lib/apt/lists/"* \
	"$work/mnt/root/var/log/bootstrap.log" "$work/mnt/root/etc/apt/sources.list"
umount "$work/mnt/root/proc" "$work/mnt/root/sys" 2>/dev/null || :
sync -f "$work/mnt"
"$program" image "$work/mnt/root" -o "$output"
