"""Keys and messages for tests: people who can sign anything, right or wrong."""

import hashlib
import time
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sealwire import cose, messages

Fields = dict[str, Any]
YEAR = 365 * 86400


class Key:
    """A signing key, the same for the same name in every run."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seed = hashlib.sha256(b"test key " + name.encode()).digest()
        self._key = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.public_key = self._key.public_key().public_bytes_raw()
        self.kid = cose.key_id(self.public_key)

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)

    def build(self, number: int, fields: Fields, site: bytes) -> bytes:
        return messages.build(number, fields, site, self.public_key, self.sign)


def verify(public_key: bytes, data: bytes, signature: bytes) -> bool:
    """Ed25519 by `cryptography`; strictness is checked before (sealwire.cose.check)."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def person(number: int, name: str, roles: tuple[int, ...], *keys: Key, **changes: Any) -> Fields:
    """A person of a roster, valid from a year ago for two years."""
    now = int(time.time())
    fields = {
        "number": number,
        "name": name,
        "roles": sum(1 << role for role in roles),
        "from": now - YEAR,
        "until": now + YEAR,
        "keys": [bytes((messages.ED25519,)) + key.public_key for key in keys],
    }
    return {**fields, **changes}


def rule(number: int, matters: tuple[int, ...], least: int, **changes: Any) -> Fields:
    """A rule: a keeper raises, `least` officers approve, two denials end it."""
    fields: Fields = {
        "number": number,
        "matters": list(matters),
        "raiser": messages.KEEPER,
        "groups": [{"role": messages.OFFICER, "least": least}],
        "denials": 2,
        "impressions": 5,
        "open_seconds": 30,
        "wait_seconds": 86400,
        "use_seconds": 86400,
        "break_glass": 0,
    }
    return {**fields, **changes}
