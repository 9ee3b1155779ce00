"""The twisted Edwards curve of Ed25519 on Python's big integers: the slow engine, for ports without machine code.

Guarantees: results are exact for every input in range, on 64-bit and 32-bit ports alike; the same functions as
`ed25519_limbs`, which replaces this module where the port compiles it. `add_secret` and `power` do the same operations
whatever the numbers are; big integers themselves take a little longer for longer numbers.
Leaves to others: which points and scalars make sense, and what is done with the result (`ed25519`).

A point has x = X/Z, y = Y/Z and x*y = T/Z (Hisil, Wong, Carter, Dawson, "Twisted Edwards Curves Revisited", 2008; RFC
8032 section 5.1.4, whose letters are used here). T = E*H is needed for additions only, so a point is a list [X, Y, Z,
E, H], of which X, Y and Z are in 0..p-1. A table is a byte string of 96-byte entries y+x, y-x, 2*d*x*y, each 32 bytes,
little-endian.
"""

from micropython import const

P = (1 << 255) - 19
D2 = 0x2406D9DC56DFFCE7198E80F2EEF3D13000E0149A8283B156EBD69B9426B2F159
"""2*d modulo p, d = -121665/121666."""

_LOW = (1 << 255) - 1
_ENTRY = const(96)


def load(x: int, y: int) -> list:
    """The point with these affine coordinates."""
    return [x, y, 1, x, y]


def identity() -> list:
    """The neutral point (0, 1)."""
    return [0, 1, 1, 0, 1]


def copy(point: list) -> list:
    """Another point with the same value."""
    return list(point)


def coordinates(point: list) -> tuple:
    """X, Y and Z of a point, each in 0..p-1."""
    return point[0], point[1], point[2]


# In the sums below, 2^255 = 19 modulo p folds the high part of a product onto the low one: cheaper than a division,
# and enough for what is multiplied, and then divided, right afterwards.


def double(point: list, times: int) -> None:
    """Doubles a point in place, `times` times."""
    low = _LOW
    x, y, z, e, h = point
    for _ in range(times):
        a = x * x
        a = (a & low) + 19 * (a >> 255)
        b = y * y
        b = (b & low) + 19 * (b >> 255)
        c = z * z
        c = (c & low) + 19 * (c >> 255)
        e = (x + y) * (x + y)
        h = a + b
        e = h - (e & low) - 19 * (e >> 255)
        g = a - b
        f = c + c + g
        x = e * f % P
        y = g * h % P
        z = f * g % P
    point[:] = (x, y, z, e, h)


def _add(point: list, plus: int, minus: int, product: int, twice_z: int) -> None:
    """Adds what is given as y+x, y-x and 2*d*x*y times its Z; `twice_z` is the product of both Z, doubled."""
    low = _LOW
    x, y, _, e, h = point
    a = (y - x) * minus
    a = (a & low) + 19 * (a >> 255)
    b = (y + x) * plus
    b = (b & low) + 19 * (b >> 255)
    c = (e * h % P) * product
    c = (c & low) + 19 * (c >> 255)
    e = b - a
    f = twice_z - c
    g = twice_z + c
    h = b + a
    point[:] = (e * f % P, g * h % P, f * g % P, e, h)


def add(point: list, table: bytes, entry: int, negative: bool) -> None:
    """Adds a table's entry to a point in place, or subtracts it. Not for secret entries: see `add_secret`."""
    start = entry * _ENTRY
    plus = int.from_bytes(table[start : start + 32], "little")
    minus = int.from_bytes(table[start + 32 : start + 64], "little")
    product = int.from_bytes(table[start + 64 : start + _ENTRY], "little")
    if negative:
        _add(point, minus, plus, -product, 2 * point[2])
    else:
        _add(point, plus, minus, product, 2 * point[2])


def prepare(point: list) -> tuple:
    """What `add_point` takes: a point in the form of a table's entry, and its Z."""
    x, y, z, e, h = point
    return y + x, y - x, (e * h % P) * D2 % P, z


def add_point(point: list, other: tuple) -> None:
    """Adds a prepared point to a point in place."""
    plus, minus, product, z = other
    _add(point, plus, minus, product, 2 * (point[2] * z % P))


def add_secret(point: list, table: bytes, first: int, digit: int) -> None:
    """Adds a secret multiple of a table's base in place: the odd number 2*digit - 15, digit in 0..15.

    `first` is where the eight entries for 1, 3, .. 15 begin. All eight are read and the one wanted is masked out;
    negative multiples (digit < 8) swap y+x with y-x and negate the product, by masks too.
    """
    negative = (digit >> 3) - 1  # -1 or 0
    wanted = (digit ^ negative) & 7
    chosen = 0
    for index in range(8):
        start = (first + index) * _ENTRY
        entry = int.from_bytes(table[start : start + _ENTRY], "little")
        chosen |= entry & ((((index ^ wanted) + 7) >> 3) - 1)
    plus = chosen & (1 << 256) - 1
    minus = (chosen >> 256) & (1 << 256) - 1
    product = chosen >> 512
    swap = (plus ^ minus) & negative
    _add(point, plus ^ swap, minus ^ swap, (product ^ negative) - negative, 2 * point[2])


def _square(a: int, times: int) -> int:
    for _ in range(times):
        a = a * a % P
    return a


def power(z: int) -> tuple:
    """z^(2^250 - 1) and z^11: what inverses and square roots have in common (Bernstein, "Curve25519", 2006).

    With e(n) = z^(2^n - 1), e(m + n) = e(m)^(2^n) * e(n).
    """
    z2 = _square(z, 1)
    z9 = _square(z2, 2) * z % P
    z11 = z9 * z2 % P
    e5 = _square(z11, 1) * z9 % P
    e10 = _square(e5, 5) * e5 % P
    e20 = _square(e10, 10) * e10 % P
    e40 = _square(e20, 20) * e20 % P
    e50 = _square(e40, 10) * e10 % P
    e100 = _square(e50, 50) * e50 % P
    e200 = _square(e100, 100) * e100 % P
    e250 = _square(e200, 50) * e50 % P
    return e250, z11


def digits(scalar: bytes, width: int) -> bytearray:
    """The scalar's non-adjacent form: 256 digits, each 0 or odd and below 2^(width-1) in size, negative ones plus 256.

    For public scalars below 2^255, 32 bytes little-endian, width in 2..8. At most one digit in `width` is not 0.
    """
    found = bytearray(256)
    carry = 0
    at = 0
    while at < 256:
        byte = at >> 3
        bits = scalar[byte] >> (at & 7)
        if (bits & 1) == carry:
            at += 1
            continue
        if byte < 31:
            bits |= scalar[byte + 1] << (8 - (at & 7))
        digit = (bits & ((1 << width) - 1)) + carry
        carry = digit >> (width - 1)
        found[at] = (digit - (carry << width)) & 255
        at += width
    return found
