"""The Ed25519 of RFC 8032, section 6, as printed there but for its names and SHA-512, which MicroPython lacks.

A reference to measure against: slow, and no secret is safe in it.
"""

from sealbox.sha512 import sha512

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493


def modp_inv(x):
    return pow(x, P - 2, P)


D = -121665 * modp_inv(121666) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def sha512_modq(s):
    return int.from_bytes(sha512(s), "little") % Q


def point_add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f, g * h, f * g, e * h)


def point_mul(s, p):
    q = (0, 1, 1, 0)
    while s > 0:
        if s & 1:
            q = point_add(q, p)
        p = point_add(p, p)
        s >>= 1
    return q


def point_equal(p, q):
    if (p[0] * q[2] - q[0] * p[2]) % P != 0:
        return False
    return (p[1] * q[2] - q[1] * p[2]) % P == 0


def recover_x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * modp_inv(D * y * y + 1)
    if x2 % P == 0:
        return None if sign else 0
    x = pow(x2 % P, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P != 0:
        return None
    if (x & 1) != sign:
        x = P - x
    return x


G_Y = 4 * modp_inv(5) % P
G_X = recover_x(G_Y, 0)
G = (G_X, G_Y, 1, G_X * G_Y % P)


def point_compress(p):
    zinv = modp_inv(p[2])
    x, y = p[0] * zinv % P, p[1] * zinv % P
    return int.to_bytes(y | ((x & 1) << 255), 32, "little")


def point_decompress(s):
    y = int.from_bytes(s, "little")
    sign = y >> 255
    y &= (1 << 255) - 1
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def secret_expand(secret):
    h = sha512(secret)
    a = int.from_bytes(h[:32], "little")
    a &= (1 << 254) - 8
    a |= 1 << 254
    return (a, h[32:])


def sign(secret, msg):
    a, prefix = secret_expand(secret)
    public = point_compress(point_mul(a, G))
    r = sha512_modq(prefix + msg)
    rs = point_compress(point_mul(r, G))
    h = sha512_modq(rs + public + msg)
    return rs + int.to_bytes((r + h * a) % Q, 32, "little")


def verify(public, msg, signature):
    a = point_decompress(public)
    if not a:
        return False
    rs = signature[:32]
    r = point_decompress(rs)
    if not r:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= Q:
        return False
    h = sha512_modq(rs + public + msg)
    return point_equal(point_mul(s, G), point_add(r, point_mul(h, a)))
