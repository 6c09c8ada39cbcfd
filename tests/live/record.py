#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Run an operation script on a real btrfs and print what it did to the extents, as JSON.

Needs root, btrfs-progs and a kernel with btrfs and loop devices. Each script gets a fresh
filesystem on a sparse file, in a mount namespace of its own: nothing stays behind, whatever
ends the run. Every operation opens its files anew and closes them again, which is visible: the
close of a file that was once truncated to zero starts its writeback.
"""

import argparse
import errno
import fcntl
import json
import mmap
import os
import random
import signal
import sys
import tempfile

sys.dont_write_bytecode = True
import btrfs_live as live  # noqa: E402

IMAGE_BYTES = 12 << 30
MKFS_OPTIONS = ["-n", "16384", "-s", "4096"]
WRITE_CHUNK = 1 << 20
LISTED_EXTENTS_MAX = 64
U64 = (1 << 64) - 1


class ScriptError(Exception):
    pass


def size_of(text):
    """A number with an optional binary suffix k, m or g."""
    shift = {"k": 10, "m": 20, "g": 30}.get(text[-1:].lower())
    return int(text[:-1]) << shift if shift else int(text)


def splitmix64(state):
    while True:
        state = (state + 0x9E3779B97F4A7C15) & U64
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & U64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & U64
        yield z ^ (z >> 31)


class Player:
    """Executes operations below a mount point and remembers which files exist."""

    def __init__(self, fs):
        self.fs = fs
        self.top = fs.mount_point
        self.tracked = []
        self.pattern = None
        self.random = random.Random(1)
        self.held = {}

    def path(self, name):
        return os.path.join(self.top, name)

    def track(self, name):
        if name not in self.tracked:
            self.tracked.append(name)

    def open(self, name, flags=0):
        fd = os.open(self.path(name), os.O_RDWR | os.O_CREAT | flags, 0o644)
        self.track(name)
        return fd

    def data(self, length):
        if self.pattern is not None:
            return bytes([self.pattern]) * length
        return self.random.randbytes(length)

    def pwrite(self, fd, offset, length, chunk=WRITE_CHUNK):
        end = offset + length
        while offset < end:
            n = min(chunk, end - offset)
            if os.pwrite(fd, self.data(n), offset) != n:
                raise OSError(errno.EIO, "short write")
            offset += n

    def with_file(self, name, work, flags=0):
        fd = self.open(name, flags)
        try:
            return work(fd)
        finally:
            os.close(fd)

    def op_write(self, name, offset, length, chunk=None):
        chunk = size_of(chunk) if chunk else WRITE_CHUNK
        self.with_file(name, lambda fd: self.pwrite(fd, size_of(offset), size_of(length), chunk))

    def op_truncwrite(self, name, length):
        self.with_file(name, lambda fd: self.pwrite(fd, 0, size_of(length)), os.O_TRUNC)

    def op_dio(self, name, offset, length, chunk):
        offset, chunk = size_of(offset), size_of(chunk)
        end = offset + size_of(length)
        buffer = mmap.mmap(-1, chunk)

        def work(fd):
            at = offset
            while at < end:
                n = min(chunk, end - at)
                buffer[:n] = self.data(n)
                with memoryview(buffer) as view, view[:n] as part:
                    if os.pwrite(fd, part, at) != n:
                        raise OSError(errno.EIO, "short write")
                at += n
        try:
            self.with_file(name, work, os.O_DIRECT)
        finally:
            buffer.close()

    def op_randwrite(self, name, size, block, count, seed, sync):
        size, block = size_of(size), size_of(block)
        draws = splitmix64(int(seed))

        def work(fd):
            for _ in range(int(count)):
                self.pwrite(fd, next(draws) % (size // block) * block, block)
                if sync == "fsync":
                    os.fdatasync(fd)
        self.with_file(name, work)

    def op_append(self, name, length, count, sync):
        def work(fd):
            for _ in range(int(count)):
                self.pwrite(fd, os.fstat(fd).st_size, size_of(length))
                if sync == "fsync":
                    os.fdatasync(fd)
        self.with_file(name, work)

    def op_read(self, name, offset, length, chunk=None):
        chunk = size_of(chunk) if chunk else WRITE_CHUNK
        at, end = size_of(offset), size_of(offset) + size_of(length)
        fd = os.open(self.path(name), os.O_RDONLY)
        try:
            while at < end:
                os.pread(fd, min(chunk, end - at), at)
                at += chunk
        finally:
            os.close(fd)

    def op_truncate(self, name, length):
        self.with_file(name, lambda fd: os.ftruncate(fd, size_of(length)))

    def fallocate(self, name, mode, offset, length):
        self.with_file(name, lambda fd: live.fallocate(fd, mode, size_of(offset),
                                                       size_of(length)))

    def op_punch(self, name, offset, length):
        self.fallocate(name, live.FALLOC_FL_PUNCH_HOLE | live.FALLOC_FL_KEEP_SIZE, offset, length)

    def op_zero(self, name, offset, length):
        self.fallocate(name, live.FALLOC_FL_ZERO_RANGE, offset, length)

    def op_falloc(self, name, offset, length, keep=None):
        self.fallocate(name, live.FALLOC_FL_KEEP_SIZE if keep else 0, offset, length)

    def with_two(self, source, target, work):
        src = os.open(self.path(source), os.O_RDONLY)
        try:
            return self.with_file(target, lambda dst: work(src, dst))
        finally:
            os.close(src)

    def op_reflink(self, source, target):
        self.with_two(source, target, lambda src, dst: fcntl.ioctl(dst, live.FICLONE, src))

    def op_clone(self, source, source_offset, length, target, target_offset):
        self.with_two(source, target, lambda src, dst: live.clone_range(
            src, size_of(source_offset), size_of(length), dst, size_of(target_offset)))

    def op_dedupe(self, source, source_offset, length, target, target_offset):
        status, done = self.with_two(source, target, lambda src, dst: live.dedupe_range(
            src, size_of(source_offset), size_of(length), dst, size_of(target_offset)))
        if status < 0:
            raise OSError(-status, os.strerror(-status))
        return f"-> status {status} bytes {done}"

    def op_subvol(self, name):
        live.subvol_create(self.fs.fd, name)

    def op_snapshot(self, source, name, *files):
        src = os.open(self.path(source), os.O_RDONLY | os.O_DIRECTORY)
        try:
            live.snapshot_create(self.fs.fd, src, name)
        finally:
            os.close(src)
        for f in files:
            self.track(f"{name}/{f}")

    def op_subdel(self, name):
        live.subvol_delete(self.fs.fd, name)
        self.tracked = [t for t in self.tracked if not t.startswith(name + "/")]

    def op_unlink(self, name):
        os.unlink(self.path(name))
        self.tracked.remove(name)

    def op_open(self, name):
        self.held.setdefault(name, []).append(self.open(name))

    def op_close(self, name):
        os.close(self.held[name].pop())

    def op_balance(self):
        live.balance_data(self.fs.fd)

    def op_defrag(self, name, threshold="0"):
        self.with_file(name, lambda fd: live.defrag(fd, size_of(threshold)))

    def op_nocow(self, name):
        self.with_file(name, live.set_nocow)

    def op_pattern(self, byte):
        self.pattern = int(byte)

    def op_sync(self):
        live.syncfs(self.fs.fd)

    def op_dropcaches(self):
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
            f.write("3\n")

    def run(self, line):
        """Execute one line; return its outcome if it is worth a note."""
        words = line.split()
        method = getattr(self, "op_" + words[0], None)
        if not method:
            raise ScriptError(f"unknown operation: {line}")
        try:
            return method(*words[1:])
        except OSError as e:
            return f"-> {errno.errorcode.get(e.errno, e.errno)}"
        except (TypeError, ValueError, KeyError, IndexError) as e:
            raise ScriptError(f"bad operation: {line}: {e}") from e

    def close(self):
        for fds in self.held.values():
            for fd in fds:
                os.close(fd)


class Numbering:
    """Ids of disk extents, in the order in which they are first met, never used twice."""

    def __init__(self):
        self.ids = {}

    def id_of(self, extent):
        key = (extent["bytenr"], extent["len"], extent["generation"])
        return self.ids.setdefault(key, len(self.ids) + 1)


def item_json(item, by_bytenr, numbering):
    if item["type"] == 0:
        tail = [item["ram"], item["compression"]] if item["compression"] else []
        return [item["offset"], item["ram"], 0, *tail]
    disk = numbering.id_of(by_bytenr[item["bytenr"]]) if item["bytenr"] else 0
    tail = [item["ram"], item["compression"]] if item["compression"] else []
    return [item["offset"], item["len"], item["type"], disk, item["start"], item["disk_len"], *tail]


def file_json(fd, by_bytenr, numbering):
    items = list(live.file_items(fd))
    return {
        "size": os.fstat(fd).st_size,
        "ext": [item_json(i, by_bytenr, numbering) for i in items],
        "n": len(items),
        "inline": sum(i["type"] == 0 for i in items),
        "prealloc": sum(i["type"] == 2 for i in items),
        "holes": sum(i["type"] != 0 and not i["bytenr"] for i in items),
        "fiemap": list(live.fiemap(fd)),
    }


def reference_json(reference, names):
    root, ino, offset, count = reference
    if root is None:
        return ["shared", offset, count]
    return [names.get((root, ino), f"?{root}/{ino}"), offset, count]


def disk_json(extents, names, numbering):
    if len(extents) > LISTED_EXTENTS_MAX:
        return [[numbering.id_of(e), e["len"], e["refs"]] for e in extents if e["refs"] > 1] + [0]
    return [[numbering.id_of(e), e["len"], e["refs"],
             [reference_json(r, names) for r in e["by"]]] for e in extents]


def dump(player, numbering):
    """The state of the filesystem, in the order of keys of a recording."""
    live.syncfs(player.fs.fd)
    extents = live.data_extents(player.fs.fd)
    by_bytenr = {e["bytenr"]: e for e in extents}
    files, names = {}, {}
    for name in player.tracked:
        try:
            fd = os.open(player.path(name), os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            names[(live.root_id(fd), os.fstat(fd).st_ino)] = name
            files[name] = file_json(fd, by_bytenr, numbering)
        finally:
            os.close(fd)
    out = {"files": files, "disk_n": len(extents), "disk_bytes": sum(e["len"] for e in extents),
           "disk": disk_json(extents, names, numbering)}
    if len(extents) <= LISTED_EXTENTS_MAX:
        out["bytenr"] = [e["bytenr"] for e in extents]
    return out


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def step_text(step, ops, state):
    files = ",".join(f"\n   {compact(k)}:{compact(v)}" for k, v in state["files"].items())
    rest = ",".join(f"{compact(k)}:{compact(v)}" for k, v in state.items() if k != "files")
    return (f' {{"step":{step},"ops":{compact(ops)},"kind":"dump",\n'
            f'  "files":{{{files}}},\n  {rest}}}')


def play(script, fs):
    """Run the lines of a script; return the text of each step."""
    player, numbering = Player(fs), Numbering()
    steps, ops = [], []
    try:
        for line in script:
            line = line.split("#")[0].strip()
            if line == "dump":
                steps.append(step_text(len(steps), ops, dump(player, numbering)))
                ops = []
            elif line:
                ops.append(line)
                outcome = player.run(line)
                if outcome:
                    ops.append(outcome)
    finally:
        player.close()
    return steps


def record(path, mount_options):
    name = os.path.basename(path).removesuffix(".ops")
    if mount_options is None:
        mount_options = "compress=zstd" if "zstd" in name else ""
    with open(path, encoding="utf-8") as f:
        script = f.readlines()
    with tempfile.TemporaryDirectory(prefix="extentsim-live-") as directory:
        fs = live.Filesystem(directory, IMAGE_BYTES, MKFS_OPTIONS, mount_options)
        try:
            steps = play(script, fs)
        finally:
            fs.close()
    return f'{{"name":{compact(name)},"steps":[\n' + ",\n".join(steps) + "\n]}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("script")
    parser.add_argument("-o", "--output", default="-", metavar="FILE")
    parser.add_argument("--mount-options", default=None, metavar="OPTIONS",
                        help="default: compress=zstd if the script's name contains zstd")
    args = parser.parse_args()
    if os.geteuid():
        sys.exit("record.py: mounting a filesystem needs root")
    for s in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, lambda *_: sys.exit(143))
    try:
        live.private_mounts()
        text = record(args.script, args.mount_options)
    except (ScriptError, OSError, TimeoutError) as e:
        sys.exit(f"record.py: {args.script}: {e}")
    if args.output == "-":
        sys.stdout.write(text)
    else:
        with open(args.output, "w", encoding="utf-8") as f:
            f.write(text)


if __name__ == "__main__":
    main()
