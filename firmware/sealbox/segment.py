"""One segment of the log: its bytes, and a reader that checks them against the chain.

A segment is a header (magic, number of its first entry, chain head before it, SHA-256 of the whole segment before it,
check) and records: two bytes of length, the entry, the first four bytes of the chain head after it. The header's check
covers the site's genesis head too, so another site's segment isn't taken.

Guarantees: the reader hands out an entry only if its record is whole and continues the chain. Leaves files to `log`.
"""

import struct
from hashlib import sha256

from micropython import const
from sealwire import limits
from sealwire.chain import next_head

MYPY = False
if MYPY:
    from collections.abc import Callable

HEADER = 76  # bytes
FRAME = 6  # bytes of a record beside its entry
CHUNK = 1024  # what is read at once: holds the longest record whole
_MAGIC = b"SBL1"
_FIELDS = ">4sI32s32s"
_CHECKED = const(72)


class LogCorrupt(Exception):  # noqa: N818 - a name of the design
    """The stored log contradicts itself; nothing may be opened on its word."""


def _check(genesis: bytes, fields: bytes) -> bytes:
    return sha256(genesis + fields).digest()[:4]


def put_header(view: memoryview, genesis: bytes, first: int, head: bytes, previous: bytes) -> int:
    """Write a header to the start of `view`. Returns its length."""
    fields = struct.pack(_FIELDS, _MAGIC, first, head, previous)
    view[:_CHECKED] = fields
    view[_CHECKED:HEADER] = _check(genesis, fields)
    return HEADER


def put_record(view: memoryview, start: int, entry: bytes, head: bytes) -> int:
    """Write a record to view[start:], `head` being the chain head after it. Returns where it ends."""
    size = len(entry)
    end = start + size + FRAME
    view[start] = size >> 8
    view[start + 1] = size & 255
    view[start + 2 : end - 4] = entry
    view[end - 4 : end] = head[:4]
    return end


class Reader:
    """Goes through one segment's records in order. Holds CHUNK bytes, and no file open.

    seq: number of the last entry read, at first of the one before the segment. head: chain head after it. previous: the
    header's SHA-256 of the segment before. The last record is view[start:pos]; the view begins `base` into the segment.
    """

    def __init__(self, read: "Callable[[int, int, memoryview], int]", genesis: bytes, index: int, seq: int) -> None:
        """`read(index, offset, view)` fills the view from the segment and returns the count. Raises LogCorrupt."""
        self.index = index
        self.seq = seq
        self._source = read
        self.buffer = bytearray(CHUNK)
        self.view = memoryview(self.buffer)
        self.base = 0
        self.start = 0
        self.pos = HEADER
        self.fill = read(index, 0, self.view)
        fields = bytes(self.view[:_CHECKED])
        magic, first, self.head, self.previous = struct.unpack(_FIELDS, fields)
        good = magic == _MAGIC and first == seq + 1 and (seq != 0 or self.head == genesis)
        if self.fill < HEADER or not good or self.view[_CHECKED:HEADER] != _check(genesis, fields):
            raise LogCorrupt("header of segment %d" % index)

    def step(self) -> "bytes | None":
        """The next entry; None, with nothing changed, if no whole record that continues the chain follows."""
        size = self._size()
        if self.pos + size > self.fill:
            self.base += self.pos
            self.fill = self._source(self.index, self.base, self.view)
            self.pos = 0
            size = self._size()
        if not FRAME < size <= min(self.fill - self.pos, limits.ENTRY + FRAME):
            return None
        end = self.pos + size
        entry = bytes(self.view[self.pos + 2 : end - 4])
        head = next_head(self.head, entry)
        if self.view[end - 4 : end] != head[:4]:
            return None
        self.start, self.pos = self.pos, end
        self.seq += 1
        self.head = head
        return entry

    def entry(self) -> bytes:
        """The next entry; LogCorrupt if there is none."""
        entry = self.step()
        if entry is None:
            raise LogCorrupt("entry %d" % (self.seq + 1))
        return entry

    def lacks_end(self) -> bool:
        """After step() found none: whether what is left is the beginning of a record, and too short for a whole one."""
        left, size = self.fill - self.pos, self._size()
        return left < 2 or (left < size and FRAME < size <= limits.ENTRY + FRAME)

    def _size(self) -> int:
        """Bytes of the record at pos by its length field; more than fits if that itself isn't in the buffer."""
        if self.fill - self.pos < 2:
            return CHUNK
        return (self.buffer[self.pos] << 8 | self.buffer[self.pos + 1]) + FRAME
