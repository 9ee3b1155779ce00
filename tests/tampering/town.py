"""A site with everything: two boxes, several rosters, every message type that a bundle holds and every kind of entry.

Made once and never changed: its alterations are copies. Kinds of entries that the story does not tell of are written
with the least values of their definition, so that a new kind is altered as soon as it is defined.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sealhost.core.matters import list_digest
from sealwire import cbor, chain, limits, messages
from sealwire.messages import Message

from tests.host.bundles import DAY, FIRST, KEEPER, SECOND, SITE, START, THIRD, Box, Village, rule, signer
from tests.tampering.changes import entry_definition, least

KEEP_ENTRIES = 64
"""What `limits.KEEP_ENTRIES` is while the town is verified: a pruning would else need a log of 8,192 entries."""
USES = 18
"""Uses of each box: with the rest, some hundred messages."""
OFFICERS = ("first", "second", "third")
NUMBERS = {"first": FIRST, "second": SECOND, "third": THIRD}


def salted(text: str) -> bytes:
    """The body of a blob: 16 bytes of salt, then the content."""
    return hashlib.sha256(text.encode()).digest()[: limits.SALT] + text.encode()


class Town(Village):
    """The source of an export with two boxes. ``box`` is the one that the story is at."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("other_box", "other_host", "maker", "keeper's tablet", "clerk"):
            self.keys[name] = signer(name)
        self.rules = [
            rule(groups=[{"role": messages.OFFICER, "least": 2}], matters=[1, 2, 3]),
            rule(2, matters=[4], groups=[{"role": 2, "least": 1}, {"role": 4, "least": 1}], break_glass=1),
        ]
        self.both = [self.box, Box(self, self.keys["other_box"])]
        self.blobs: dict[bytes, bytes] = {}

    def at(self, number: int) -> Box:
        """Go to a box; time goes on."""
        now = max(box.now for box in self.both)
        self.box = self.both[number]
        self.box.now = now + 1
        return self.box

    def blob(self, text: str) -> bytes:
        """The digest of something that is kept apart from what is signed."""
        body = salted(text)
        digest = hashlib.sha256(body).digest()
        self.blobs[digest] = body
        return digest

    # Rosters and matters

    def publish_matters(self, version: int, *parts: tuple[int, ...]) -> bytes:
        """A matter list; its digest."""
        raws = []
        for part, codes in enumerate(parts, 1):
            fields = {"version": version, "issued": START + version, "part": part, "parts": len(parts)}
            raws.append(self.sign(self.keys["authority"], messages.MATTERS, **fields, items=list(map(_matter, codes))))
        self.matter_raws += raws
        return list_digest([messages.read(raw, SITE).payload for raw in raws])

    def publish(self, version: int, matters: bytes, **changes: Any) -> None:
        """A roster; from the second on, two authority keys must sign."""
        people = [("keeper", KEEPER, 1), ("first", FIRST, 2), ("second", SECOND, 2), ("third", THIRD, 2)]
        people += [("auditor", 5, 3), ("other_keeper", 6, 1), ("clerk", 7, 4)]
        listed = [self.person(*person) for person in people]
        listed[0]["keys"].append(b"\x01" + self.keys["keeper's tablet"].public_key)
        both = [self.keys["authority"].public_key, self.keys["authority2"].public_key]
        fields: dict[str, Any] = {
            "authority": both,
            "threshold": 2,
            "people": listed,
            "hosts": [self.keys["host"].public_key, self.keys["other_host"].public_key],
            "boxes": [{"public": box.key.public_key, "bays": [self.bay(1), self.bay(2)]} for box in self.both],
            "matters": matters,
        }
        by = ("authority",) if version == 1 else ("authority", "authority2")
        self.roster(version, by, **{**fields, **changes})

    def adopt_everywhere(self, version: int) -> None:
        """Both boxes take a roster."""
        for number in (0, 1):
            self.at(number).adopt(version)

    # The source of an export

    def request(self, as_: str, who: str = "keeper", **changes: Any) -> Message:
        """A request at the box where the story is, its details kept apart."""
        fields = {"box": self.box.key.kid, "details": self.blob(f"details of {as_}")}
        return super().request(as_, who, **{**fields, **changes})

    def boxes(self) -> list[bytes]:
        return [box.key.kid for box in self.both]

    def _box_of(self, kid: bytes) -> Box:
        return next(box for box in self.both if box.key.kid == kid)

    def entries(self, box: bytes) -> list[bytes]:
        return self._box_of(box).raws

    def checkpoints(self, box: bytes) -> list[bytes]:
        return self._box_of(box).checkpoints

    def signer_of(self, kid: bytes) -> str:
        """Whose key a kid names."""
        return next(name for name, key in self.keys.items() if key.kid == kid)


@contextmanager
def few_entries_kept() -> Iterator[None]:
    """Verify as if boxes kept few entries: see :data:`KEEP_ENTRIES`."""
    usual = limits.KEEP_ENTRIES
    limits.KEEP_ENTRIES = KEEP_ENTRIES
    try:
        yield
    finally:
        limits.KEEP_ENTRIES = usual


def _matter(code: int) -> dict[str, Any]:
    item: dict[str, Any] = {"code": code, "wording": f"居住证明 {code}", "seal": "村委会"}
    if code == 2:
        item |= {"attachments": "身份证", "responsible": "王芳"}
    if code == 3:
        item |= {"resolution": 1, "abolished": 1}
    return item


@functools.cache
def town() -> Town:
    """The whole story. Its log has every kind of entry, its messages every type that a bundle holds."""
    made = Town()
    first_list = made.publish_matters(1, (1, 2), (3, 4))
    made.publish(1, first_list, threshold=1, authority=[made.keys["authority"].public_key])
    for number in (0, 1):
        _begin(made, number)
    _loose_words(made)
    _power_cut(made)
    _jam(made)
    _alarm(made)
    _lost_clock(made)
    second_list = made.publish_matters(2, (1, 2, 3, 4))
    release = _release(made)
    made.publish(2, second_list, releases=[release.reference])
    made.adopt_everywhere(2)
    _new_firmware(made, release)
    for number in (0, 1):
        for use in range(USES):
            _use(made, number, use)
    _open_across_a_stretch(made)
    made.publish(3, second_list)
    made.adopt_everywhere(3)
    _pruned(made)
    _linked(made)
    _everything_else(made)
    for number in (0, 1):
        made.at(number).checkpoint()
    return made


def _begin(made: Town, number: int) -> None:
    box = made.at(number)
    authority = [made.keys["authority"].public_key]
    box.write(chain.ORIGIN, box=box.key.public_key, site=SITE, authority=authority, threshold=1)
    box.start()
    box.adopt(1)


def _use(made: Town, number: int, use: int) -> Message:
    """A request that is approved, used and reported, by people who take turns."""
    box = made.at(number)
    count = 1 + use % 3
    request = made.request(f"use {number} {use}", impressions=count, matter=1 + use % 3)
    chosen = sorted((OFFICERS[use % 3], OFFICERS[(use + 1) % 3]))
    decisions = [made.decide(request, who) for who in chosen]
    grant = made.grant("", request, decisions)
    box.intend(request, grant, count, sorted(NUMBERS[who] for who in chosen))
    box.press(request, *range(1, count + 1))
    box.close(request, count, 0)
    photographs = [made.blob(f"photograph {page} of {number} {use}") for page in range(use % 3)]
    fields = {"request": request.reference, "impressions": count, "photographs": photographs}
    made.say("keeper", messages.REPORT, f"report {number} {use}", **fields)
    return request


def _loose_words(made: Town) -> None:
    """A denial for oneself, one as a substitute, a withdrawal and a finish that reach the box by themselves."""
    box = made.at(0)
    period = {"from": box.now - 60, "until": box.now + DAY}
    stand_in = made.say("second", messages.SUBSTITUTE, "substitute", person=THIRD, roster=1, **period)
    request = made.request("denied")
    words = made.blob("reason of a denial")
    heard = [made.decide(request, "first", messages.DENY, "denial", reason=3, reason_digest=words)]
    heard.append(made.decide(request, "third", messages.DENY, "denial for another", **{"for": SECOND}))
    for message, person in zip(heard, (FIRST, THIRD), strict=True):
        fields = {"request": request.reference, "verdict": messages.DENY, "person": person, "for": message.get("for")}
        box.write(chain.DECISION, **_present(fields), message=message.reference)
    _withdrawn(made, stand_in)
    request = made.request("finished")
    done = made.blob("reason of a finish")
    finish = made.say("keeper", messages.FINISH, "finish", request=request.reference, reason=1, reason_digest=done)
    box.write(chain.FINISH, request=request.reference, reason=1, person=KEEPER, message=finish.reference)
    made.request("waiting", follows=request.reference)
    box.checkpoint()


def _withdrawn(made: Town, stand_in: Message) -> None:
    """An approval taken back, and a use by two others, one of them a substitute."""
    box = made.at(0)
    request = made.request("withdrawn")
    made.decide(request, "first", as_="taken back")
    back = made.decide(request, "first", messages.WITHDRAW, "withdrawal")
    fields = {"request": request.reference, "verdict": messages.WITHDRAW, "person": FIRST}
    box.write(chain.DECISION, **fields, message=back.reference)
    other = made.request("substituted")
    decisions = [made.decide(other, "first"), made.decide(other, "third", as_="as substitute", **{"for": SECOND})]
    grant = made.grant("substituted granted", other, decisions, substitutes=[stand_in.raw])
    box.intend(other, grant, 2, [FIRST, SECOND, THIRD])
    box.press(other, 1, 2)
    box.close(other, 2, 0)


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _power_cut(made: Town) -> None:
    box = made.at(0)
    request = made.request("interrupted", impressions=3)
    decisions = [made.decide(request, who) for who in ("first", "third")]
    box.intend(request, made.grant("interrupted granted", request, decisions), 3, [FIRST, THIRD])
    box.press(request, 1)
    box.start()


def _jam(made: Town) -> None:
    """The shutter sticks, and opens again for a `ready`."""
    box = made.at(1)
    request = made.request("jammed", bay=1)
    decisions = [made.decide(request, who) for who in ("second", "third")]
    box.intend(request, made.grant("jammed granted", request, decisions), 2, [SECOND, THIRD])
    box.write(chain.JAM, bay=1, request=request.reference, phase=1)
    box.close(request, 0, 2, chain.JAMMED)
    box.write(chain.JAM, bay=2, phase=2)
    nonce = box.nonce()
    ready = made.say("keeper", messages.READY, "ready", request=request.reference, nonce=nonce)
    again = made.grant("jammed granted again", request, decisions, nonce, ready=ready.raw)
    box.intend(request, again, 2, [SECOND, THIRD])
    box.press(request, 1, 2)
    box.close(request, 2, 0)


def _alarm(made: Town) -> None:
    """Refusals, and an alarm that the authority resets."""
    box = made.at(1)
    full = {"type": messages.GRANT, "kid": made.keys["host"].kid, "message": bytes(range(32))}
    box.write(chain.REFUSED, reason=110, unlogged=0, **full)
    box.write(chain.REFUSED, reason=42, unlogged=3)
    box.write(chain.TAMPER, what=2)
    fields = {"box": box.key.kid, **box.anchor, "clears": messages.CLEARS_TAMPER, "utc": box.now}
    reset = made.say("authority", messages.RESET, "reset", **fields)
    box.write(chain.RESET, clears=messages.CLEARS_TAMPER, utc=reset["utc"], message=reset.reference)
    box.checkpoint()


def _lost_clock(made: Town) -> None:
    box = made.at(1)
    box.start(clock_set=0)
    told = made.say("host", messages.TIME, "time", box=box.key.kid, nonce=box.nonce(), utc=box.now + 60)
    box.now += 60
    box.write(chain.TIME, utc=told["utc"], message=told.reference)
    box.checkpoint()


def _release(made: Town) -> Message:
    files = [{"path": path, "digest": hashlib.sha256(path.encode()).digest()} for path in ("main.py", "romfs.img")]
    return made.say("maker", messages.RELEASE, "release", version="0.2.0", files=files, roster=1)


def _new_firmware(made: Town, release: Message) -> None:
    for number in (0, 1):
        box = made.at(number)
        box.write(chain.RELEASE, message=release.reference)
        box.start()


def _open_across_a_stretch(made: Town) -> None:
    """A bay is open when a stretch of the log ends, so that the next begins with a stand that names it."""
    box = made.at(0)
    while box.seq % limits.STATE_EVERY != limits.STATE_EVERY - 2:
        box.write(chain.POWER, what=chain.MAINS_BACK)
    box.checkpoint()
    _use(made, 0, 2)


def _pruned(made: Town) -> None:
    """The box drops its first stretch by an ack, which is in no bundle."""
    box = made.at(0)
    while box.seq < limits.STATE_EVERY + KEEP_ENTRIES + 1:
        box.write(chain.POWER, what=chain.MAINS_BACK)
    box.checkpoint()
    acked = limits.STATE_EVERY
    fields = {"box": box.key.kid, "seq": acked, "head": box.heads[acked]}
    ack = messages.read(made.sign(made.keys["host"], messages.ACK, **fields), SITE)
    box.write(chain.PRUNE, first=acked + 1, acked=acked, message=ack.reference)
    box.checkpoint()


def _linked(made: Town) -> None:
    """Credentials for TLS by a host, with and without the box's own certificate."""
    box = made.at(1)
    for more in ({"certificate": b"the box's"}, {}):
        fields = {"box": box.key.kid, "issued": box.now, "ca": [b"the old", b"the new"], **more}
        message = made.say("host", messages.CREDENTIALS, "", **fields)
        box.write(chain.LINK, issued=message["issued"], message=message.reference)


def _everything_else(made: Town) -> None:
    """Every kind of entry that no story tells of, with the least values."""
    box = made.at(1)
    told = {chain.read_entry(raw).kind for one in made.both for raw in one.raws}
    for kind in sorted(chain.names().keys() - told):
        value = {field.number: least(field) for field in entry_definition(kind)}
        box.now += 1
        box.append(cbor.encode({**value, 0: kind, 1: box.now}))
    box.checkpoint()
