# SPDX-License-Identifier: GPL-2.0-or-later
"""What replay.py needs of btrfs and the kernel: system calls, ioctls, tree searches.

Numbers and layouts are those of the kernel's UAPI headers: linux/btrfs.h, linux/btrfs_tree.h,
linux/fs.h, linux/fiemap.h, linux/falloc.h.
"""

import ctypes
import errno
import fcntl
import json
import os
import random
import struct
import subprocess

FICLONERANGE = 0x4020940D
FIDEDUPERANGE = 0xC0189436

BTRFS_IOC_SUBVOL_CREATE = 0x5000940E
BTRFS_IOC_TREE_SEARCH_V2 = 0xC0709411

EXTENT_DATA = 108

FALLOC_FL_KEEP_SIZE = 1
FALLOC_FL_PUNCH_HOLE = 2
FALLOC_FL_ZERO_RANGE = 16

CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
U64_MAX = (1 << 64) - 1

IMAGE_BYTES = 12 << 30
MKFS_OPTIONS = ["-n", "16384", "-s", "4096"]
WRITE_CHUNK = 1 << 20

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


def subvol_create(dir_fd, name):
    buf = bytearray(4096)
    buf[8:8 + len(name)] = name.encode()
    fcntl.ioctl(dir_fd, BTRFS_IOC_SUBVOL_CREATE, buf)


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


class Player:
    """Writes below a mount point, and remembers which files to show."""

    def __init__(self, fs):
        self.fs = fs
        self.top = fs.mount_point
        self.tracked = []
        self.random = random.Random(1)

    def path(self, name):
        return os.path.join(self.top, name)

    def track(self, name):
        if name not in self.tracked:
            self.tracked.append(name)

    def open(self, name):
        fd = os.open(self.path(name), os.O_RDWR | os.O_CREAT, 0o644)
        self.track(name)
        return fd

    def data(self, length):
        return self.random.randbytes(length)

    def pwrite(self, fd, offset, length):
        while length:
            n = min(WRITE_CHUNK, length)
            if os.pwrite(fd, self.data(n), offset) != n:
                raise OSError(errno.EIO, "short write")
            offset, length = offset + n, length - n


def item_layout(item, ids):
    tail = [item["ram"], item["compression"]] if item["compression"] else []
    if item["type"] == 0:
        return [item["offset"], item["ram"], 0, *tail]
    disk = ids.setdefault(item["bytenr"], len(ids) + 1) if item["bytenr"] else 0
    return [item["offset"], item["len"], item["type"], disk, item["start"], item["disk_len"], *tail]


def layout(player):
    """The files in the form of a recording's; disk extents numbered as they are first met."""
    syncfs(player.fs.fd)
    ids, files = {}, {}
    for name in player.tracked:
        fd = os.open(player.path(name), os.O_RDONLY)
        items = list(file_items(fd))
        files[name] = {
            "size": os.fstat(fd).st_size,
            "ext": [item_layout(i, ids) for i in items],
            "n": len(items),
            "inline": sum(i["type"] == 0 for i in items),
            "prealloc": sum(i["type"] == 2 for i in items),
            "holes": sum(i["type"] != 0 and not i["bytenr"] for i in items),
        }
        os.close(fd)
    return json.dumps(files, separators=(",", ":"))
