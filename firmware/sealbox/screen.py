"""Draws rows of text on the board's display, 128 pixels wide and 16 high each, with the glyphs of `glyphs`.

Guarantees: a row is drawn only when it changed; between two rows the bays are looked after; drawing keeps no memory but
one row of pixels. Leaves to others: what is said (`display`), and pixels on glass (`board`).
"""

import asyncio

from micropython import const

from sealbox import glyphs

_ROWS = const(4)
_WIDTH = const(128)
_LOOK_MS = const(50)  # sooner than anybody sees

_RIGHT = const(9)  # tab: what follows stands at the right end
_UPPER = const(11)  # vertical tab: the upper half of a number in double size follows
_LOWER = const(12)  # form feed: its lower half
_SPACE = const(0x20)
_HYPHEN = const(0x2D)
_LAST = const(0x7E)  # of ASCII that can be seen
_UNKNOWN = const(0x3F)

_WIDE = const(16)
_NARROW = const(8)
_GLYPH = const(16)  # bytes of a narrow glyph
_RECORD = const(34)  # of a wide one and its code point
_OTHERS = const(1520)  # where wide ones begin
_TIGHT = const(7)  # letters of a row that is too wide otherwise; then also:
_TIGHT_HYPHEN = const(5)
_TIGHT_SPACE = const(4)

_TWICE = const(b"\x00\x03\x0c\x0f\x30\x33\x3c\x3f\xc0\xc3\xcc\xcf\xf0\xf3\xfc\xff")  # four bits, each twice


class Screen:
    """The board's display."""

    def __init__(self, board: object) -> None:
        self._board = board
        self._picture = bytearray(2 * _WIDTH)
        self._shown = [None] * _ROWS
        self._stale = False

    def wake(self) -> None:
        """There is something new. May be called from anywhere: drawing is for later."""
        self._stale = True

    async def show(self, rows: "list[str]") -> None:
        """Draw what changed, and let others work after each row."""
        changed = False
        for row in range(_ROWS):
            text = rows[row] if row < len(rows) else ""
            if text != self._shown[row]:
                draw(self._picture, text)
                self._board.draw(row, self._picture)
                self._shown[row] = text
                changed = True
                await asyncio.sleep_ms(0)
        if changed:
            self._board.show(
                "\n".join(self._shown).replace("\t", " ").replace("\v", " ").replace("\f", " ").split("\n")
            )

    async def pause(self, ms: int) -> bool:
        """Wait until there is something new, at most so long; whether there is.

        Looks again and again: a task that waits for an event takes a kilobyte of heap as long as it does.
        """
        while not self._stale and ms > 0:
            await asyncio.sleep_ms(_LOOK_MS)
            ms -= _LOOK_MS
        stale, self._stale = self._stale, False
        return stale


def draw(picture: bytearray, text: str) -> int:
    """Draw a row of text: 128 columns of 8 pixels, then the 128 below them, lowest bit on top. Returns how many pixels
    are left between what stands at the left end and what stands at the right; below 0, they overlap."""
    for at in range(2 * _WIDTH):
        picture[at] = 0
    row = text.encode()
    split = 0
    while split < len(row) and row[split] not in (_RIGHT, _UPPER, _LOWER):
        split += 1
    mark = row[split] if split < len(row) else 0
    right = row[split + 1 :]
    row = row[:split]
    end = _WIDTH - _write(None, right, 0, False) * (1 if mark == _RIGHT else 2)
    tight = _write(None, row, 0, False) > end
    left = end - _write(picture, row, 0, tight)
    if mark == _RIGHT:
        _write(picture, right, end, False)
    elif mark:
        for at in range(len(right)):
            _enlarge(picture, right[at], end + 2 * _NARROW * at, mark == _LOWER)
    if text.startswith("⚠"):
        for at in range(2 * _WIDTH):
            picture[at] ^= 0xFF
    return left


def _write(picture: "bytearray | None", row: bytes, x: int, tight: bool) -> int:
    """Draw characters from a column on, or only measure them; the column after the last."""
    at = 0
    while at < len(row):
        byte = row[at]
        if byte >= 0x80:
            # All others that occur take three bytes of UTF-8.
            code = (byte & 15) << 12 | (row[at + 1] & 63) << 6 | row[at + 2] & 63
            _paint(picture, _find(code), _WIDE, x)
            at += 3
            x += _WIDE
            continue
        at += 1
        # Tight, a hyphen begins one column earlier: its first two are empty, other characters' first one.
        first = x - 1 if tight and byte == _HYPHEN else x
        _paint(picture, _GLYPH * ((byte if _SPACE <= byte <= _LAST else _UNKNOWN) - _SPACE), _NARROW, first)
        if not tight:
            x += _NARROW
        else:
            x += _TIGHT_HYPHEN if byte == _HYPHEN else _TIGHT_SPACE if byte == _SPACE else _TIGHT
    return x


def _find(code: int) -> int:
    """Where a wide character's glyph begins, -1 if it has none."""
    font = glyphs.GLYPHS
    low, high = 0, (len(font) - _OTHERS) // _RECORD
    while low < high:
        middle = (low + high) // 2
        at = _OTHERS + _RECORD * middle
        found = font[at] << 8 | font[at + 1]
        if found == code:
            return at + 2
        if found < code:
            low = middle + 1
        else:
            high = middle
    return -1


def _paint(picture: "bytearray | None", glyph: int, columns: int, x: int) -> None:
    if picture is None or glyph < 0:
        return
    font = glyphs.GLYPHS
    for column in range(columns):
        at = x + column
        if 0 <= at < _WIDTH:
            picture[at] |= font[glyph + column]
            picture[_WIDTH + at] |= font[glyph + columns + column]


def _enlarge(picture: bytearray, digit: int, x: int, lower: bool) -> None:
    """Half of a digit in double size, 16 by 16 pixels; its strokes are three pixels wide."""
    glyph = _GLYPH * (digit - _SPACE) + (_NARROW if lower else 0)
    for column in range(_NARROW - 1):  # the last one is empty in a digit
        byte = glyphs.GLYPHS[glyph + column]
        for at in range(x + 2 * column, x + 2 * column + 3):
            picture[at] |= _TWICE[byte & 15]
            picture[_WIDTH + at] |= _TWICE[byte >> 4]
