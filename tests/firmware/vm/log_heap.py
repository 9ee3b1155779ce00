"""A log longer than what is kept, in a heap much smaller than it. Argument: a file for the chip's image.

Prints how much heap the open log holds and how much the imports took.
"""

import gc
import os
import sys

import vfs

gc.collect()
nothing_imported = gc.mem_alloc()
from sealwire import chain  # noqa: E402 - measured

gc.collect()
before_import = gc.mem_alloc()
from sealbox.log import Log  # noqa: E402 - measured

gc.collect()
imported = gc.mem_alloc() - before_import
BLOCKS = 640
BLOCK = 4096


class FileFlash:
    """A chip whose image is a file, so that it takes no heap."""

    def __init__(self, path):
        self.file = open(path, "w+b")  # noqa: SIM115 - open as long as the chip exists
        for _ in range(BLOCKS):
            self.file.write(b"\xff" * BLOCK)

    def readblocks(self, block, buffer, offset=0):
        self.file.seek(block * BLOCK + offset)
        self.file.readinto(buffer)

    def writeblocks(self, block, buffer, offset=0):
        self.file.seek(block * BLOCK + offset)
        self.file.write(buffer)

    def ioctl(self, command, argument):
        return {4: BLOCKS, 5: BLOCK}.get(command, 0)


def used():
    gc.collect()
    return gc.mem_alloc()


def run():
    chip = FileFlash(sys.argv[1])
    vfs.VfsLfs2.mkfs(chip)
    vfs.mount(vfs.VfsLfs2(chip), "/flash")
    genesis = chain.genesis(bytes(16))
    entry = bytearray(200)
    before = used()
    log = Log("/flash/log", genesis)
    log.append(entry)
    held = used() - before
    for number in range(8192 + 200):
        entry[0], entry[1] = number >> 8 & 255, number & 255
        log.append(entry, flush=number % 20 == 0)
    log.flush()
    assert used() - before - held < 256, "the log grows in memory"
    count = sum(1 for _ in log.entries(0))
    assert count == log.seq == 8393
    assert len(list(log.find(bytes([0x20, 0x80, 0, 0]), 4000))) == 1
    assert log.head_at(5000) is not None
    assert log.prune(log.seq) == 129
    log.close()
    again = Log("/flash/log", genesis)
    assert (again.seq, again.head, again.first) == (log.seq, log.head, 129)
    assert used() - before - held < held + 256, "reading left something behind"
    print(
        "chain", before_import - nothing_imported, "log", imported, "held", held, "files", len(os.listdir("/flash/log"))
    )


run()
