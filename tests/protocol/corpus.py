"""Damaged messages and payloads, the same ones every time: what decoders must agree about."""

import random

from sealwire import cose, messages
from vectors import world

_SEED = 20270115


def _good() -> list[tuple[str, int, bytes]]:
    """(kind, type number, payload) of whole payloads."""
    wholes = [world.REQUEST, world.decision(world.OFFICERS[0]), world.substitute(world.OFFICERS[0], 7), world.ready()]
    listed = [("message", message.number, message.payload) for message in map(world.message, wholes)]
    listed.append(("message", messages.ROSTER, world.roster_bytes()))
    reports = {"request": world.digest("r"), "impressions": 2, "photographs": [world.digest("p")] * 2}
    listed.append(("message", messages.REPORT, messages.payload(messages.REPORT, reports)))
    matter = {"code": 1, "wording": "居住证明", "seal": "居民委员会"}
    matters = {"version": 1, "issued": world.NOW, "part": 1, "parts": 1, "items": [matter] * 3}
    listed.append(("message", messages.MATTERS, messages.payload(messages.MATTERS, matters)))
    provision = {"site": world.SITE, "authority": [world.HOST.public], "threshold": 1, "broker": "b", "port": 1883}
    listed.append(("item", 0, messages.build_item(messages.PROVISION, provision)))
    listed.append(("item", 0, messages.build_item(messages.ENTRIES, {"first": 7, "entries": [b"\1", b"\2\3"]})))
    return listed


def _damaged(data: bytes, source: random.Random) -> bytes:
    """One or two small changes: a bit, a byte, a byte gone, a byte more, a piece twice, a tail gone."""
    changed = bytearray(data)
    for _ in range(source.randint(1, 2)):
        at = source.randrange(len(changed))
        change = source.randrange(6)
        if change == 0:
            changed[at] ^= 1 << source.randrange(8)
        elif change == 1:
            changed[at] = source.choice((0, 0x17, 0x18, 0x1B, 0x40, 0x60, 0x7F, 0x80, 0x9F, 0xA0, 0xC2, 0xF6, 0xFF))
        elif change == 2 and len(changed) > 1:
            del changed[at]
        elif change == 3:
            changed.insert(at, source.randrange(256))
        elif change == 4:
            changed[at:at] = changed[at : at + source.randint(1, 5)]
        else:
            del changed[max(1, len(changed) - source.randint(1, 3)) :]
    return bytes(changed)


def payloads(count: int) -> list[bytes]:
    """Payloads, most of them damaged."""
    source = random.Random(_SEED)  # the same every time is the point
    wholes = [payload for _, _, payload in _good()]
    return wholes + [_damaged(source.choice(wholes), source) for _ in range(count - len(wholes))]


def inputs(count: int) -> list[tuple[str, bytes]]:
    """("message" or "item", bytes): damaged within the payload or anywhere."""
    source = random.Random(_SEED + 1)  # the same every time is the point
    listed = []
    for _ in range(count):
        kind, number, payload = source.choice(_good())
        if source.randrange(4):
            payload = _damaged(payload, source)
        if kind == "message":
            name = messages.names()[number]
            payload = cose.sign(number, name, world.SITE, world.HOST.public, payload, lambda data: bytes(64))
            if not source.randrange(4):
                payload = _damaged(payload, source)
        listed.append((kind, payload))
    return listed
