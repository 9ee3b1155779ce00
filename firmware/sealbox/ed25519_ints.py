"""The twisted Edwards curve of Ed25519 on Python's big integers: the slow engine, for ports without machine code.

Guarantees: results are exact for every input in range, on 64-bit and 32-bit ports alike; the same functions as
`ed25519_limbs`, which replaces this module where the port compiles it. Only `select` and `add_entry` as used by signing follow
the same path whatever the secret is; big integers themselves take a little longer for longer numbers.
Leaves to others: which points and scalars make sense, and what is done with the result (`ed25519`).

A point is a list [X, Y, Z, T] with x = X/Z, y = Y/Z, x*y = T/Z (Hisil, Wong, Carter, Dawson, "Twisted Edwards Curves
Revisited", 2008; RFC 8032 section 5.1.4), numbers modulo p but not always reduced. A table is a byte string of 96-byte entries
y+x, y-x, 2*d*x*y, each 32 bytes, little-endian.
"""

from micropython import const

P = (1 << 255) - 19
D2 = 0x2406D9DC56DFFCE7198E80F2EEF3D13000E0149A8283B156EBD69B9426B2F159
"""2*d modulo p, d = -121665/121666."""

_LOW = (1 << 255) - 1
_ENTRY = const(96)


def multiply(a: int, b: int) -> int:
    """a*b modulo p, below 2^256: 2^255 = 19 modulo p, so the high part folds onto the low one, twice."""
    c = a * b
    c = (c & _LOW) + 19 * (c >> 255)
    return (c & _LOW) + 19 * (c >> 255)


def load(x: int, y: int) -> list:
    """The point with these affine coordinates."""
    return [x, y, 1, multiply(x, y)]


def identity() -> list:
    """The neutral point (0, 1)."""
    return [0, 1, 1, 0]


def coordinates(point: list) -> tuple:
    """X, Y, Z and T of a point, each in 0..p-1."""
    return tuple([value % P for value in point])


def double(point: list, times: int) -> None:
    """Doubles a point in place, `times` >= 1 times; T is only worked out for the last one."""
    low = _LOW
    x, y, z, t = point
    for left in range(times - 1, -1, -1):
        # Products are folded once here, as the next ones are folded twice (see multiply).
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
        x = multiply(e, f)
        y = multiply(g, h)
        z = multiply(f, g)
        if left == 0:
            t = multiply(e, h)
    point[0] = x
    point[1] = y
    point[2] = z
    point[3] = t


def _finish_addition(point: list, a: int, b: int, c: int, d: int) -> None:
    """The second half of both additions: from A, B, C, D of RFC 8032 section 5.1.4 to the sum."""
    e = b - a
    f = d - c
    g = d + c
    h = b + a
    point[0] = multiply(e, f)
    point[1] = multiply(g, h)
    point[2] = multiply(f, g)
    point[3] = multiply(e, h)


def add_entry(point: list, plus: int, minus: int, product: int) -> None:
    """Adds an affine point, given as y+x, y-x and 2*d*x*y, in place."""
    x, y, z, t = point
    _finish_addition(point, multiply(y - x, minus), multiply(y + x, plus), multiply(t, product), z + z)


def add(point: list, table: bytes, entry: int, negative: bool) -> None:
    """Adds a table's entry to a point in place, or subtracts it. Not for secret entries: see `select`."""
    start = entry * _ENTRY
    plus = int.from_bytes(table[start : start + 32], "little")
    minus = int.from_bytes(table[start + 32 : start + 64], "little")
    product = int.from_bytes(table[start + 64 : start + _ENTRY], "little")
    if negative:
        add_entry(point, minus, plus, -product)
    else:
        add_entry(point, plus, minus, product)


def add_point(point: list, other: list) -> None:
    """Adds a point to a point in place."""
    x, y, z, t = point
    u, v, w, s = other
    c = multiply(multiply(t, D2), s)
    _finish_addition(point, multiply(y - x, v - u), multiply(y + x, v + u), c, 2 * multiply(z, w))


def add_secret(point: list, table: bytes, first: int, digit: int) -> None:
    """Adds a secret multiple of a table's base in place: the odd number 2*digit - 15, digit in 0..15.

    `first` is where the eight entries for 1, 3, .. 15 begin. All eight are read and the one wanted is masked out; negative
    multiples (digit < 8) swap y+x with y-x and negate the product, by masks too.
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
    add_entry(point, plus ^ swap, minus ^ swap, (product ^ negative) - negative)


def _square(a: int, times: int) -> int:
    for _ in range(times):
        a = multiply(a, a)
    return a


def power(z: int) -> tuple:
    """z^(2^250 - 1) and z^11: what inverses and square roots have in common (Bernstein, "Curve25519", 2006).

    With e(n) = z^(2^n - 1), e(m + n) = e(m)^(2^n) * e(n).
    """
    z2 = _square(z, 1)
    z9 = multiply(_square(z2, 2), z)
    z11 = multiply(z9, z2)
    e5 = multiply(_square(z11, 1), z9)
    e10 = multiply(_square(e5, 5), e5)
    e20 = multiply(_square(e10, 10), e10)
    e40 = multiply(_square(e20, 20), e20)
    e50 = multiply(_square(e40, 10), e10)
    e100 = multiply(_square(e50, 50), e50)
    e200 = multiply(_square(e100, 100), e100)
    e250 = multiply(_square(e200, 50), e50)
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


def copy(point: list) -> list:
    """Another point with the same value."""
    return list(point)
