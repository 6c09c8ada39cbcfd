#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Replay a trace on a real btrfs and print the layout that it leaves, as JSON.

  replay.py fsx TRACE        the operations of an fsx operation file, one call each
  replay.py iolog TRACE      fio --read_iolog
  replay.py receive TRACE    makes a small tree, sends it in a full and an incremental stream, writes what
                             btrfs receive --dump prints of both to TRACE, and receives them

Needs root, a kernel with btrfs and loop devices, btrfs-progs and fio. Each gets a fresh filesystem.
"""

import argparse
import mmap
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import btrfs_live as live  # noqa: E402

PAGE = 4096
LAID_OUT = 256 << 10  # the files of tests/data/traces/fio-*.log
UNSUPPORTED = {"collapse_range", "insert_range", "exchange_range", "write_atomic"}


def run(*words, **more):
    return subprocess.run(words, check=True, **more)


class Fsx:
    """fsx's calls (ltp/fsx.c of fstests), without its checks."""

    def __init__(self, player):
        self.player = player
        self.fd = player.open("file")

    def mapped(self, offset, length, write):
        if write and offset + length > os.fstat(self.fd).st_size:
            os.ftruncate(self.fd, offset + length)
        start = offset // PAGE * PAGE
        with mmap.mmap(self.fd, offset + length - start, offset=start) as view:
            if write:
                view[offset - start:] = self.player.data(length)
                view.flush()
            else:
                view[offset - start:]

    def copy(self, offset, length, to):
        while length:
            n = os.copy_file_range(self.fd, self.fd, length, offset, to)
            offset, to, length = offset + n, to + n, length - n

    def one(self, op, numbers, flags):
        offset, length = numbers[0], numbers[1]
        keep = live.FALLOC_FL_KEEP_SIZE if "keep_size" in flags else 0
        if op in ("read", "read_dontcache"):
            os.pread(self.fd, length, offset)
        elif op in ("write", "write_dontcache"):
            os.pwrite(self.fd, self.player.data(length), offset)
        elif op in ("mapread", "mapwrite"):
            self.mapped(offset, length, op == "mapwrite")
        elif op == "truncate":
            os.ftruncate(self.fd, length)
        elif op == "fallocate":
            live.fallocate(self.fd, keep, offset, length)
        elif op == "punch_hole":
            live.fallocate(self.fd, live.FALLOC_FL_PUNCH_HOLE | live.FALLOC_FL_KEEP_SIZE, offset,
                           length)
        elif op == "zero_range":
            live.fallocate(self.fd, live.FALLOC_FL_ZERO_RANGE | keep, offset, length)
        elif op == "clone_range":
            live.clone_range(self.fd, offset, length, self.fd, numbers[2])
        elif op == "dedupe_range":
            live.dedupe_range(self.fd, offset, length, self.fd, numbers[2])
        elif op == "copy_range":
            self.copy(offset, length, numbers[2])
        elif op == "fsync":
            os.fsync(self.fd)
        else:
            raise ValueError(op)

    def line(self, line):
        words = line.split("#")[0].split()
        if not words or words[0] in UNSUPPORTED | {"skip"}:
            return
        numbers = [int(w, 0) for w in words[1:] if w[0].isdigit()]
        if os.fstat(self.fd).st_size != numbers[-1]:
            raise ValueError(f"{line}: the file has {os.fstat(self.fd).st_size} bytes")
        self.one(words[0], numbers, words)
        if "close_open" in words:
            os.close(self.fd)
            self.fd = self.player.open("file")


def replay_fsx(player, trace):
    fsx = Fsx(player)
    with open(trace, encoding="ascii") as f:
        for line in f:
            fsx.line(line)
    os.close(fsx.fd)


def replay_iolog(player, trace):
    """fio 3.33 dies of a log whose files are not there, so they are laid out here."""
    with open(trace, encoding="ascii") as f:
        names = sorted({w[-2] for w in (line.split() for line in f) if w[-1] == "add"})
    for name in names:
        fd = player.open(name)
        player.pwrite(fd, 0, LAID_OUT)
        os.close(fd)
    live.syncfs(player.fs.fd)
    run("fio", "--name=r", f"--read_iolog={os.path.abspath(trace)}", "--ioengine=psync",
        "--replay_no_stall=1", cwd=player.top, stdout=subprocess.DEVNULL)


class Tree:
    """What is sent: every kind of extent, of name and of change that a stream can tell."""

    def __init__(self, player, top):
        self.player, self.top = player, top

    def path(self, name):
        return os.path.join(self.top, name)

    def write(self, name, *ranges):
        fd = os.open(self.path(name), os.O_RDWR | os.O_CREAT, 0o644)
        for offset, length in ranges:
            self.player.pwrite(fd, offset, length)
        return fd

    def clone(self, source, source_offset, length, target, target_offset):
        src = os.open(self.path(source), os.O_RDONLY)
        dst = os.open(self.path(target), os.O_RDWR | os.O_CREAT, 0o644)
        live.clone_range(src, source_offset, length, dst, target_offset)
        os.close(src)
        os.close(dst)

    def first(self):
        os.makedirs(self.path("d/with blank"))
        os.close(self.write("a", (0, 200000)))
        os.close(self.write("d/with blank/b c", (0, 5000)))
        fd = self.write("holes", (409600, 12288))
        os.ftruncate(fd, 1 << 20)
        os.close(fd)
        fd = self.write("pre")
        live.fallocate(fd, 0, 0, 65536)
        self.player.pwrite(fd, 12288, 8192)
        os.close(fd)
        os.close(self.write("small", (0, 100)))
        os.close(self.write("end ", (0, 1)))
        os.close(self.write("tab\tand\\back\nline", (0, 1)))
        live.syncfs(self.player.fs.fd)
        self.clone("a", 0, 0, "clone", 0)
        self.clone("a", 65536, 65536, "d/with blank/part", 4096)
        self.clone("d/with blank/b c", 0, 0, "d/copy", 0)
        os.link(self.path("a"), self.path("link"))
        os.symlink("a", self.path("sym"))
        os.mkfifo(self.path("fifo"))
        os.setxattr(self.path("a"), "user.x", b"v w")

    def second(self):
        os.rename(self.path("a"), self.path("a2"))
        os.unlink(self.path("clone"))
        os.close(self.write("a2", (40960, 4096)))
        os.truncate(self.path("link"), 150000)
        os.truncate(self.path("small"), 8192)
        fd = self.write("holes")
        live.fallocate(fd, live.FALLOC_FL_PUNCH_HOLE | live.FALLOC_FL_KEEP_SIZE, 413696, 4096)
        os.close(fd)
        self.clone("pre", 0, 0, "pre2", 0)
        os.rename(self.path("d/with blank"), self.path("d/other name"))
        os.unlink(self.path("fifo"))
        os.mkdir(self.path("gone"))
        os.rmdir(self.path("gone"))


def send_stream(player, directory):
    """Two streams, each in a file; returns their paths."""
    streams = [os.path.join(directory, name) for name in ("full", "incremental")]
    live.subvol_create(player.fs.fd, "sv")
    tree, snapshots = Tree(player, player.path("sv")), []
    for number, change in enumerate((tree.first, tree.second), 1):
        change()
        live.syncfs(player.fs.fd)
        snapshots.append(player.path(f"s{number}"))
        run("btrfs", "-q", "subvolume", "snapshot", "-r", tree.top, snapshots[-1])
    run("btrfs", "send", "-q", "-f", streams[0], snapshots[0])
    run("btrfs", "send", "-q", "-f", streams[1], "-p", *snapshots)
    return streams


def replay_receive(player, streams):
    for stream in streams:
        run("btrfs", "-q", "receive", "-f", stream, player.top)
    for top in ("s1", "s2"):
        for directory, _, names in sorted(os.walk(player.path(top))):
            for name in sorted(names):
                path = os.path.join(directory, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    player.track(os.path.relpath(path, player.top))


def on_fresh_filesystem(work):
    with tempfile.TemporaryDirectory(prefix="extentsim-live-") as directory:
        fs = live.Filesystem(directory, live.IMAGE_BYTES, live.MKFS_OPTIONS, "")
        try:
            return work(live.Player(fs))
        finally:
            fs.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("form", choices=("fsx", "iolog", "receive"))
    parser.add_argument("trace")
    args = parser.parse_args()
    live.private_mounts()
    replay, source = {"fsx": replay_fsx, "iolog": replay_iolog, "receive": replay_receive}, args.trace
    with tempfile.TemporaryDirectory(prefix="extentsim-live-") as directory:
        if args.form == "receive":
            source = on_fresh_filesystem(lambda player: send_stream(player, directory))
            with open(args.trace, "wb") as out:
                for stream in source:  # it reads one stream at a time
                    run("btrfs", "receive", "--dump", "-f", stream, stdout=out)

        def work(player):
            replay[args.form](player, source)
            return live.layout(player)
        print(on_fresh_filesystem(work).replace('},"', '},\n "'))


if __name__ == "__main__":
    main()
