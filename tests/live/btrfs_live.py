# SPDX-License-Identifier: GPL-2.0-or-later
"""What the live recorder needs of btrfs and the kernel: system calls, ioctls, tree searches.

Numbers and layouts are those of the kernel's UAPI headers: linux/btrfs.h, linux/btrfs_tree.h,
linux/fs.h, linux/fiemap.h, linux/falloc.h.
"""

import ctypes
import fcntl
import os
import struct
import subprocess
import time

FICLONE = 0x40049409
FICLONERANGE = 0x4020940D
FIDEDUPERANGE = 0xC0189436
FS_IOC_GETFLAGS = 0x80086601
FS_IOC_SETFLAGS = 0x40086602
FS_IOC_FIEMAP = 0xC020660B
FS_NOCOW_FL = 0x00800000
FIEMAP_EXTENT_LAST = 0x1
FIEMAP_EXTENT_SHARED = 0x2000

BTRFS_IOC_SYNC = 0x9408
BTRFS_IOC_SUBVOL_CREATE = 0x5000940E
BTRFS_IOC_SNAP_DESTROY = 0x5000940F
BTRFS_IOC_DEFRAG_RANGE = 0x40309410
BTRFS_IOC_TREE_SEARCH_V2 = 0xC0709411
BTRFS_IOC_INO_LOOKUP = 0xD0009412
BTRFS_IOC_SNAP_CREATE_V2 = 0x50009417
BTRFS_IOC_BALANCE_V2 = 0xC4009420
BTRFS_BALANCE_DATA = 1
BTRFS_DEFRAG_RANGE_START_IO = 2

ROOT_TREE = 1
EXTENT_TREE = 2
FIRST_FREE_OBJECTID = 256
EXTENT_DATA = 108
ROOT_ITEM = 132
EXTENT_ITEM = 168
EXTENT_OWNER_REF = 172
EXTENT_DATA_REF = 178
SHARED_DATA_REF = 184
EXTENT_FLAG_DATA = 1

FALLOC_FL_KEEP_SIZE = 1
FALLOC_FL_PUNCH_HOLE = 2
FALLOC_FL_ZERO_RANGE = 16

CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
U64_MAX = (1 << 64) - 1

libc = ctypes.CDLL(None, use_errno=True)


def check(rc):
    if rc < 0:
        err = ctypes.get_errno()
        raise OSError(err, os.strerror(err))


def fallocate(fd, mode, offset, length):
    check(libc.fallocate(fd, mode, ctypes.c_int64(offset), ctypes.c_int64(length)))


def syncfs(fd):
    check(libc.syncfs(fd))


def private_mounts():
    """What is mounted from here on ends with this process, however it ends."""
    check(libc.unshare(CLONE_NEWNS))
    check(libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None))


class Filesystem:
    """A fresh btrfs on a sparse file. The file is unlinked once mounted: nothing can be left."""

    def __init__(self, directory, image_bytes, mkfs_options, mount_options):
        self.mount_point = os.path.join(directory, "mnt")
        image = os.path.join(directory, "image")
        os.mkdir(self.mount_point)
        with open(image, "wb") as f:
            f.truncate(image_bytes)
        try:
            subprocess.run(["mkfs.btrfs", "-q", *mkfs_options, image], check=True,
                           stdout=subprocess.DEVNULL)
            options = ",".join(["loop", *([mount_options] if mount_options else [])])
            subprocess.run(["mount", "-t", "btrfs", "-o", options, image, self.mount_point],
                           check=True)
        finally:
            os.unlink(image)
        self.fd = os.open(self.mount_point, os.O_RDONLY | os.O_DIRECTORY)

    def close(self):
        os.close(self.fd)
        subprocess.run(["umount", self.mount_point], check=True)


def tree_search(fd, tree, low, high):
    """Yield (objectid, type, offset, data) of every item from key `low` to key `high`."""
    size = 1 << 20
    while True:
        buf = bytearray(112 + size)
        struct.pack_into("=QQQQQQQIIII32xQ", buf, 0, tree, low[0], high[0], low[2], high[2],
                         0, U64_MAX, low[1], high[1], (1 << 32) - 1, 0, size)
        fcntl.ioctl(fd, BTRFS_IOC_TREE_SEARCH_V2, buf)
        found = struct.unpack_from("=I", buf, 64)[0]
        if not found:
            return
        pos = 112
        for _ in range(found):
            _, objectid, offset, kind, length = struct.unpack_from("=QQQII", buf, pos)
            pos += 32
            yield objectid, kind, offset, bytes(buf[pos:pos + length])
            pos += length
        low = (objectid, kind, offset + 1)
        if offset == U64_MAX:
            low = (objectid, kind + 1, 0)


def root_id(fd):
    """The id of the subvolume that fd's file is in."""
    buf = bytearray(4096)
    struct.pack_into("=QQ", buf, 0, 0, FIRST_FREE_OBJECTID)
    fcntl.ioctl(fd, BTRFS_IOC_INO_LOOKUP, buf)
    return struct.unpack_from("=Q", buf, 0)[0]


def file_items(fd):
    """Yield the file extent items of fd as dictionaries, in file order."""
    ino = os.fstat(fd).st_ino
    for objectid, kind, offset, data in tree_search(fd, 0, (ino, EXTENT_DATA, 0),
                                                    (ino, EXTENT_DATA, U64_MAX)):
        if objectid != ino or kind != EXTENT_DATA:
            continue
        _, ram, compression, _, _, item_type = struct.unpack_from("=QQBBHB", data, 0)
        item = {"offset": offset, "ram": ram, "compression": compression, "type": item_type}
        if item_type:
            item["bytenr"], item["disk_len"], item["start"], item["len"] = struct.unpack_from(
                "=QQQQ", data, 21)
        yield item


def signed(v):
    return v - (1 << 64) if v >> 63 else v


def parse_inline_refs(data):
    pos, refs = 24, []
    while pos < len(data):
        kind = data[pos]
        if kind == EXTENT_DATA_REF:
            root, ino, offset, count = struct.unpack_from("=QQQI", data, pos + 1)
            refs.append((root, ino, signed(offset), count))
            pos += 1 + 28
        elif kind == SHARED_DATA_REF:
            refs.append((None, None, 0, struct.unpack_from("=I", data, pos + 9)[0]))
            pos += 1 + 12
        elif kind == EXTENT_OWNER_REF:
            pos += 1 + 8
        else:
            raise ValueError(f"inline reference of unknown type {kind}")
    return refs


def data_extents(fd):
    """List the data extents of the filesystem in address order, each with its references.

    A reference is (root, inode, offset, count); root is None for one by parent leaf.
    """
    extents = []
    data_here = False
    for objectid, kind, offset, data in tree_search(fd, EXTENT_TREE, (0, 0, 0),
                                                    (U64_MAX, 255, U64_MAX)):
        if kind == EXTENT_ITEM:
            refs, generation, flags = struct.unpack_from("=QQQ", data, 0)
            data_here = bool(flags & EXTENT_FLAG_DATA)
            if data_here:
                extents.append({"bytenr": objectid, "len": offset, "refs": refs,
                                "generation": generation, "by": parse_inline_refs(data)})
        elif data_here and kind == EXTENT_DATA_REF and extents[-1]["bytenr"] == objectid:
            root, ino, off, count = struct.unpack_from("=QQQI", data, 0)
            extents[-1]["by"].append((root, ino, signed(off), count))
        elif data_here and kind == SHARED_DATA_REF and extents[-1]["bytenr"] == objectid:
            extents[-1]["by"].append((None, None, 0, struct.unpack_from("=I", data, 0)[0]))
    return extents


def fiemap(fd):
    """(extents, of these shared) as FIEMAP tells them, which merges neighbours."""
    batch, start, count, shared = 512, 0, 0, 0
    while True:
        buf = bytearray(32 + 56 * batch)
        struct.pack_into("=QQIIII", buf, 0, start, U64_MAX - start, 0, 0, batch, 0)
        fcntl.ioctl(fd, FS_IOC_FIEMAP, buf)
        mapped = struct.unpack_from("=I", buf, 20)[0]
        for i in range(mapped):
            logical, _, length, _, _, flags = struct.unpack_from("=QQQQQI", buf, 32 + 56 * i)
            count += 1
            shared += bool(flags & FIEMAP_EXTENT_SHARED)
            start = logical + length
            if flags & FIEMAP_EXTENT_LAST:
                return count, shared
        if not mapped:
            return count, shared


def subvol_create(dir_fd, name):
    buf = bytearray(4096)
    buf[8:8 + len(name)] = name.encode()
    fcntl.ioctl(dir_fd, BTRFS_IOC_SUBVOL_CREATE, buf)


def snapshot_create(dir_fd, source_fd, name):
    buf = bytearray(4096)
    struct.pack_into("=q", buf, 0, source_fd)
    buf[56:56 + len(name)] = name.encode()
    fcntl.ioctl(dir_fd, BTRFS_IOC_SNAP_CREATE_V2, buf)


def subvol_delete(dir_fd, name, timeout_s=60):
    """Delete a subvolume and wait until the cleaner has dropped its tree."""
    sub = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=dir_fd)
    root = root_id(sub)
    os.close(sub)
    buf = bytearray(4096)
    buf[8:8 + len(name)] = name.encode()
    fcntl.ioctl(dir_fd, BTRFS_IOC_SNAP_DESTROY, buf)
    deadline = time.monotonic() + timeout_s
    while True:
        # This ioctl, unlike syncfs, wakes the cleaner.
        fcntl.ioctl(dir_fd, BTRFS_IOC_SYNC)
        if not any(kind == ROOT_ITEM for _, kind, _, _ in
                   tree_search(dir_fd, ROOT_TREE, (root, ROOT_ITEM, 0),
                               (root, ROOT_ITEM, U64_MAX))):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"the cleaner did not drop {name} within {timeout_s} s")
        time.sleep(0.01)


def balance_data(fd):
    buf = bytearray(1024)
    struct.pack_into("=Q", buf, 0, BTRFS_BALANCE_DATA)
    fcntl.ioctl(fd, BTRFS_IOC_BALANCE_V2, buf)


def defrag(fd, extent_threshold):
    fcntl.ioctl(fd, BTRFS_IOC_DEFRAG_RANGE,
                struct.pack("=QQQII16x", 0, U64_MAX, BTRFS_DEFRAG_RANGE_START_IO,
                            extent_threshold, 0))


def set_nocow(fd):
    buf = bytearray(8)
    fcntl.ioctl(fd, FS_IOC_GETFLAGS, buf)
    flags = struct.unpack_from("=I", buf, 0)[0] | FS_NOCOW_FL
    fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("=I4x", flags))


def clone_range(src_fd, src_offset, length, dst_fd, dst_offset):
    fcntl.ioctl(dst_fd, FICLONERANGE,
                struct.pack("=qQQQ", src_fd, src_offset, length, dst_offset))


def dedupe_range(src_fd, src_offset, length, dst_fd, dst_offset):
    """(status, bytes deduped)."""
    buf = bytearray(struct.pack("=QQHHI", src_offset, length, 1, 0, 0) +
                    struct.pack("=qQQiI", dst_fd, dst_offset, 0, 0, 0))
    fcntl.ioctl(src_fd, FIDEDUPERANGE, buf)
    done, status = struct.unpack_from("=Qi", buf, 24 + 16)
    return status, done
