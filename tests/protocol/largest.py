"""The largest roster that the limits allow."""

import hashlib
from typing import Any

from sealwire import limits, messages
from vectors import world


def key(number: int) -> bytes:
    """A public key that is canonical and not of low order; nobody has its secret."""
    return hashlib.sha256(b"key %d" % number).digest()[:31] + b"\x01"


def roster() -> dict[str, Any]:
    """64 people of 90 keys, 4 boxes of 4 bays, 8 rules of 4 groups, 256 matters, all numbers at their longest."""
    keys = iter(range(1000))
    latest = (1 << 32) - 1
    people = []
    for place in range(limits.PEOPLE):
        held = 2 if place < limits.KEYS - limits.PEOPLE else 1
        person = {"number": 9000 + place, "name": "甲" * (limits.NAME // 3), "roles": (2 << limits.ROLES) - 2}
        people.append(
            person | {"from": latest, "until": latest, "keys": [b"\1" + key(next(keys)) for _ in range(held)]}
        )
    each = limits.MATTERS // limits.RULES
    rules = [
        world.rule(
            number,
            matters=list(range(9000 + number * each, 9000 + number * each + each)),
            raiser=limits.ROLES,
            groups=[{"role": role, "least": 2} for role in range(12, 16)],
            denials=limits.GRANT_DECISIONS,
            impressions=limits.IMPRESSIONS,
            open_seconds=limits.OPEN_SECONDS,
            wait_seconds=limits.WAIT_SECONDS,
            use_seconds=limits.USE_SECONDS,
        )
        for number in range(1, limits.RULES + 1)
    ]
    bays = [
        {"number": bay, "seal": "章" * (limits.NAME // 3), "rules": (2 << limits.RULES) - 2}
        for bay in range(1, limits.BAYS + 1)
    ]
    return {
        "version": 0x7FFFFFFF,
        "issued": latest,
        "authority": [key(next(keys)) for _ in range(limits.AUTHORITY_KEYS)],
        "threshold": limits.AUTHORITY_KEYS,
        "people": people,
        "hosts": [key(next(keys)) for _ in range(limits.HOSTS)],
        "boxes": [{"public": key(next(keys)), "bays": bays} for _ in range(limits.BOXES)],
        "rules": rules,
        "matters": bytes(32),
        "releases": [bytes(32), bytes(32)],
    }


def message() -> bytes:
    """It as a message."""
    return messages.build(messages.ROSTER, roster(), world.SITE, world.HOST.public, lambda data: bytes(64))
