"""SHA-512 (FIPS 180-4), for Ed25519: MicroPython's hashlib has none.

Guarantees: the digest of any bytes, bytearrays or memoryviews, on every port, without a copy of them. The rounds run as
machine code (`sha512_viper`) where the port compiles it, else in plain Python (`sha512_plain`); which one is chosen
once, at import.
"""

try:
    from sealbox.sha512_viper import compress
except (ImportError, SyntaxError, ValueError):  # no such module, no code emitter, machine code of another family
    from sealbox.sha512_plain import compress

from micropython import const

from sealbox.sha512_constants import INITIAL

_BLOCK = const(128)
_LENGTH_AT = const(112)


def sha512(data: bytes) -> bytes:
    """The 64-byte digest of `data`."""
    return sha512_of((data,))


def sha512_of(parts: "tuple[bytes, ...]") -> bytes:
    """The 64-byte digest of all parts, one after the other."""
    state = bytearray(INITIAL)
    block = bytearray(_BLOCK)
    held = 0
    length = 0
    for part in parts:
        size = len(part)
        length += size
        at = 0
        while at < size:
            if held == 0 and size - at >= _BLOCK:
                compress(state, part, at)
                at += _BLOCK
                continue
            take = min(_BLOCK - held, size - at)
            block[held : held + take] = part[at : at + take]
            held += take
            at += take
            if held == _BLOCK:
                compress(state, block, 0)
                held = 0
    # A one bit, zeros, and the length in bits at the end of this block or of one more.
    block[held] = 0x80
    held += 1
    if held > _LENGTH_AT:
        block[held:] = bytes(_BLOCK - held)
        compress(state, block, 0)
        held = 0
    block[held:] = bytes(_BLOCK - 8 - held) + (length * 8).to_bytes(8, "big")
    compress(state, block, 0)
    return bytes(state)
