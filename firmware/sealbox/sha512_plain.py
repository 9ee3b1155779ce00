"""SHA-512's compression of one block (FIPS 180-4 section 6.4.2) in plain Python: for ports without machine code."""

from micropython import const

from sealbox.sha512_constants import ROUND

_WORD = 0xFFFFFFFFFFFFFFFF
_BYTES = const(8)


def _words(data: bytes, start: int, count: int) -> list:
    return [int.from_bytes(data[at : at + _BYTES], "big") for at in range(start, start + count * _BYTES, _BYTES)]


def _schedule(data: bytes, start: int) -> list:
    """The 80 words of the message schedule. A word written twice in a row turns rotations into shifts."""
    words = _words(data, start, 16)
    for at in range(16, 80):
        x = words[at - 15]
        twice = x << 64 | x
        small0 = (twice >> 1) ^ (twice >> 8) ^ (x >> 7)
        x = words[at - 2]
        twice = x << 64 | x
        small1 = (twice >> 19) ^ (twice >> 61) ^ (x >> 6)
        words.append((words[at - 16] + (small0 & _WORD) + words[at - 7] + (small1 & _WORD)) & _WORD)
    return words


def compress(state: bytearray, data: bytes, start: int) -> None:
    """Works the 128 bytes of `data` from `start` into the 64-byte state."""
    constants = _words(ROUND, 0, 80)
    before = _words(state, 0, 8)
    a, b, c, d, e, f, g, h = before
    for constant, word in zip(constants, _schedule(data, start)):
        twice = e << 64 | e
        t1 = h + (((twice >> 14) ^ (twice >> 18) ^ (twice >> 41)) & _WORD) + (g ^ (e & (f ^ g))) + constant + word
        twice = a << 64 | a
        t2 = (((twice >> 28) ^ (twice >> 34) ^ (twice >> 39)) & _WORD) + ((a & b) | (c & (a | b)))
        h = g
        g = f
        f = e
        e = (d + t1) & _WORD
        d = c
        c = b
        b = a
        a = (t1 + t2) & _WORD
    at = 0
    for old, new in zip(before, (a, b, c, d, e, f, g, h)):
        state[at : at + _BYTES] = ((old + new) & _WORD).to_bytes(_BYTES, "big")
        at += _BYTES
