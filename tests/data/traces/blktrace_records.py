#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""blktrace_records.py BASE: writes BASE.blktrace.0, records as the kernel hands them to blktrace, for
`blkparse -i BASE` to print. For machines whose kernel refuses blktrace: the requests are invented,
the text is blkparse's own."""
import struct
import sys

MAGIC = 0x65617407
READ, WRITE, FLUSH, SYNC = (1 << 16 << n for n in range(4))
QUEUE, REQUEUE, ISSUE, COMPLETE, FS, PC, NOTIFY, AHEAD, META, DISCARD = (
    1 << 16 << n for n in range(4, 14))
FUA = 1 << 16 << 15
TA_QUEUE, TA_BACKMERGE, TA_GETRQ, TA_ISSUE, TA_COMPLETE = 1, 2, 4, 7, 8
TA_PLUG, TA_UNPLUG_IO, TA_INSERT, TA_SPLIT, TA_REMAP = 9, 10, 12, 13, 15
DEVICE = 8 << 20 | 16
PID = 1234

records = []


def add(action, sector=0, size=0, device=DEVICE, payload=b"", pid=PID):
    n = len(records)
    records.append(struct.pack("<IIQQIIIIIHH", MAGIC, n + 1, 1000 + n * 250321, sector, size,
                               action, pid, device, 0, 0, len(payload)) + payload)


def request(category, sector, size):
    """A request's whole life: queued, issued, completed."""
    add(TA_QUEUE | QUEUE | FS | category, sector, size)
    add(TA_GETRQ | QUEUE | FS | category, sector, size)
    add(TA_INSERT | QUEUE | FS | category, sector, size)
    add(TA_ISSUE | ISSUE | FS | category, sector, size)
    add(TA_COMPLETE | COMPLETE | FS | category, sector, size, pid=0)


add(NOTIFY, payload=b"kworker/u4:2 w\0\0", pid=PID)
request(READ, 2048, 4096)
request(READ | AHEAD, 2056, 16384)
request(READ | META, 2056, 4096)
request(WRITE | SYNC, 2050, 8192)                  # begins within a block
request(READ, 1 << 33, 4096)                       # beyond 32 bits
add(TA_REMAP | FS | READ, 4096, 4096, payload=struct.pack(">IIQ", 8 << 20 | 17, DEVICE, 2048))
request(READ, 4096, 4096)
add(TA_PLUG | QUEUE | FS)
add(TA_QUEUE | QUEUE | FS | WRITE, 8192, 4096)
add(TA_QUEUE | QUEUE | FS | WRITE, 8200, 4096)
add(TA_BACKMERGE | QUEUE | FS | WRITE, 8200, 4096)
add(TA_UNPLUG_IO | QUEUE | FS, payload=struct.pack(">Q", 1))
add(TA_SPLIT | FS | WRITE, 8192, 4096, payload=struct.pack(">Q", 8196))
request(WRITE | FLUSH | FUA | SYNC | META, 128, 4096)
add(TA_QUEUE | QUEUE | FS | WRITE | FLUSH | SYNC)  # a flush, no data
add(TA_COMPLETE | COMPLETE | FS | WRITE | FLUSH | SYNC, pid=0)
request(DISCARD | SYNC, 1 << 20, 1 << 27)
add(TA_QUEUE | QUEUE | PC | READ, 0, 36, payload=bytes([0x12, 0, 0, 0, 36, 0]))
request(READ, 2048, 4096)
add(TA_QUEUE | QUEUE | FS | READ, 2048, 4096, device=8 << 20 | 32)

with open(sys.argv[1] + ".blktrace.0", "wb") as out:
    out.write(b"".join(records))
