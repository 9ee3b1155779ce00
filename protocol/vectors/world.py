"""The site, the people and the messages that the vectors are about: always the same bytes.

Keys come from SHA-256 of their names and Ed25519 is deterministic, so nothing here is random.
"""

import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sealwire import cose, messages
from sealwire.messages import APPROVE, AUDITOR, KEEPER, OFFICER, SECRETARY, Message

Fields = dict[str, Any]


def digest(name: str) -> bytes:
    """32 bytes that stand for something."""
    return hashlib.sha256(b"sealbox vectors/" + name.encode()).digest()


class Key:
    """A key pair by name."""

    def __init__(self, name: str) -> None:
        self._secret = Ed25519PrivateKey.from_private_bytes(digest("key/" + name))
        self.public = self._secret.public_key().public_bytes_raw()
        self.kid = cose.key_id(self.public)

    def sign(self, data: bytes) -> bytes:
        """An Ed25519 signature."""
        return self._secret.sign(data)


SITE = digest("site")[:16]
OTHER_SITE = digest("other site")[:16]
NOW = 1_800_000_000  # 2027-01-15
DAY = 86400

AUTHORITY = [Key("authority 1"), Key("authority 2"), Key("authority 3")]
HOST = Key("host")
BOX = Key("box")
KEEPER_KEY, KEEPER_SECOND = Key("keeper"), Key("keeper, second device")
OFFICERS = [Key("officer 2"), Key("officer 3"), Key("officer 4")]  # people 2, 3, 4
OFFICER_SECOND = Key("officer 2, second device")
SECRETARY_KEY = Key("secretary 5")  # officer too
AUDITOR_KEY = Key("auditor 6")
STRANGER = Key("stranger")
SUBSTITUTE_KEY = Key("substitute 7")  # no role at all


def roles(*numbers: int) -> int:
    """A set of role or rule numbers."""
    return sum(1 << number for number in numbers)


def person(number: int, mask: int, *keys: Key, since: int = NOW - 365 * DAY, until: int = NOW + 365 * DAY) -> Fields:
    """A person of the roster."""
    listed = [b"\1" + key.public for key in keys]
    return {"number": number, "name": f"甲 {number}", "roles": mask, "from": since, "until": until, "keys": listed}


def rule(number: int = 1, **changes: Any) -> Fields:
    """A rule: two officers for at most five impressions, two denials end it."""
    fields: Fields = {
        "number": number,
        "matters": [10 * number + 1, 10 * number + 2],
        "raiser": KEEPER,
        "groups": [{"role": OFFICER, "least": 2}],
        "denials": 2,
        "impressions": 5,
        "open_seconds": 60,
        "wait_seconds": 3 * DAY,
        "use_seconds": DAY,
        "break_glass": 0,
    }
    return fields | changes


RULE = rule()
STRONG_RULE = rule(2, groups=[{"role": SECRETARY, "least": 1}, {"role": OFFICER, "least": 1}], denials=1)


def bay(number: int, *rules: int) -> Fields:
    """A bay with these rules."""
    return {"number": number, "seal": "居民委员会", "rules": roles(*rules)}


def people() -> list[Fields]:
    """Seven: keeper, officers 2 to 4, the secretary, who is an officer too, an auditor, and one without a role."""
    return [
        person(1, roles(KEEPER), KEEPER_KEY, KEEPER_SECOND),
        person(2, roles(OFFICER), OFFICERS[0], OFFICER_SECOND),
        person(3, roles(OFFICER), OFFICERS[1]),
        person(4, roles(OFFICER), OFFICERS[2]),
        person(5, roles(OFFICER, SECRETARY), SECRETARY_KEY),
        person(6, roles(AUDITOR), AUDITOR_KEY),
        person(7, 0, SUBSTITUTE_KEY),
    ]


def roster(**changes: Any) -> Fields:
    """Roster 7: one box, bay 1 with rule 1, bay 2 with rule 2."""
    fields: Fields = {
        "version": 7,
        "issued": NOW - 30 * DAY,
        "authority": [key.public for key in AUTHORITY],
        "threshold": 2,
        "people": people(),
        "hosts": [HOST.public],
        "boxes": [{"public": BOX.public, "bays": [bay(1, 1), bay(2, 2)]}],
        "rules": [RULE, STRONG_RULE],
        "matters": digest("matters"),
        "releases": [digest("release")],
    }
    return fields | changes


def roster_bytes(**changes: Any) -> bytes:
    """Its payload."""
    return messages.payload(messages.ROSTER, roster(**changes))


def signed(number: int, fields: Fields, key: Key, site: bytes = SITE) -> bytes:
    """A signed message."""
    return messages.build(number, fields, site, key.public, key.sign)


def reference(raw: bytes) -> bytes:
    """The reference of a message."""
    return messages.read(raw, SITE).reference


def request(key: Key = KEEPER_KEY, of: Fields = RULE, **changes: Any) -> bytes:
    """A request for two impressions in bay 1, raised an hour ago, attended for another hour."""
    fields: Fields = {
        "box": BOX.kid,
        "bay": of["number"],
        "impressions": 2,
        "matter": of["matters"][0],
        "rule": messages.rule_digest(of),
        "details": digest("details"),
        "anchor_seq": 100,
        "anchor_head": digest("head 100"),
        "created": NOW - 3600,
        "expires": NOW + DAY,
        "attended": NOW + 3600,
        "roster": 7,
    }
    return signed(messages.REQUEST, fields | changes, key)


REQUEST = request()
STRONG_REQUEST = request(of=STRONG_RULE)


def decision(
    key: Key, verdict: int = APPROVE, of: bytes = REQUEST, on_behalf: int | None = None, **changes: Any
) -> bytes:
    """A decision on a request, made half an hour ago."""
    fields: Fields = {
        "request": reference(of),
        "verdict": verdict,
        "for": on_behalf,
        "reason": 0,
        "decided": NOW - 1800,
        "roster": 7,
    }
    return signed(messages.DECISION, fields | changes, key)


def substitute(key: Key, whom: int, **changes: Any) -> bytes:
    """Key's owner lets person ``whom`` stand in, from yesterday until tomorrow."""
    fields: Fields = {"person": whom, "from": NOW - DAY, "until": NOW + DAY, "roster": 7}
    return signed(messages.SUBSTITUTE, fields | changes, key)


NONCE = digest("nonce")


def ready(key: Key = KEEPER_KEY, of: bytes = REQUEST, **changes: Any) -> bytes:
    """A keeper's `ready` for a request."""
    return signed(messages.READY, {"request": reference(of), "nonce": NONCE} | changes, key)


def message(raw: bytes) -> Message:
    """The same message, read."""
    return messages.read(raw, SITE)
