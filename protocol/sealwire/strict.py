"""Which Ed25519 keys and signatures may reach a verify function at all.

Libraries disagree at the edges of RFC 8032: some take low-order keys, some non-canonical encodings. Host, box and app
call :func:`strict` first, so that all of them refuse the same inputs; what is left to the library is the equation,
without the cofactor.
"""

P = (1 << 255) - 19
L = (1 << 252) + 27742317777372353535851937790883648493
_Y = (1 << 255) - 1

# The y coordinates of the eight points whose order divides the cofactor (RFC 7748 section 7 on small-order points):
# 0 (order 4), 1 (the identity), p-1 (order 2), and the two of order 8. The sign bit is ignored, so each stands for both
# signs of x.
_LOW_ORDER = (
    0,
    1,
    P - 1,
    55188659117513257062467267217118295137698188065244968500265048394206261417927,
    P - 55188659117513257062467267217118295137698188065244968500265048394206261417927,
)


def _canonical(point: bytes) -> bool:
    """Whether the y coordinate is below p, and x = 0 does not carry the sign bit (RFC 8032 section 5.1.3)."""
    number = int.from_bytes(point, "little")
    y = number & _Y
    return y < P and not (number >> 255 and y in (1, P - 1))


def strict_key(public_key: bytes) -> bool:
    """Whether a public key may be enrolled and used: 32 bytes, canonical, not of low order."""
    if len(public_key) != 32 or not _canonical(public_key):
        return False
    return (int.from_bytes(public_key, "little") & _Y) not in _LOW_ORDER


def strict(public_key: bytes, signature: bytes) -> bool:
    """Whether this key and this signature may be handed to a verify function.

    Key: see :func:`strict_key`. Signature: 64 bytes, R canonical, S below the group order (RFC 8032 section 5.1.7).
    """
    if len(signature) != 64 or not strict_key(public_key):
        return False
    return _canonical(signature[:32]) and int.from_bytes(signature[32:], "little") < L
