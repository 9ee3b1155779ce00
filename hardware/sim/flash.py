"""The box's flash: NOR flash in a sparse file, with wear counters, worn blocks, and power cuts within a write.

A write can only clear bits; erasing a block sets them. A write is durable once it was answered and a `sync` followed;
a power cut strikes the operation it falls on or, if it falls between two, the last one that no sync followed.
"""

import errno
import os
import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

LastWrite = Literal["keep", "drop", "tear", "garble"]
LAST_WRITES: tuple[str, ...] = get_args(LastWrite)

_INVERT = bytes(255 - value for value in range(256))
"""Bytes are stored inverted, so that the holes of a sparse file read as erased."""


class PowerCutError(Exception):
    """The power went during this operation, which is therefore never answered."""


@dataclass
class FlashStats:
    """What was done to the flash since the file was made or the simulator started."""

    reads: int = 0
    writes: int = 0
    erases: int = 0
    syncs: int = 0
    bytes_written: int = 0
    most_erases_of_a_block: int = 0
    failed: int = 0


class Flash:
    """Blocks of `block_size` bytes. Out-of-range access and worn blocks raise OSError."""

    def __init__(self, path: Path, block_size: int, blocks: int, seed: int) -> None:
        self.block_size = block_size
        self.blocks = blocks
        self.stats = FlashStats()
        self._worn: set[int] = set()
        self._erases = [0] * blocks
        self._random = random.Random(seed)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._file, block_size * blocks)
        self._unsynced: tuple[int, bytes] | None = None
        self._cut_after = 0
        self._cut_how: LastWrite = "keep"

    def close(self) -> None:
        os.close(self._file)

    def read(self, block: int, offset: int, length: int) -> bytes:
        start = self._range(block, offset, length)
        self.stats.reads += 1
        return os.pread(self._file, length, start).translate(_INVERT)

    def write(self, block: int, offset: int, data: bytes) -> None:
        start = self._range(block, offset, len(data))
        self._writable(start, len(data))
        self.stats.writes += 1
        self.stats.bytes_written += len(data)
        old = os.pread(self._file, len(data), start).translate(_INVERT)
        both = int.from_bytes(old, "little") & int.from_bytes(data, "little")
        self._apply(start, old, both.to_bytes(len(data), "little"))

    def erase(self, block: int) -> None:
        start = self._range(block, 0, self.block_size)
        self._writable(start, self.block_size)
        self.stats.erases += 1
        self._erases[block] += 1
        self.stats.most_erases_of_a_block = max(self._erases)
        old = os.pread(self._file, self.block_size, start).translate(_INVERT)
        self._apply(start, old, b"\xff" * self.block_size)

    def sync(self) -> None:
        self.stats.syncs += 1
        self._unsynced = None

    def counters(self) -> dict[str, int]:
        return asdict(self.stats)

    def wear_out(self, blocks: list[int]) -> None:
        """From now on writing or erasing these fails with EIO."""
        self._worn.update(blocks)

    def cut_at(self, operation: int, how: LastWrite) -> None:
        """Lets the power go at the n-th coming write or erase (1 is the next one)."""
        self._cut_after, self._cut_how = operation, how

    def cut_now(self, how: LastWrite) -> None:
        """The power goes between two operations: strikes the last one unless it was synced."""
        self._cut_after = 0
        if self._unsynced is None:
            return
        start, old = self._unsynced
        new = os.pread(self._file, len(old), start).translate(_INVERT)
        self._store(start, self._struck(how, old, new))
        self._unsynced = None

    def _apply(self, start: int, old: bytes, new: bytes) -> None:
        if self._cut_after == 1:
            self._store(start, self._struck(self._cut_how, old, new))
            self._cut_after, self._unsynced = 0, None
            raise PowerCutError
        if self._cut_after:
            self._cut_after -= 1
        self._store(start, new)
        self._unsynced = start, old

    def _store(self, start: int, data: bytes) -> None:
        os.pwrite(self._file, data.translate(_INVERT), start)

    def _struck(self, how: LastWrite, old: bytes, new: bytes) -> bytes:
        if how == "keep":
            return new
        if how == "drop":
            return old
        reached = self._random.randrange(len(new) + 1)
        if how == "tear":
            return new[:reached] + old[reached:]
        return new[:reached] + self._random.randbytes(len(new) - reached)

    def _range(self, block: int, offset: int, length: int) -> int:
        start = block * self.block_size + offset
        if start + length > self.blocks * self.block_size:
            raise OSError(errno.EINVAL, "beyond the flash's end")
        return start

    def _writable(self, start: int, length: int) -> None:
        touched = range(start // self.block_size, (start + max(length, 1) - 1) // self.block_size + 1)
        if not self._worn.isdisjoint(touched):
            self.stats.failed += 1
            raise OSError(errno.EIO, "worn block")
