"""The virtual box's display as a picture: the bytes of an SSD1306 as a PNG file. Only the standard library."""

import struct
import zlib
from collections.abc import Sequence

WIDTH, HEIGHT = 128, 64

DARK, LIT, EDGE = (13, 17, 23), (214, 236, 255), (48, 54, 61)
"""Colours: a pixel that is off, one that is on, and what is between displays on a sheet."""

Pixels = list[bytes]  # rows of palette numbers


def pixels(picture: bytes) -> Pixels:
    """The display's rows, one byte (0 or 1) a pixel. Raises ValueError for what is not 1,024 bytes."""
    if len(picture) != WIDTH * HEIGHT // 8:
        raise ValueError("a picture of the display has 1,024 bytes")
    return [bytes(picture[y // 8 * WIDTH + x] >> y % 8 & 1 for x in range(WIDTH)) for y in range(HEIGHT)]


def to_png(picture: bytes, scale: int = 1) -> bytes:
    """The display as a PNG file, each pixel `scale` wide and high."""
    return _png(_enlarged(pixels(picture), scale))


def sheet(pictures: Sequence[bytes], columns: int, scale: int = 2, gap: int = 12) -> bytes:
    """Displays side by side as one PNG file, row after row."""
    shown = [_enlarged(pixels(picture), scale) for picture in pictures]
    shown += [_enlarged([bytes([2]) * WIDTH] * HEIGHT, scale)] * (-len(shown) % columns)
    width = columns * (WIDTH * scale + gap) + gap
    rows: Pixels = []
    for start in range(0, len(shown), columns):
        rows += [bytes([2]) * width] * gap
        line = shown[start : start + columns]
        for y in range(HEIGHT * scale):
            rows.append(bytes([2]) * gap + b"".join(each[y] + bytes([2]) * gap for each in line))
    return _png(rows + [bytes([2]) * width] * gap)


def _enlarged(rows: Pixels, scale: int) -> Pixels:
    return [wide for row in rows for wide in [bytes(value for value in row for _ in range(scale))] * scale]


def _png(rows: Pixels) -> bytes:
    """Rows of palette numbers below 4 as a PNG file with two bits a pixel."""
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 2, 3, 0, 0, 0)
    palette = bytes(part for colour in (DARK, LIT, EDGE) for part in colour)
    data = b"".join(b"\0" + _packed(row) for row in rows)
    chunks = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(data, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _packed(row: bytes) -> bytes:
    padded = row + bytes(-len(row) % 4)
    return bytes(a << 6 | b << 4 | c << 2 | d for a, b, c, d in zip(*[iter(padded)] * 4, strict=True))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
