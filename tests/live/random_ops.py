#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Print a random operation script. The same arguments give the same script everywhere.

A profile says which operations it draws how often, how large its files are, and how often it
dumps. Fewer dumps leave more to delalloc: what meets in memory between two dumps becomes one
extent or two. In a tree of many leaves each write is synced: where leaves split depends on the
order in which writes complete, and that of one writeback differs from run to run.
"""

import argparse

K, M = 1 << 10, 1 << 20
BLOCK = 4 * K
U64 = (1 << 64) - 1


class Rng:
    """splitmix64, so that a script depends on nothing but its seed."""

    def __init__(self, seed):
        self.state = seed & U64

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & U64
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & U64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & U64
        return z ^ (z >> 31)

    def below(self, n):
        return self.next() % n

    def pick(self, items):
        return items[self.below(len(items))]

    def weighted(self, table):
        at = self.below(sum(table.values()))
        for key, weight in table.items():
            if at < weight:
                return key
            at -= weight
        raise AssertionError


COMMON = {"write": 30, "punch": 6, "clone": 8, "reflink": 4, "truncate": 4, "falloc": 5,
          "snapshot": 4, "subdel": 3, "balance": 3}

PROFILES = {
    "fuzz": {"ops": COMMON},
    "mixed": {"ops": COMMON | {"append": 5, "zero": 4, "truncwrite": 2, "unlink": 2, "dio": 4,
                               "randwrite": 2, "sync": 4, "defrag": 2},
              "unaligned": 50, "dump": 40},
    "inline": {"ops": {"write": 30, "append": 12, "truncate": 12, "reflink": 4, "truncwrite": 4,
                       "punch": 4, "falloc": 2, "snapshot": 3, "subdel": 2, "unlink": 2,
                       "zero": 2, "clone": 2},
               "unaligned": 100, "span": 12 * K, "sizes": [10, 100, 1000, 2047, 2048, 2049, 4095,
                                                           4096, 4097], "dump": 60},
    "prealloc": {"ops": {"write": 30, "falloc": 20, "zero": 10, "punch": 6, "truncate": 4,
                         "reflink": 3, "clone": 3, "snapshot": 2, "subdel": 1, "dio": 6,
                         "balance": 1}, "unaligned": 20, "dump": 60},
    "nocow": {"ops": {"write": 30, "falloc": 5, "punch": 5, "snapshot": 6, "subdel": 4, "dio": 6,
                      "truncate": 3, "zero": 2, "balance": 1}, "nocow": True, "dump": 70},
    "zstd": {"ops": {"write": 30, "punch": 6, "clone": 6, "reflink": 3, "truncate": 4,
                     "falloc": 3, "snapshot": 3, "subdel": 2, "balance": 1, "dio": 2},
             "pattern": True, "dump": 70},
    "reflink": {"ops": {"write": 20, "clone": 25, "reflink": 8, "punch": 5, "truncate": 4,
                        "unlink": 2, "falloc": 2}, "unaligned": 10, "dump": 60},
    "balance": {"ops": COMMON | {"balance": 20, "randwrite": 4}, "dump": 80},
    "defrag": {"ops": {"write": 25, "randwrite": 10, "append": 10, "defrag": 20, "reflink": 3,
                       "clone": 3, "falloc": 3, "snapshot": 2, "punch": 3, "sync": 5},
               "dump": 60},
    "dedupe": {"ops": {"write": 20, "dedupe": 30, "clone": 4, "punch": 3, "truncate": 2,
                       "snapshot": 2, "subdel": 1}, "pattern": True, "dump": 70},
    "snapshot": {"ops": {"write": 25, "snapshot": 12, "subdel": 8, "punch": 4, "clone": 4,
                         "reflink": 2, "truncate": 3, "falloc": 2}, "in_snapshots": True,
                 "dump": 80},
    "append": {"ops": {"append": 40, "write": 6, "truncate": 6, "reflink": 2, "unlink": 2,
                       "sync": 3}, "unaligned": 60, "dump": 50},
    "dio": {"ops": {"dio": 40, "write": 8, "punch": 4, "falloc": 6, "truncate": 3, "clone": 3,
                    "snapshot": 2}, "dump": 70},
    "manyleaf": {"ops": {"write": 30, "randwrite": 5, "snapshot": 16, "subdel": 10, "punch": 6,
                         "clone": 8, "reflink": 3, "truncate": 1, "falloc": 3, "balance": 3},
                 "span": 16 * M, "sizes": [4 * K, 16 * K, 64 * K, 256 * K], "leaves": True},
}


class Script:
    def __init__(self, profile, rng, ops):
        self.rng, self.p, self.wanted = rng, PROFILES[profile], ops
        self.span = self.p.get("span", M)
        self.sizes, self.snapshots, self.serial = {}, {}, 0
        self.lines = ["subvol sv"]

    def emit(self, *words):
        self.lines.append(" ".join(str(w) for w in words))

    def aligned(self):
        return self.rng.below(100) >= self.p.get("unaligned", 0)

    def length(self, force_aligned=False):
        if "sizes" in self.p and not force_aligned:
            n = self.rng.pick(self.p["sizes"])
        else:
            n = self.rng.pick([1, 1, 1, 2, 4, 4, 8, 16, 16, 64]) * BLOCK
        if not force_aligned and not self.aligned() and "sizes" not in self.p:
            n += self.rng.below(BLOCK)
        return n

    def offset(self, force_aligned=False):
        if self.rng.below(6) == 0:
            return 0
        if not force_aligned and not self.aligned():
            return self.rng.below(self.span)
        return self.rng.below(self.span // BLOCK) * BLOCK

    def target(self):
        """A file to change: a new one now and then, one in a snapshot if the profile says so."""
        if self.p.get("in_snapshots") and self.snapshots and self.rng.below(3) == 0:
            name = self.rng.pick(sorted(self.snapshots))
            if self.snapshots[name]:
                return f"{name}/{self.rng.pick(self.snapshots[name])}"
        name = "sv/" + self.rng.pick(["a", "b", "c", "d"][:4 if len(self.sizes) > 2 else 3])
        if name not in self.sizes:
            self.sizes[name] = 0
            if self.p.get("nocow") and self.rng.below(4):
                self.emit("nocow", name)
        return name

    def existing(self):
        return self.rng.pick(sorted(self.sizes)) if self.sizes else None

    def grow(self, name, size):
        if name in self.sizes:
            self.sizes[name] = max(self.sizes[name], size)

    def part(self, name):
        """A part of a file that can be cloned: whole blocks, or up to its end; rarely neither."""
        if self.rng.below(20) == 0:
            return self.offset(True), self.length(True)
        size = self.sizes[name]
        offset = self.rng.below(size // BLOCK + 1) * BLOCK
        length = min(self.length(True), size - offset)
        return offset, length

    def op_write(self):
        name, offset, length = self.target(), self.offset(), self.length()
        self.emit("write", name, offset, length)
        self.grow(name, offset + length)

    def op_truncwrite(self):
        name, length = self.target(), self.length()
        self.emit("truncwrite", name, length)
        if name in self.sizes:
            self.sizes[name] = length

    def op_dio(self):
        chunk = self.rng.pick([4 * K, 16 * K, 64 * K, 256 * K])
        name, offset, length = self.target(), self.offset(True), chunk * (1 + self.rng.below(4))
        self.emit("dio", name, offset, length, chunk)
        self.grow(name, offset + length)

    def op_randwrite(self):
        name = self.target()
        leaves = self.p.get("leaves")
        count = 60 + self.rng.below(200) if leaves else 5 + self.rng.below(30)
        self.emit("randwrite", name, self.span, 4 * K, count, self.rng.below(1000),
                  self.rng.pick(["fsync", "fsync" if leaves else "none"]))
        self.grow(name, self.span - BLOCK)

    def op_append(self):
        name, length, count = self.target(), self.length(), 1 + self.rng.below(6)
        self.emit("append", name, length, count, self.rng.pick(["fsync", "none"]))
        if name in self.sizes:
            self.sizes[name] += length * count

    def op_truncate(self):
        name = self.existing()
        if name:
            self.sizes[name] = self.rng.below(self.span) if self.rng.below(5) else 0
            self.emit("truncate", name, self.sizes[name])

    def op_punch(self):
        name = self.existing()
        if name:
            self.emit("punch", name, self.offset(), self.length())

    def op_zero(self):
        name, offset, length = self.target(), self.offset(), self.length()
        self.emit("zero", name, offset, length)
        self.grow(name, offset + length)

    def op_falloc(self):
        keep = self.rng.below(4) == 0
        name, offset, length = self.target(), self.offset(), self.length() * 2
        self.emit("falloc", name, offset, length, *(["keep"] if keep else []))
        self.grow(name, 0 if keep else offset + length)

    def op_reflink(self):
        source = self.existing()
        target = self.target()
        if source and source != target:
            self.emit("reflink", source, target)
            self.grow(target, self.sizes[source])
        else:
            self.op_write()

    def op_clone(self):
        source = self.existing()
        if source:
            (start, length), target, at = self.part(source), self.target(), self.offset(True)
            self.emit("clone", source, start, length, target, at)
            self.grow(target, at + length)

    def op_dedupe(self):
        source, target = self.existing(), self.existing()
        if source:
            start, length = self.part(source)
            at = self.rng.below(self.sizes[target] // BLOCK + 1) * BLOCK
            self.emit("sync")
            self.emit("dedupe", source, start, min(length, max(self.sizes[target] - at, 0)),
                      target, at)

    def op_snapshot(self):
        if self.sizes and len(self.snapshots) < 4:
            self.serial += 1
            names = [n[3:] for n in sorted(self.sizes)]
            self.emit("snapshot", "sv", f"s{self.serial}", *names)
            self.snapshots[f"s{self.serial}"] = names

    def op_subdel(self):
        if self.snapshots:
            name = self.rng.pick(sorted(self.snapshots))
            self.emit("subdel", name)
            del self.snapshots[name]

    def op_unlink(self):
        if len(self.sizes) > 1:
            name = self.existing()
            del self.sizes[name]
            self.emit("unlink", name)

    def op_balance(self):
        self.emit("balance")

    def op_defrag(self):
        name = self.existing()
        if name:
            self.emit("defrag", name, *self.rng.pick([[], [], ["64k"], ["1m"], ["32m"]]))

    def op_sync(self):
        self.emit("sync")

    def begin(self):
        if self.p.get("pattern"):
            self.emit("pattern", 65)
        if self.p.get("leaves"):
            self.sizes["sv/a"] = self.span
            self.emit("write", "sv/a", 0, self.span)
            self.emit("sync")
            self.emit("randwrite", "sv/a", self.span, 4 * K, 100 + self.rng.below(100),
                      self.rng.below(1000), "fsync")
            self.emit("dump")

    def run(self):
        self.begin()
        done = 0
        while done < self.wanted:
            before = len(self.lines)
            getattr(self, "op_" + self.rng.weighted(self.p["ops"]))()
            if len(self.lines) == before:
                continue
            done += 1
            if self.rng.below(100) < self.p.get("dump", 100):
                self.emit("dump")
        if self.lines[-1] != "dump":
            self.emit("dump")
        return "\n".join(self.lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--ops", type=int, default=40)
    parser.add_argument("--profile", choices=sorted(PROFILES), default="fuzz")
    args = parser.parse_args()
    rng = Rng(args.seed * 1000003 + sum(args.profile.encode()))
    print(Script(args.profile, rng, args.ops).run(), end="")


if __name__ == "__main__":
    main()
