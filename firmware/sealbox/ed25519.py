"""Ed25519 signatures (RFC 8032 section 5.1), strict.

Guarantees: `verify` accepts exactly what `sealwire.strict` lets through and what meets the equation without the
cofactor, [S]B = R + [k]A, each signature by itself. Wrong lengths, wrong points and wrong numbers are False, never an
error. Signatures are RFC 8032's: the same message gives the same bytes. What signing does with a secret, and what it
doesn't hide, is in decisions/0002-signing-time.md.
Leaves to others: whose key it is, where the secret lives, and which keys are worth remembering.

Points on the curve are the engine's business: `ed25519_limbs` where the port runs machine code, else `ed25519_ints`.
"""

from micropython import const
from sealwire.strict import L, P, strict

from sealbox.ed25519_base import TABLE
from sealbox.sha512 import sha512, sha512_of

try:
    from sealbox import ed25519_limbs as engine
except (ImportError, SyntaxError, ValueError):  # no such module, no code emitter, machine code of another family
    from sealbox import ed25519_ints as engine

D = 0x52036CEE2B6FFE738CC740797779E89800700A4D4141D8AB75EB4DCA135978A3
"""-121665/121666 modulo p (RFC 8032 section 5.1)."""
ROOT_OF_MINUS_1 = 0x2B8324804FC1DF0B2B4D00993DFBD7A72F431806AD2FE478C4EE1B274A0EA0B0

REMEMBERED_KEYS = const(4)
"""Keys with a table of their own, 1.6 KiB each: what commonly signs for one opening: host, keeper, two officers."""

# The base point's table: for each i in 0..7 the multiples 1, 3, .. 15 of 2^(32*i)*B.
_SPACING = const(32)
_BASE_WIDTH = const(5)
_BASE_ENTRIES = const(8)
_KEY_WIDTH = const(3)
_WHOLE = const(256)

# An addition of a table's entry as one small number, which sorts by how often the sum is doubled afterwards.
_ROW = const(12)
_ENTRY = const(0xFFC)
_OF_KEY = const(2)
_NEGATIVE = const(1)

_remembered = []  # (public key, table), the last used first
_passing = bytearray(8 * 96)  # the table of a key that is not remembered
_own = []  # the last secret key used, its scalar, prefix and public key


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is this key's for this message (RFC 8032 section 5.1.7); takes any bytes-like objects.

    A message may also be a tuple of parts, one after the other: no copy is made of them.
    """
    if not strict(public_key, signature):
        return False
    public_key = bytes(public_key)
    signature = bytes(signature)
    spacing = _SPACING
    width = _KEY_WIDTH
    table = _recall(public_key)
    if table is None:
        point = _decompress(public_key)
        if point is None:
            return False
        spacing = _WHOLE
        width = _BASE_WIDTH
        table = _passing
        _write_table(table, point, spacing, width)
    parts = message if isinstance(message, tuple) else (message,)
    k = _scalar(signature[:32], public_key, *parts)
    base_digits = engine.digits(signature[32:], _BASE_WIDTH)
    key_digits = engine.digits(k.to_bytes(32, "little"), width)
    result = _combine(base_digits, table, key_digits, spacing, 1 << (width - 2))
    x, y, z = engine.coordinates(result)
    return _compress(x, y, _public_inverse(z)) == signature[:32]


def remember(public_key: bytes) -> bool:
    """Keeps a table for a key, so that `verify` takes under half the time; False if it is no key that `verify` accepts.

    Costs about one verification and 1.6 KiB of heap. At most REMEMBERED_KEYS are kept; the one unused longest makes
    room.
    """
    if not strict(public_key, bytes(64)):
        return False
    public_key = bytes(public_key)
    if _recall(public_key) is not None:
        return True
    point = _decompress(public_key)
    if point is None:
        return False
    # Room is made first and used again: nobody's key may lead to a half-written table, and the heap doesn't break up.
    if len(_remembered) == REMEMBERED_KEYS:
        table = _remembered.pop()[1]
    else:
        table = bytearray(16 * 96)
    _write_table(table, point, _SPACING, _KEY_WIDTH)
    _remembered.insert(0, (public_key, table))
    return True


def forget() -> None:
    """Forget all remembered keys: their memory is wanted elsewhere."""
    _remembered[:] = []


def public_key(secret_key: bytes) -> bytes:
    """The public key of a 32-byte secret (RFC 8032 section 5.1.5); ValueError for another length."""
    return _expand(secret_key)[2]


def sign(secret_key: bytes, message: bytes) -> bytes:
    """The 64-byte signature by a 32-byte secret (RFC 8032 section 5.1.6); ValueError for another length."""
    scalar, prefix, public = _expand(secret_key)
    nonce = _scalar(prefix, message)
    commitment = _times_base(nonce)
    k = _scalar(commitment, public, message)
    return commitment + ((nonce + k * scalar) % L).to_bytes(32, "little")


def _expand(secret_key: bytes) -> tuple:
    """The secret scalar, the prefix for nonces and the public key (RFC 8032 section 5.1.5), kept for the next time."""
    if len(secret_key) != 32:
        raise ValueError("an Ed25519 secret key has 32 bytes")
    if not _own or _own[0] != secret_key:
        secret_key = bytes(secret_key)
        digest = sha512(secret_key)
        scalar = int.from_bytes(digest[:32], "little")
        scalar &= (1 << 254) - 8
        scalar |= 1 << 254
        _own[:] = (secret_key, scalar, digest[32:], _times_base(scalar))
    return _own[1], _own[2], _own[3]


def _scalar(*parts: bytes) -> int:
    """SHA-512 of the parts, as a number modulo L."""
    return int.from_bytes(sha512_of(parts), "little") % L


def _recall(public_key: bytes) -> "bytes | None":
    """A remembered key's table, which becomes the last used."""
    for at in range(len(_remembered)):
        if _remembered[at][0] == public_key:
            found = _remembered.pop(at)
            _remembered.insert(0, found)
            return found[1]
    return None


def _decompress(key: bytes) -> "tuple | None":
    """The point x, y of a canonical encoding, None if there is none (RFC 8032 section 5.1.3)."""
    y = int.from_bytes(key, "little")
    sign = y >> 255
    y &= (1 << 255) - 1
    u = (y * y - 1) % P
    v = (D * y * y + 1) % P
    # x = u*v^3 * (u*v^7)^((p-5)/8), and (p-5)/8 = 4*(2^250 - 1) + 1.
    v3 = v * v * v % P
    base = v3 * v3 * v * u % P
    high, _ = engine.power(base)
    high = high * high % P
    x = high * high % P * base * v3 * u % P
    check = v * x * x % P
    if check != u:
        if check != (-u) % P:
            return None
        x = x * ROOT_OF_MINUS_1 % P
    if x == 0 and sign:
        return None
    if (x & 1) != sign:
        x = P - x
    return x, y


def _compress(x: int, y: int, inverse: int) -> bytes:
    """The encoding of x/z, y/z, given 1/z (RFC 8032 section 5.1.2)."""
    x = x * inverse % P
    y = y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _public_inverse(z: int) -> int:
    """1/z modulo p by the extended Euclidean algorithm: fast, and its time tells z, so for public numbers only."""
    a = P
    b = z
    u = 0
    v = 1
    while b:
        q = a // b
        a, b = b, a - q * b
        u, v = v, u - q * v
    return u % P


def _secret_inverse(z: int) -> int:
    """1/z modulo p as z^(p-2), p-2 = 2^5 * (2^250 - 1) + 11: the same operations for every z."""
    high, low = engine.power(z)
    for _ in range(5):
        high = high * high % P
    return high * low % P


def _times_base(scalar: int) -> bytes:
    """The encoding of scalar*B for a secret scalar below 2^255, by a fixed sequence of operations.

    An odd number below 2^256 is the sum of 64 odd digits in -15..15 times 16^i: half of (number + 2^256) has the
    nibbles (digit + 15)/2 (after Joye and Tunstall, "Exponent Recoding and Regular Exponentiation Algorithms", 2009).
    Adding L or 2*L makes the scalar odd and changes nothing else.
    """
    odd = scalar + L * (1 + (scalar & 1))
    nibbles = ((odd + (1 << 256)) >> 1).to_bytes(32, "little")
    point = engine.identity()
    for row in range(7, -1, -1):
        if row < 7:
            engine.double(point, 4)
        for column in range(8):
            digit = (nibbles[4 * column + (row >> 1)] >> (4 * (row & 1))) & 15
            engine.add_secret(point, TABLE, 8 * column, digit)
    x, y, z = engine.coordinates(point)
    return _compress(x, y, _secret_inverse(z))


def _combine(base_digits: bytes, table: bytes, key_digits: bytes, spacing: int, entries: int) -> "object":
    """base*B + key*A, for public scalars; A's table has so many entries for every `spacing` bits of its scalar.

    All digits of one weight modulo 2^spacing share one doubling (Straus; Yao; Lim and Lee, "More Flexible
    Exponentiation with Precomputation", 1994).
    """
    steps = []
    _plan(steps, base_digits, _SPACING, _BASE_ENTRIES, 0)
    _plan(steps, key_digits, spacing, entries, _OF_KEY)
    steps.sort(reverse=True)
    point = engine.identity()
    row = _WHOLE
    for step in steps:
        if row < _WHOLE and row > step >> _ROW:
            engine.double(point, row - (step >> _ROW))
        row = step >> _ROW
        engine.add(point, table if step & _OF_KEY else TABLE, (step & _ENTRY) >> 2, step & _NEGATIVE)
    engine.double(point, row % _WHOLE)
    return point


def _plan(steps: list, digits: bytes, spacing: int, entries: int, whose: int) -> None:
    """Appends an addition for each digit that is not 0."""
    row = 0
    first = 0
    for digit in digits:
        if digit:
            if digit < 128:
                entry = first + (digit >> 1) << 2
            else:
                entry = first + ((256 - digit) >> 1) << 2 | _NEGATIVE
            steps.append(row << _ROW | entry | whose)
        row += 1
        if row == spacing:
            row = 0
            first += entries


def _write_table(table: bytearray, point: tuple, spacing: int, width: int) -> None:
    """Fills a table with the odd multiples of -A for digits of `width`, times 2^(spacing*i) for each i; A is x, y."""
    x, y = point
    step = engine.load(P - x, y)
    end = 0
    for at in range(0, _WHOLE, spacing):
        if at:
            engine.double(step, spacing)
        multiple = engine.copy(step)
        twice = engine.copy(step)
        engine.double(twice, 1)
        twice = engine.prepare(twice)
        for left in range((1 << (width - 2)) - 1, -1, -1):
            # A projective point takes as much room as it will when it is affine.
            for coordinate in engine.coordinates(multiple):
                table[end : end + 32] = coordinate.to_bytes(32, "little")
                end += 32
            if left:
                engine.add_point(multiple, twice)
    _write_affine(table)


def _write_affine(table: bytearray) -> None:
    """Makes a table's projective points affine with one inverse for all (Montgomery's trick)."""
    read = int.from_bytes
    products = [1]
    for end in range(96, len(table) + 1, 96):
        products.append(products[-1] * read(table[end - 32 : end], "little") % P)
    inverse = _public_inverse(products.pop())
    for start in range(len(table) - 96, -1, -96):
        own = inverse * products.pop() % P
        inverse = inverse * read(table[start + 64 : start + 96], "little") % P
        x = read(table[start : start + 32], "little") * own % P
        y = read(table[start + 32 : start + 64], "little") * own % P
        table[start : start + 32] = ((y + x) % P).to_bytes(32, "little")
        table[start + 32 : start + 64] = ((y - x) % P).to_bytes(32, "little")
        table[start + 64 : start + 96] = (2 * D * x % P * y % P).to_bytes(32, "little")
