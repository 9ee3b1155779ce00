"""The twisted Edwards curve of Ed25519 as machine code: the fast engine.

Importing this fails where the port has no viper emitter or another processor; `ed25519` then takes `ed25519_ints`,
which has the same functions, and explains points and formulas. A point is a bytearray of `ed25519_field`'s registers:
X, Y, Z, E, H, then what is added to it, then scratch. Nothing decides by what a number is; only `add` looks up its
entry by a public digit.
"""

import micropython
from micropython import const

from sealbox.ed25519_field import (
    ADD,
    EXCHANGE,
    MULTIPLY,
    NUMBER_BYTES,
    REGISTERS,
    SQUARE,
    SUBTRACT,
    choose,
    pack,
    run,
    unpack,
)

P = (1 << 255) - 19
D2 = 0x2406D9DC56DFFCE7198E80F2EEF3D13000E0149A8283B156EBD69B9426B2F159
"""2*d modulo p, d = -121665/121666."""

# Registers, by what they hold.
_X = const(0)
_Y = const(1)
_Z = const(2)
_E = const(3)
_H = const(4)
_PLUS = const(5)
_MINUS = const(6)
_PRODUCT = const(7)
_OTHER_Z = const(8)
_T = const(9)
_A = const(10)
_B = const(11)
_C = const(12)
_D = const(13)
_F = const(14)
_G = const(15)

_ENTRY = const(96)

_TO_XYZ = bytes((MULTIPLY, _X, _E, _F, MULTIPLY, _Y, _G, _H, MULTIPLY, _Z, _F, _G))
# fmt: off
_DOUBLE = bytes((
    SQUARE, _A, _X, 1,
    SQUARE, _B, _Y, 1,
    SQUARE, _C, _Z, 1,
    ADD, _T, _X, _Y,
    SQUARE, _D, _T, 1,
    ADD, _H, _A, _B,
    SUBTRACT, _E, _H, _D,
    SUBTRACT, _G, _A, _B,
    ADD, _D, _C, _C,
    ADD, _F, _D, _G,
)) + _TO_XYZ
# With the doubled product of both Z in _D. The mask subtracts instead: it swaps y+x with y-x, and C's sign in F and G.
_SUM = bytes((
    EXCHANGE, _PLUS, _MINUS, 0,
    SUBTRACT, _F, _Y, _X,
    MULTIPLY, _A, _F, _MINUS,
    ADD, _G, _Y, _X,
    MULTIPLY, _B, _G, _PLUS,
    MULTIPLY, _T, _E, _H,
    MULTIPLY, _C, _T, _PRODUCT,
    SUBTRACT, _E, _B, _A,
    SUBTRACT, _F, _D, _C,
    ADD, _G, _D, _C,
    ADD, _H, _B, _A,
    EXCHANGE, _F, _G, 0,
)) + _TO_XYZ
_ADD_ENTRY = bytes((ADD, _D, _Z, _Z)) + _SUM
_ADD_POINT = bytes((MULTIPLY, _A, _Z, _OTHER_Z, ADD, _D, _A, _A)) + _SUM
# With 2*d in _A.
_PREPARE = bytes((
    MULTIPLY, _T, _E, _H,
    MULTIPLY, _PRODUCT, _T, _A,
    ADD, _PLUS, _Y, _X,
    SUBTRACT, _MINUS, _Y, _X,
))
# From z in _X: z^(2^250 - 1) in _C, z^11 in _D; e(n) of ed25519_ints.power is named in passing.
_POWER = bytes((
    SQUARE, _A, _X, 1,
    SQUARE, _B, _A, 2,
    MULTIPLY, _C, _B, _X,
    MULTIPLY, _D, _C, _A,
    SQUARE, _A, _D, 1,
    MULTIPLY, _B, _A, _C,  # e(5)
    SQUARE, _A, _B, 5,
    MULTIPLY, _C, _A, _B,  # e(10)
    SQUARE, _A, _C, 10,
    MULTIPLY, _B, _A, _C,  # e(20)
    SQUARE, _A, _B, 20,
    MULTIPLY, _E, _A, _B,  # e(40)
    SQUARE, _A, _E, 10,
    MULTIPLY, _B, _A, _C,  # e(50)
    SQUARE, _A, _B, 50,
    MULTIPLY, _C, _A, _B,  # e(100)
    SQUARE, _A, _C, 100,
    MULTIPLY, _E, _A, _C,  # e(200)
    SQUARE, _A, _E, 50,
    MULTIPLY, _C, _A, _B,  # e(250)
))
# fmt: on

_chosen = bytearray(_ENTRY)


def _number(registers: bytearray, register: int) -> int:
    data = bytearray(33)
    pack(registers, register, data)
    return int.from_bytes(data, "little") % P


def _put(registers: bytearray, register: int, number: int) -> None:
    unpack(registers, register, number.to_bytes(32, "little"), 0, 1)


def load(x: int, y: int) -> bytearray:
    """The point with these affine coordinates, in 0..p-1."""
    point = bytearray(REGISTERS * NUMBER_BYTES)
    for register, number in ((_X, x), (_Y, y), (_Z, 1), (_E, x), (_H, y)):
        _put(point, register, number)
    return point


def identity() -> bytearray:
    """The neutral point (0, 1)."""
    return load(0, 1)


def copy(point: bytearray) -> bytearray:
    """Another point with the same value."""
    return bytearray(point)


def coordinates(point: bytearray) -> tuple:
    """X, Y and Z of a point, each in 0..p-1."""
    return _number(point, _X), _number(point, _Y), _number(point, _Z)


def double(point: bytearray, times: int) -> None:
    """Doubles a point in place, `times` times."""
    run(point, _DOUBLE, 0, times)


def add(point: bytearray, table: bytes, entry: int, negative: bool) -> None:
    """Adds a table's entry to a point in place, or subtracts it. Not for secret entries: see `add_secret`."""
    unpack(point, _PLUS, table, entry * _ENTRY, 3)
    run(point, _ADD_ENTRY, -1 if negative else 0, 1)


def prepare(point: bytearray) -> bytes:
    """What `add_point` takes: a point in the form of a table's entry, and its Z."""
    work = copy(point)
    _put(work, _A, D2)
    run(work, _PREPARE, 0, 1)
    return bytes(work[_PLUS * NUMBER_BYTES : _OTHER_Z * NUMBER_BYTES] + work[_Z * NUMBER_BYTES : _E * NUMBER_BYTES])


def add_point(point: bytearray, other: bytes) -> None:
    """Adds a prepared point to a point in place."""
    point[_PLUS * NUMBER_BYTES : _T * NUMBER_BYTES] = other
    run(point, _ADD_POINT, 0, 1)


def add_secret(point: bytearray, table: bytes, first: int, digit: int) -> None:
    """Adds a secret multiple of a table's base in place: the odd number 2*digit - 15, digit in 0..15.

    `first` is where the eight entries for 1, 3, .. 15 begin. All eight are read and the one wanted is masked out;
    negative multiples (digit < 8) exchange registers, by a mask too.
    """
    negative = (digit >> 3) - 1  # -1 or 0
    choose(_chosen, table, first * _ENTRY, _ENTRY, (digit ^ negative) & 7)
    unpack(point, _PLUS, _chosen, 0, 3)
    run(point, _ADD_ENTRY, negative, 1)


def power(z: int) -> tuple:
    """z^(2^250 - 1) and z^11: what inverses and square roots have in common."""
    registers = bytearray(REGISTERS * NUMBER_BYTES)
    _put(registers, _X, z)
    run(registers, _POWER, 0, 1)
    return _number(registers, _C), _number(registers, _D)


@micropython.viper
def _digits(scalar: ptr8, width: int, found: ptr8):
    carry = 0
    at = 0
    while at < 256:
        byte = at >> 3
        bits = scalar[byte] >> (at & 7)
        if (bits & 1) == carry:
            at += 1
        else:
            if byte < 31:
                bits |= scalar[byte + 1] << (8 - (at & 7))
            digit = (bits & ((1 << width) - 1)) + carry
            carry = digit >> (width - 1)
            found[at] = digit - (carry << width)
            at += width


def digits(scalar: bytes, width: int) -> bytearray:
    """The scalar's non-adjacent form: 256 digits, each 0 or odd and below 2^(width-1) in size, negative ones plus 256.

    For public scalars below 2^255, 32 bytes little-endian, width in 2..8. At most one digit in `width` is not 0.
    """
    found = bytearray(256)
    _digits(scalar, width, found)
    return found
