#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""random_fsx.py SEED [OPS]: an operation file in the form of fsx's --record-ops, of what btrfs can do.

fsx's own draws are others; sizes and lengths are of its defaults (-l 256k -o 64k).
"""

import random
import sys

FILE_MAX, LENGTH_MAX, BLOCK = 256 << 10, 64 << 10, 4096
OPS = ("read write write mapread mapwrite truncate fallocate punch_hole zero_range clone_range "
       "copy_range fsync").split()


class Drawing:
    def __init__(self, seed):
        self.random, self.size = random.Random(seed), 0

    def range(self, most):
        offset = self.random.randrange(most)
        return offset, self.random.randrange(1, min(LENGTH_MAX, most - offset) + 1)

    def two(self, op):
        """A source within the file and a target that does not overlap it."""
        offset, length = self.range(self.size)
        if op == "clone_range":
            offset, length = offset // BLOCK * BLOCK, length // BLOCK * BLOCK
        to = self.random.randrange(FILE_MAX - length + 1)
        to = to // BLOCK * BLOCK if op == "clone_range" else to
        if not length or offset + length > self.size or (to < offset + length + BLOCK and
                                                         offset < to + length + BLOCK):
            return None
        return offset, length, to

    def draw(self):
        op = self.random.choice(OPS)
        if op == "fsync":
            return op, (0, 0), self.size, ""
        if op == "truncate":
            size = self.random.randrange(FILE_MAX + 1)
            return op, (0, size), size, ""
        if op in ("write", "mapwrite"):
            offset, length = self.range(FILE_MAX)
            return op, (offset, length), max(self.size, offset + length), ""
        if op in ("fallocate", "zero_range"):
            offset, length = self.range(FILE_MAX)
            keep = self.random.random() < 0.5
            return (op, (offset, length), self.size if keep else max(self.size, offset + length),
                    " keep_size" if keep else "")
        if not self.size:
            return None
        if op in ("clone_range", "copy_range"):
            numbers = self.two(op)
            return numbers and (op, numbers, max(self.size, numbers[2] + numbers[1]), "")
        return op, self.range(self.size), self.size, ""

    def line(self):
        drawn = None
        while not drawn:
            drawn = self.draw()
        op, numbers, after, flags = drawn
        text = " ".join([op] + [f"{n:#x}" for n in (*numbers, self.size)]) + flags
        self.size = after
        return text + (" close_open" if self.random.random() < 0.1 else "")


def main():
    drawing = Drawing(int(sys.argv[1]))
    for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 60):
        print(drawing.line())


if __name__ == "__main__":
    main()
