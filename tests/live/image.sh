#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# image.sh: hold an image taken by tree search against what btrfs-progs reads from the unmounted
# filesystem: number of file extents by type, of disk extents, and bytes on disk (root).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=${EXTENTSIM:-$here/../../build/extentsim}
if [ -z "${IMAGE_IN_NAMESPACE:-}" ]; then
	IMAGE_IN_NAMESPACE=1 exec unshare --mount --propagation private sh "$0"
fi
work=$(mktemp -d)
trap 'umount "$work/mnt" 2>/dev/null || :; rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM
mkdir "$work/mnt"
truncate -s 4G "$work/disk"
mkfs.btrfs -q "$work/disk" >/dev/null
mount -o loop "$work/disk" "$work/mnt"
cd "$work/mnt"
btrfs -q subvolume create sv
cp -rL /usr/include/linux sv/
cp -r --reflink=always sv/linux sv/again
touch sv/packed && chattr +c sv/packed && dd if=/dev/zero of=sv/packed bs=1M count=3 status=none
fallocate -l 5M sv/prealloc
for at in 3 77 200; do
	dd if=/dev/urandom of=sv/prealloc bs=4k count=7 seek=$at conv=notrunc,fsync status=none
done
dd if=/dev/urandom of=sv/holes bs=4k count=2 seek=1000 status=none
btrfs -q subvolume snapshot sv snap
dd if=/dev/urandom of=snap/prealloc bs=4k count=1 seek=4 conv=notrunc status=none
"$program" image . --sync -o "$work/image" 2>"$work/report" || { cat "$work/report" >&2; exit 5; }
cd /
umount "$work/mnt"

awk '/^sha256 / { next }
	/^[fdlv] / { for (i = 5; i <= NF; i++) if ($i ~ /^[irp][0-9]/) n[substr($i, 1, 1)]++; next }
	/^unit / { unit = $2; next }
	/^[0-9]/ { disks++; bytes += $1 * unit }
	END { printf "inline %d regular %d prealloc %d disk %d bytes %d\n",
		n["i"], n["r"], n["p"], disks, bytes }' "$work/image" >"$work/ours"
{
	for tree in $(btrfs inspect-internal dump-tree -t root "$work/disk" |
		sed -n 's/.*key (\(25[6-9]\|2[6-9][0-9]\) ROOT_ITEM .*/\1/p') 5; do
		btrfs inspect-internal dump-tree -t "$tree" "$work/disk"
	done
	btrfs inspect-internal dump-tree -t extent "$work/disk"
} | awk '/generation [0-9]+ type 0 \(inline\)/ { i++ }
	/generation [0-9]+ type 1 \(regular\)/ { r++ }
	/generation [0-9]+ type 2 \(prealloc\)/ { p++ }
	/key \([0-9]+ EXTENT_ITEM [0-9]+\)/ { sub(/\)/, "", $6); length_now = $6 }
	/refs [0-9]+ gen [0-9]+ flags DATA/ { disks++; bytes += length_now }
	END { printf "inline %d regular %d prealloc %d disk %d bytes %d\n", i, r, p, disks, bytes }
	' >"$work/theirs"
if cmp -s "$work/ours" "$work/theirs"; then
	echo "live image: equal: $(cat "$work/ours")"
else
	echo "live image: the image has $(cat "$work/ours")"
	echo "live image: the disk has  $(cat "$work/theirs")"
	exit 1
fi
