"""Ed25519 and SHA-512 as the box runs them, beside the RFC's reference and plain Python, on the same VM in turn."""

import gc

import rfc8032
import timing
from sealbox import ed25519, sha512, sha512_plain

SECRETS = [bytes([number]) * 32 for number in range(2)]
MESSAGE = bytes(range(200))
BLOCKS = bytes(1024)
unknown, known = [ed25519.public_key(secret) for secret in SECRETS]
by_unknown, by_known = [ed25519.sign(secret, MESSAGE) for secret in SECRETS]
ed25519.remember(known)

assert [rfc8032.sign(secret, MESSAGE) for secret in SECRETS] == [by_unknown, by_known]
assert rfc8032.verify(unknown, MESSAGE, by_unknown) and not rfc8032.verify(known, MESSAGE, by_unknown)
assert ed25519.verify(unknown, MESSAGE, by_unknown) and ed25519.verify(known, MESSAGE, by_known)

fast = sha512.compress
state = bytearray(64)


def hash_plain():
    sha512.compress = sha512_plain.compress
    sha512.sha512(BLOCKS)
    sha512.compress = fast


gc.collect()
timing.in_turn(
    9,
    (
        ("reference_verify", 1, lambda: rfc8032.verify(unknown, MESSAGE, by_unknown)),
        ("unknown", 4, lambda: ed25519.verify(unknown, MESSAGE, by_unknown)),
        ("known", 8, lambda: ed25519.verify(known, MESSAGE, by_known)),
        ("reference_sign", 1, lambda: rfc8032.sign(SECRETS[1], MESSAGE)),
        ("sign", 4, lambda: ed25519.sign(SECRETS[1], MESSAGE)),
        ("plain_hash", 1, hash_plain),
        ("hash", 8, lambda: sha512.sha512(BLOCKS)),
    ),
)
