"""A flash chip in memory, for littlefs on the MicroPython VM, that can lose power, wear out and count.

Guarantees: after the cut nothing reaches the image any more, whatever still holds the old object (a file that the
collector closes late, say); `powered_on` gives the chip as the next boot finds it. Errors are returned as negative
numbers, as C drivers do; an exception would leave littlefs in the middle of its work.
"""

import random
from errno import EIO

import vfs

DROPPED, TORN, GARBAGE, KEPT = 0, 1, 2, 3
SOUND, FAILS, SILENT = 0, 1, 2  # what a worn block does: nothing odd, report failure, pretend that it worked
ERASE, WRITE = 0, 1
MOUNT = "/flash"


class Flash:
    """Block device. writes, erases, written (bytes): what was done since it was made."""

    def __init__(self, blocks, size=4096, image=None):
        self.size = size
        self.blocks = blocks
        self.image = bytearray(blocks * size) if image is None else image
        self.view = memoryview(self.image)
        self.dead = False
        self.cut_at = -1  # number of the write or erase that power fails in
        self.how = DROPPED
        self.worn = None  # function of (operation, block): SOUND, FAILS or SILENT
        self.trace = None  # list that takes (operation, block, offset, data)
        self.writes = self.erases = self.written = self.reads = 0

    def readblocks(self, block, buffer, offset=0):
        if self.dead:
            return -EIO
        self.reads += len(buffer)
        start = block * self.size + offset
        buffer[:] = self.view[start : start + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        self.written += len(buffer)
        self.writes += 1
        return self._do(WRITE, block, offset, buffer)

    def ioctl(self, command, argument):
        if command == 4:
            return self.blocks
        if command == 5:
            return self.size
        if command == 6:
            self.erases += 1
            return self._do(ERASE, argument, 0, None)
        return 0

    def _do(self, operation, block, offset, data):
        wear = self.worn(operation, block) if self.worn else SOUND
        if self.dead or wear == FAILS:
            return -EIO
        if wear == SILENT:
            return 0
        if self.trace is not None:
            self.trace.append((operation, block, offset, data and bytes(data)))
        if self.writes + self.erases - 1 == self.cut_at:
            self.dead = True
            if self.how == KEPT:
                self.apply(operation, block, offset, data)
            self.damage(operation, block, offset, data, self.how)
            return -EIO
        self.apply(operation, block, offset, data)
        return 0

    def apply(self, operation, block, offset, data):
        """Do it to the image."""
        start = block * self.size + offset
        if operation == WRITE:
            self.view[start : start + len(data)] = data
        else:
            self.view[start : start + self.size] = b"\xff" * self.size

    def damage(self, operation, block, offset, data, how):
        """Do to the image what is left of it when power fails in the middle."""
        start = block * self.size + offset
        count = len(data) if operation == WRITE else self.size
        if how == TORN:
            half = count // 2
            self.view[start : start + half] = data[:half] if operation == WRITE else b"\xff" * half
        elif how == GARBAGE:
            self.view[start : start + count] = bytes(random.getrandbits(8) for _ in range(count))

    def powered_on(self):
        """Cut the power, if that hasn't happened yet, and return the chip as the next boot finds it."""
        self.dead = True
        return Flash(self.blocks, self.size, self.image)


def mount(flash):
    """Mount a chip at MOUNT, in place of what was there."""
    try:
        vfs.umount(MOUNT)
    except OSError:
        pass
    vfs.mount(vfs.VfsLfs2(flash), MOUNT)


def fresh(blocks, size=4096):
    """A formatted chip, mounted."""
    flash = Flash(blocks, size)
    vfs.VfsLfs2.mkfs(flash)
    mount(flash)
    return flash
