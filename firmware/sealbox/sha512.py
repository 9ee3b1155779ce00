"""SHA-512 (FIPS 180-4), for Ed25519: MicroPython's hashlib has none.

Guarantees: the digest of any byte string, on every port. The rounds run as machine code (`sha512_viper`) where the port
compiles it, else in plain Python (`sha512_plain`); which one is chosen once, at import.
"""

try:
    from sealbox.sha512_viper import compress
except (ImportError, SyntaxError, ValueError):  # no such module, no code emitter, machine code of another family
    from sealbox.sha512_plain import compress

from sealbox.sha512_constants import INITIAL


def sha512(data: bytes) -> bytes:
    """The 64-byte digest of `data`."""
    state = bytearray(INITIAL)
    whole = len(data) & ~127
    for start in range(0, whole, 128):
        compress(state, data, start)
    rest = len(data) - whole
    # The rest, a one bit, zeros, and the length in bits as 16 bytes, filling one block or two.
    padding = bytearray(128 if rest < 112 else 256)
    padding[:rest] = data[whole:]
    padding[rest] = 0x80
    padding[-8:] = (len(data) * 8).to_bytes(8, "big")
    for start in range(0, len(padding), 128):
        compress(state, padding, start)
    return bytes(state)
