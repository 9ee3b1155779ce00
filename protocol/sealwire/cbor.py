"""Deterministic CBOR (RFC 8949 section 4.2), cut down to what Sealbox messages need.

Known: unsigned integers up to 2^53-1, byte strings, text, arrays, and maps with keys 0 to 23. Everything else is
refused with one :class:`~sealwire.errors.DecodeError`, and nothing is allocated on the peer's word: a length is
compared with the bytes that are there before anything is made of it, and items and containers are counted, since on a
box an empty array of one byte takes 40 to 80 bytes of memory. What is decoded encodes to the same bytes again.
"""

from sealwire import errors, limits
from sealwire.errors import DecodeError

MYPY = False
if MYPY:
    from collections.abc import Callable, Iterator
    from typing import Any

_UINT = 0
_BYTES = 2
_TEXT = 3
_ARRAY = 4
_MAP = 5


def head(major: int, number: int) -> bytes:
    """The shortest head of a data item (RFC 8949 section 3).

    Raises ValueError for a number outside 0..2^53-1.
    """
    if not 0 <= number <= limits.INTEGER:
        raise ValueError("integer out of range")
    major <<= 5
    if number < 24:
        return bytes((major | number,))
    if number < 0x100:
        return bytes((major | 24, number))
    if number < 0x10000:
        return bytes((major | 25,)) + number.to_bytes(2, "big")
    if number < 0x100000000:
        return bytes((major | 26,)) + number.to_bytes(4, "big")
    return bytes((major | 27,)) + number.to_bytes(8, "big")


def encode(value: "Any") -> bytes:
    """Encode an int, bytes, str, list, tuple or dict.

    Raises TypeError for another type, and ValueError for a value that the profile cannot carry.
    """
    out = bytearray()
    encode_to(out.extend, value)
    return bytes(out)


def encode_to(put: "Callable[[Any], object]", value: "Any", depth: int = 0) -> None:
    """The same piece by piece, as for a hash: a box has no room for all of it at once."""
    if isinstance(value, bool):
        raise TypeError("no booleans on the wire")
    if isinstance(value, int):
        put(head(_UINT, value))
    elif isinstance(value, (bytes, bytearray, memoryview)):
        put(head(_BYTES, len(value)))
        put(value)
    elif isinstance(value, str):
        data = value.encode()
        if not valid_text(data):
            raise ValueError("text that the wire does not carry")
        put(head(_TEXT, len(data)))
        put(data)
    elif isinstance(value, (list, tuple, dict)):
        if depth == limits.DEPTH:
            raise ValueError("nested too deep")
        if isinstance(value, dict):
            _encode_map(put, value, depth + 1)
        else:
            put(head(_ARRAY, len(value)))
            for item in value:
                encode_to(put, item, depth + 1)
    else:
        raise TypeError("no such type on the wire")


def _encode_map(put: "Callable[[Any], object]", value: "dict[int, Any]", depth: int) -> None:
    put(head(_MAP, len(value)))
    for key in sorted(value):
        if isinstance(key, bool) or not isinstance(key, int) or not 0 <= key <= limits.KEY:
            raise ValueError("map keys are 0 to 23")
        put(bytes((key,)))
        encode_to(put, value[key], depth)


def read_head(data: bytes, at: int) -> "tuple[int, int, int]":
    """(major type, number, where the head ends) of the data item at ``at``.

    Raises DecodeError: truncated, not_shortest, indefinite_length, unsupported_type, integer_range.
    """
    if at >= len(data):
        raise DecodeError(errors.TRUNCATED)
    major = data[at] >> 5
    number = data[at] & 31
    at += 1
    if number < 24:
        return major, number, at
    if number == 31:
        raise DecodeError(errors.INDEFINITE_LENGTH)
    if number > 27:
        raise DecodeError(errors.UNSUPPORTED_TYPE, "reserved head")
    if major == 7:
        raise DecodeError(errors.UNSUPPORTED_TYPE, "simple value or float")
    size = 1 << (number - 24)
    end = at + size
    if end > len(data):
        raise DecodeError(errors.TRUNCATED)
    number = int.from_bytes(data[at:end], "big")
    if number < 24 or not number >> (4 * size):
        raise DecodeError(errors.NOT_SHORTEST)
    if number > limits.INTEGER:
        raise DecodeError(errors.INTEGER_RANGE)
    return major, number, end


def decode(data: bytes, limit: int = limits.MESSAGE, lazily: bool = False) -> "Any":
    """Decode exactly one data item of at most ``limit`` bytes.

    Returns int, bytes, str, list or dict (keys 0..23); with ``lazily``, arrays are :class:`Items` of ``data``, and
    strings longer than a signature are slices of it: a memoryview must not change as long as they are used. Raises
    DecodeError, see SPEC.md section 2.
    """
    if len(data) > limit:
        raise DecodeError(errors.TOO_LARGE)
    decoder = _Decoder(data, 0, lazily)
    value = decoder.item(0)
    if decoder.at != len(data):
        raise DecodeError(errors.TRAILING_BYTES)
    return value


_COPIED = limits.SIGNATURE  # bytes; a lazily decoded string up to here is a copy, so that keys and digests can be kept


class Items:
    """An array that was found well-formed, and is decoded item by item each time it is gone through.

    For a box, whose memory holds a roster's bytes but not all of its people at once, and into which nobody shall put a
    thousand items before it is known how many there may be. Arrays inside are Items as well.
    """

    def __init__(self, data: bytes, at: int, size: int, depth: int) -> None:
        self._data = data
        self._at = at
        self._size = size
        self._depth = depth

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> "Iterator[Any]":
        decoder = _Decoder(self._data, self._at, True)
        for _ in range(self._size):
            yield decoder.item(self._depth)


class _Decoder:
    """Where decoding stands, and how many items and containers it may still make."""

    def __init__(self, data: bytes, at: int, lazily: bool) -> None:
        self.data = data
        self.at = at
        self.lazily = lazily
        self.items = limits.ITEMS
        self.containers = limits.CONTAINERS

    def item(self, depth: int) -> "Any":
        major, number, self.at = read_head(self.data, self.at)
        if major == _UINT:
            return number
        if major == _BYTES or major == _TEXT:  # noqa: SIM109  # a tuple would be made for every item
            return self._string(major, number)
        if major != _ARRAY and major != _MAP:
            raise DecodeError(errors.UNSUPPORTED_TYPE, "negative, tag or simple value")
        if depth == limits.DEPTH:
            raise DecodeError(errors.TOO_DEEP)
        self.items -= number
        self.containers -= 1
        if self.items < 0 or self.containers < 0:
            raise DecodeError(errors.TOO_MANY_ITEMS)
        if major == _MAP:
            return self._map(number, depth + 1)
        if self.lazily:
            start = self.at
            for _ in range(number):
                self.item(depth + 1)
            return Items(self.data, start, number, depth + 1)
        return [self.item(depth + 1) for _ in range(number)]

    def _string(self, major: int, size: int) -> "bytes | str":
        end = self.at + size
        if end > len(self.data):
            raise DecodeError(errors.TRUNCATED)
        piece = self.data[self.at : end]
        self.at = end
        if self.lazily and major == _BYTES and size > _COPIED:
            return piece
        piece = bytes(piece)
        if major == _BYTES:
            return piece
        if not valid_text(piece):
            raise DecodeError(errors.BAD_TEXT)
        return piece.decode()

    def _map(self, size: int, depth: int) -> "dict[int, Any]":
        items = {}
        last = -1
        for _ in range(size):
            major, key, self.at = read_head(self.data, self.at)
            if major != _UINT or key > limits.KEY:
                raise DecodeError(errors.KEY_RANGE)
            if key <= last:
                raise DecodeError(errors.DUPLICATE_KEY if key == last else errors.KEYS_UNSORTED)
            last = key
            items[key] = self.item(depth)
        return items


def valid_text(data: bytes) -> bool:
    """Whether bytes are UTF-8 as RFC 3629 has it, without control characters.

    By hand, since MicroPython's decoder takes surrogates, overlong forms and values above U+10FFFF. Control characters
    (C0, DEL, C1) and the bidirectional overrides U+202A..U+202E and U+2066..U+2069 are refused as well: a name must not
    be able to change what a screen shows around it.
    """
    at = 0
    size = len(data)
    while at < size:
        first = data[at]
        if first < 0x80:
            if first < 0x20 or first == 0x7F:
                return False
            at += 1
            continue
        more = 1 if 0xC2 <= first <= 0xDF else 2 if first >> 4 == 0xE else 3 if 0xF0 <= first <= 0xF4 else 0
        if not more or at + more >= size:
            return False
        point = first & (0x3F >> more)
        for i in range(at + 1, at + 1 + more):
            if data[i] & 0xC0 != 0x80:
                return False
            point = point << 6 | data[i] & 0x3F
        if not _allowed_point(point, more):
            return False
        at += 1 + more
    return True


def _allowed_point(point: int, more: int) -> bool:
    if point < (0, 0x80, 0x800, 0x10000)[more] or point > 0x10FFFF:
        return False
    if 0xD800 <= point <= 0xDFFF or point < 0xA0:
        return False
    return not (0x202A <= point <= 0x202E or 0x2066 <= point <= 0x2069)
