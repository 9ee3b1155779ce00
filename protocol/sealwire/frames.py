"""Frames on a serial line: COBS between zero bytes, with a CRC-32 and a length cap.

A frame on the line is ``00 COBS(body CRC32(body)) 00``, CRC-32 as in IEEE 802.3, little-endian. Consistent Overhead
Byte Stuffing (Cheshire and Baker, 1999) leaves no zero byte inside, so that a reader finds the next frame after any
noise, and console text between frames is simply no frame. A frame's body is one message, or one of the unsigned items
of ``messages``.
"""

import binascii

from sealwire import errors, limits
from sealwire.errors import DecodeError

MYPY = False
if MYPY:
    from collections.abc import Iterator

BODY = limits.MESSAGE
LINE = BODY + 4 + (BODY + 4) // 254 + 1  # the longest stuffed body


def encode(body: bytes) -> bytearray:
    """A whole frame with both delimiters. Raises ValueError when the body is empty or over the cap."""
    if not 0 < len(body) <= BODY:
        raise ValueError("frame body of 1 to %d bytes" % BODY)
    return _stuff(body, binascii.crc32(body).to_bytes(4, "little"))


def _stuff(*parts: bytes) -> bytearray:
    """The parts, one after the other, stuffed and between delimiters; nothing is copied but into the result."""
    size = sum(len(part) for part in parts)
    line = bytearray(size + size // 254 + 3)
    block, at = 1, 2  # where the block under way has its length, and where its next byte goes
    for part in parts:
        start = 0
        while start < len(part):
            if at - block == 255:  # a full block; only what follows it needs another
                line[block] = 255
                block, at = at, at + 1
            end = part.find(b"\0", start, start + 255 - (at - block))
            stop = end if end >= 0 else min(start + 255 - (at - block), len(part))
            line[at : at + stop - start] = part[start:stop]
            at += stop - start
            start = stop
            if end >= 0:
                line[block] = at - block
                block, at, start = at, at + 1, end + 1
    line[block] = at - block
    line[at + 1 :] = b""
    return line


def decode(line: bytes) -> bytes:
    """The body of what stood between two zero bytes. Raises DecodeError: too_large, bad_frame, bad_crc."""
    if 0 in line:
        raise DecodeError(errors.BAD_FRAME)
    reader = Reader()
    reader._take(line, 0, len(line))
    reason = reader._judge()
    if reason:
        raise DecodeError(reason)
    return bytes(reader._body())


class Reader:
    """Finds frames in a stream of bytes. Unstuffs them as they come, into one buffer that is made once.

    ``body`` is the longest body that is taken. What is no frame (noise, console text, a longer line) is counted in
    ``skipped``, a line at a time.
    """

    def __init__(self, body: int = BODY) -> None:
        self.skipped = 0
        self.resize(body)

    def resize(self, body: int, room: "memoryview | None" = None) -> None:
        """Take bodies up to another length from the next zero byte on. Raises MemoryError, and nothing is changed.

        ``room`` is used instead of a buffer of its own; it has 4 bytes more than the longest body.
        """
        self._buffer = memoryview(bytearray(body + 4)) if room is None else room
        self._forget()

    def feed(self, data: bytes) -> "Iterator[memoryview]":
        """The bodies that these bytes complete. Each is the reader's own buffer, valid until the next is asked for."""
        start = 0
        while True:
            end = data.find(b"\0", start)
            self._take(data, start, end if end >= 0 else len(data))
            if end < 0:
                return
            start = end + 1
            if self._code:
                good, body = not self._judge(), self._body()
                self._forget()  # first: who has what they waited for asks for no more of these bytes
                if good:
                    yield body
                else:
                    self.skipped += 1

    def _forget(self) -> None:
        """A line ended."""
        self._size = 0  # bytes that came out so far
        self._code = 0  # the length byte of the block under way; 0 before the first
        self._left = 0  # bytes of it that are still to come
        self._after_full = False  # whether the block before it was full, and so stood for no zero byte
        self._over = False

    def _take(self, data: bytes, at: int, end: int) -> None:
        """Unstuff a piece of a line, without a zero byte."""
        buffer, size = self._buffer, self._size
        while at < end and not self._over:
            if self._left:
                count = min(self._left, end - at)
                if size + count > len(buffer):
                    self._over = True
                else:
                    buffer[size : size + count] = data[at : at + count]
                size, at, self._left = size + count, at + count, self._left - count
                continue
            self._after_full = self._code == 255
            if self._code and not self._after_full:
                if size == len(buffer):
                    self._over = True
                else:
                    buffer[size] = 0
                size += 1
            self._code = data[at]
            self._left = self._code - 1
            at += 1
        self._size = size

    def _judge(self) -> int:
        """What is wrong with the line that ended; 0 when it is a frame."""
        if self._over:
            return errors.TOO_LARGE
        if self._left or self._size < 5 or (self._after_full and self._code == 1):
            return errors.BAD_FRAME
        checksum = bytes(self._buffer[self._size - 4 : self._size])
        return 0 if binascii.crc32(self._body()).to_bytes(4, "little") == checksum else errors.BAD_CRC

    def _body(self) -> memoryview:
        return self._buffer[: self._size - 4]
