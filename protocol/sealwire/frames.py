"""Frames on a serial line: COBS between zero bytes, with a CRC-32 and a length cap.

A frame on the line is ``00 COBS(body CRC32(body)) 00``, CRC-32 as in IEEE 802.3, little-endian. Consistent Overhead
Byte Stuffing (Cheshire and Baker, 1999) leaves no zero byte inside, so that a reader finds the next frame after any
noise, and console text between frames is simply no frame. A frame's body is one message, or one of the unsigned items
of ``messages``.
"""

import binascii

from sealwire import errors, limits
from sealwire.errors import DecodeError

BODY = limits.MESSAGE
LINE = BODY + 4 + (BODY + 4) // 254 + 1  # the longest stuffed body


def encode(body: bytes) -> bytes:
    """A whole frame with both delimiters. Raises ValueError when the body is empty or over the cap."""
    if not 0 < len(body) <= BODY:
        raise ValueError("frame body of 1 to %d bytes" % BODY)
    return b"\0" + _stuff(bytes(body) + binascii.crc32(body).to_bytes(4, "little")) + b"\0"


def decode(line: bytes) -> bytes:
    """The body of what stood between two zero bytes. Raises DecodeError: too_large, bad_frame, bad_crc."""
    if len(line) > LINE:
        raise DecodeError(errors.TOO_LARGE)
    data = _unstuff(line)
    if len(data) < 5:
        raise DecodeError(errors.BAD_FRAME)
    body = data[:-4]
    if binascii.crc32(body).to_bytes(4, "little") != data[-4:]:
        raise DecodeError(errors.BAD_CRC)
    return body


def _stuff(data: bytes) -> bytes:
    out = bytearray()
    start = 0
    while True:
        end = data.find(b"\0", start, start + 254)
        if end < 0:
            end = min(start + 254, len(data))
            out.append(end - start + 1)
            out.extend(data[start:end])
            if end == len(data):
                return bytes(out)
            start = end
        else:
            out.append(end - start + 1)
            out.extend(data[start:end])
            start = end + 1


def _unstuff(line: bytes) -> bytes:
    out = bytearray()
    at = 0
    code = 0
    while at < len(line):
        full = code == 255
        code = line[at]
        end = at + code
        if code == 0 or end > len(line) or (full and end == len(line) == at + 1):  # an empty block after a full one
            raise DecodeError(errors.BAD_FRAME)
        out.extend(line[at + 1 : end])
        at = end
        if code != 255 and at < len(line):
            out.append(0)
    return bytes(out)


class Reader:
    """Finds frames in a stream of bytes; holds at most one line of the cap's length.

    ``feed(data)`` takes bytes and returns the list of bodies that were completed. What is no frame (noise, console
    text, an over-long line) is counted in ``skipped``, a line at a time.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._over = False
        self.skipped = 0

    def feed(self, data: bytes) -> "list[bytes]":
        bodies: "list[bytes]" = []
        start = 0
        while True:
            end = data.find(b"\0", start)
            self._take(data[start : end if end >= 0 else len(data)])
            if end < 0:
                return bodies
            body = self._end()
            if body is not None:
                bodies.append(body)
            start = end + 1

    def _take(self, piece: bytes) -> None:
        if len(self._line) + len(piece) > LINE:
            self._over = True
            self._line = bytearray()
        else:
            self._line.extend(piece)

    def _end(self) -> "bytes | None":
        line, over = bytes(self._line), self._over
        self._line = bytearray()
        self._over = False
        if not line and not over:
            return None
        if not over:
            try:
                return decode(line)
            except DecodeError:
                pass
        self.skipped += 1
        return None
