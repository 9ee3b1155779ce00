"""A village's history, made in memory with real keys and the real wire, for the tests of export and verification.

:class:`Village` holds everybody's keys, what the host would store, and a box that logs as the firmware does.
`history()` plays a full story; tests change the stored things, or the exported items, and see what the verification
says.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sealhost.audit.export import collect_items, seal_items
from sealhost.audit.manifest import build_receipt
from sealhost.core.matters import list_digest
from sealhost.signing.keys import Signer
from sealwire import chain, cose, limits, messages
from sealwire.messages import Message

SITE = bytes(range(16))
START = 1_790_000_000
DAY = 86400
MADE = START + 40 * DAY
KEEPER, FIRST, SECOND, THIRD, AUDITOR, OTHER_KEEPER = 1, 2, 3, 4, 5, 6


def signer(name: str) -> Signer:
    """The key of that name, the same in every run."""
    return Signer(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()))


def rule(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Two officers agree; two denials end it."""
    fields = {
        "number": number,
        "matters": [1, 2, 3],
        "raiser": messages.KEEPER,
        "groups": [{"role": messages.OFFICER, "least": 2}],
        "denials": 2,
        "impressions": 5,
        "open_seconds": 60,
        "wait_seconds": 3 * DAY,
        "use_seconds": DAY,
        "break_glass": 0,
    }
    return {**fields, **changes}


@dataclass
class Box:
    """A box that logs as the firmware does. Time goes on by a second with each entry."""

    village: Village
    key: Signer
    raws: list[bytes] = field(default_factory=list)
    checkpoints: list[bytes] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=lambda: [chain.genesis(SITE)])
    now: int = START
    boot: int = 0
    roster: int = 0
    alarm: int = 0
    clock: int = 0
    clock_set: int = 0
    open: dict[int, bytes] = field(default_factory=dict)
    nonces: int = 0

    @property
    def seq(self) -> int:
        """The last entry."""
        return len(self.raws)

    @property
    def anchor(self) -> dict[str, Any]:
        """Where the log stands, as a request names it."""
        return {"anchor_seq": self.seq, "anchor_head": self.heads[-1]}

    def write(self, kind: int, **fields: Any) -> int:
        """Log an entry; a stretch begins with how the box stands."""
        self.now += 1
        if self.seq and self.seq % limits.STATE_EVERY == 0:
            opened = [{"bay": bay, "request": self.open[bay]} for bay in sorted(self.open)]
            stand = {"boot": self.boot, "roster": self.roster, "alarm": self.alarm, "clock": self.clock, "open": opened}
            self.append(chain.build_entry(chain.STATE, self.now, stand))
        self.append(chain.build_entry(kind, self.now, fields))
        self._follow(kind, fields)
        return self.seq

    def append(self, raw: bytes) -> None:
        """Put bytes on the chain, whatever they are."""
        self.raws.append(raw)
        self.heads.append(chain.next_head(self.heads[-1], raw))

    def _follow(self, kind: int, fields: dict[str, Any]) -> None:
        if kind == chain.BOOT:
            self.boot, self.clock_set = fields["boot"], fields["clock_set"]
        elif kind == chain.ROSTER:
            self.roster = fields["version"]
        elif kind == chain.TAMPER:
            self.alarm = self.seq
        elif kind == chain.TIME:
            self.clock, self.clock_set = self.seq, 1
        elif kind == chain.RESET:
            self.alarm = 0 if fields["clears"] & messages.CLEARS_TAMPER else self.alarm
            if fields["clears"] & messages.CLEARS_CLOCK:
                self.clock, self.clock_set = self.seq, 1
        elif kind == chain.INTENT:
            self.open[fields["bay"]] = fields["request"]
        elif kind in (chain.CLOSED, chain.INTERRUPTED):
            self.open.pop(fields["bay"], None)

    def start(self, clock_set: int = 1) -> None:
        """A boot, which interrupts what was open."""
        self.write(chain.BOOT, boot=self.boot + 1, cause=1, firmware="0.1.0", clock_set=clock_set)
        for bay in sorted(self.open):
            self.write(chain.INTERRUPTED, bay=bay, request=self.open[bay])
        self.checkpoint()

    def checkpoint(self, **changes: Any) -> None:
        """Sign where the log stands."""
        fields = {
            "boot": self.boot,
            "seq": self.seq,
            "head": self.heads[-1],
            "clock": self.now,
            "clock_set": self.clock_set,
            "roster": self.roster,
            "firmware": "0.1.0",
        }
        self.checkpoints.append(self.village.sign(self.key, messages.CHECKPOINT, **{**fields, **changes}))

    def adopt(self, version: int) -> None:
        """Take a roster."""
        payload = messages.read(self.village.roster_raws[version][0], SITE).payload
        self.write(chain.ROSTER, version=version, digest=hashlib.sha256(payload).digest())
        self.checkpoint()

    def nonce(self) -> bytes:
        """A fresh challenge's."""
        self.nonces += 1
        return hashlib.sha256(b"nonce%d" % self.nonces).digest()

    def intend(self, request: Message, grant: Message, spends: int, people: list[int], **changes: Any) -> None:
        """Log an intent."""
        fields = {
            "bay": request["bay"],
            "request": request.reference,
            "grant": grant.reference,
            "spends": spends,
            "roster": self.roster,
            "people": people,
        }
        self.write(chain.INTENT, **{**fields, **changes})

    def press(self, request: Message, *counts: int) -> None:
        """Log impressions of these counts."""
        for count in counts:
            self.write(chain.PRESS, bay=request["bay"], request=request.reference, count=count)

    def close(self, request: Message, pressed: int, given_back: int, cause: int = chain.LAST_IMPRESSION) -> None:
        """Log a closing, and sign."""
        fields = {"bay": request["bay"], "request": request.reference, "pressed": pressed}
        self.write(chain.CLOSED, **fields, given_back=given_back, cause=cause)
        self.checkpoint()


class Village:
    """Everybody's keys and everything that was said. It is the :class:`~sealhost.audit.export.Source` of an export."""

    def __init__(self) -> None:
        names = (
            "authority",
            "authority2",
            "keeper",
            "first",
            "second",
            "third",
            "auditor",
            "other_keeper",
            "host",
            "box",
        )
        self.keys = {name: signer(name) for name in names}
        self.roster_raws: dict[int, list[bytes]] = {}
        self.matter_raws: list[bytes] = []
        self.said: dict[bytes, bytes] = {}
        self.named: dict[str, Message] = {}
        self.box = Box(self, self.keys["box"])
        self.rules = [rule()]

    def key(self, name: str) -> Signer:
        """Somebody's key."""
        return self.keys[name]

    @staticmethod
    def sign(key: Signer, number: int, **fields: Any) -> bytes:
        """A signed message."""
        return messages.build(number, fields, SITE, key.public_key, key.sign)

    def say(self, who: str, number: int, as_: str = "", **fields: Any) -> Message:
        """Sign a message and have the host store it; ``as_`` is the name by which a test finds it again."""
        message = messages.read(self.sign(self.keys[who], number, **fields), SITE)
        self.said[message.reference] = message.raw
        if as_:
            self.named[as_] = message
        return message

    def matters(self) -> None:
        """Publish the matter list, in two parts."""
        for part, codes in ((1, (1, 2)), (2, (3,))):
            items = [{"code": code, "wording": f"居住证明 {code}", "seal": "村委会"} for code in codes]
            fields = {"version": 1, "issued": START, "part": part, "parts": 2, "items": items}
            self.matter_raws.append(self.sign(self.keys["authority"], messages.MATTERS, **fields))

    def roster(self, version: int, by: tuple[str, ...] = ("authority",), **changes: Any) -> None:
        """Publish a roster."""
        people = [("keeper", KEEPER, 1), ("first", FIRST, 2), ("second", SECOND, 2), ("third", THIRD, 2)]
        people += [("auditor", AUDITOR, 3), ("other_keeper", OTHER_KEEPER, 1)]
        payloads = [messages.read(raw, SITE).payload for raw in self.matter_raws]
        fields = {
            "version": version,
            "issued": START + version,
            "authority": [self.keys["authority"].public_key],
            "threshold": 1,
            "people": [self.person(*person) for person in people],
            "hosts": [self.keys["host"].public_key],
            "boxes": [{"public": self.keys["box"].public_key, "bays": [self.bay(1), self.bay(2)]}],
            "rules": self.rules,
            "matters": list_digest(payloads),
            "releases": [],
        }
        raws = [self.sign(self.keys[name], messages.ROSTER, **{**fields, **changes}) for name in by]
        self.roster_raws.setdefault(version, []).extend(raws)

    def person(self, name: str, number: int, role: int) -> dict[str, Any]:
        """A person of the roster with one key."""
        key = b"\x01" + self.keys[name].public_key
        return {
            "number": number,
            "name": name.replace("_", " "),
            "roles": 1 << role,
            "from": START - DAY,
            "until": START + 900 * DAY,
            "keys": [key],
        }

    @staticmethod
    def bay(number: int) -> dict[str, Any]:
        """A bay with the village's only rule."""
        return {"number": number, "seal": ("党支部", "村委会")[number - 1], "rules": 1 << 1}

    def request(self, as_: str, who: str = "keeper", **changes: Any) -> Message:
        """A request for two impressions of the committee's seal, anchored where the log stands."""
        now = self.box.now
        fields = {
            "box": cose.key_id(self.keys["box"].public_key),
            "bay": 2,
            "impressions": 2,
            "matter": 1,
            "rule": messages.rule_digest(self.rules[0]),
            "details": hashlib.sha256(as_.encode()).digest(),
            **self.box.anchor,
            "created": now,
            "expires": now + DAY,
            "attended": now + 3600,
            "roster": self.box.roster,
        }
        return self.say(who, messages.REQUEST, as_, **{**fields, **changes})

    def decide(
        self, request: Message, who: str, verdict: int = messages.APPROVE, as_: str = "", **more: Any
    ) -> Message:
        """A decision, given now."""
        fields = {"request": request.reference, "verdict": verdict, "reason": 0, "decided": self.box.now}
        return self.say(who, messages.DECISION, as_, **{**fields, "roster": self.box.roster, **more})

    def grant(self, as_: str, request: Message, decisions: list[Message], nonce: bytes = b"", **more: Any) -> Message:
        """A grant for the box's next challenge."""
        fields = {
            "nonce": nonce or self.box.nonce(),
            "request": request.raw,
            "decisions": [decision.raw for decision in decisions],
            "substitutes": [],
        }
        return self.say("host", messages.GRANT, as_, **{**fields, **more})

    # The source of an export

    def roster_messages(self) -> list[bytes]:
        return [raw for raws in self.roster_raws.values() for raw in raws]

    def matters_messages(self) -> list[bytes]:
        return self.matter_raws

    def messages(self) -> list[bytes]:
        return list(self.said.values())

    def boxes(self) -> list[bytes]:
        return [self.box.key.kid]

    def entries(self, box: bytes) -> list[bytes]:
        return self.box.raws

    def set_aside(self) -> list[tuple[bytes, bytes]]:
        return []

    def checkpoints(self, box: bytes) -> list[bytes]:
        return self.box.checkpoints

    def items(self) -> dict[str, bytes]:
        """The items of the bundle that the host exports."""
        return self.seal(collect_items(self, SITE))

    def seal(self, items: dict[str, bytes], by: str = "host") -> dict[str, bytes]:
        """Items with a new manifest and receipt."""
        inner = {path: content for path, content in items.items() if not path.startswith("manifest.")}
        return seal_items(inner, SITE, MADE, self.keys[by].public_key, self.keys[by].sign)


def begin() -> Village:
    """A village with a matter list, a roster, and a box that has taken it."""
    village = Village()
    village.matters()
    village.roster(1)
    take_first_roster(village)
    return village


def take_first_roster(village: Village, **origin: Any) -> None:
    """A box that is provisioned, starts, and takes the roster."""
    box = village.box
    authority = [village.key("authority").public_key]
    fields = {"box": box.key.public_key, "site": SITE, "authority": authority, "threshold": 1}
    box.write(chain.ORIGIN, **{**fields, **origin})
    box.start()
    box.adopt(1)


def used(village: Village, as_: str, impressions: int = 2, **changes: Any) -> Message:
    """A request that two officers approve and that is used up."""
    request = village.request(as_, impressions=impressions, **changes)
    decisions = [village.decide(request, who, as_=f"{as_} by {who}") for who in ("first", "second")]
    grant = village.grant(f"{as_} granted", request, decisions)
    village.box.intend(request, grant, impressions, [FIRST, SECOND])
    village.box.press(request, *range(1, impressions + 1))
    village.box.close(request, impressions, 0)
    return request


def history() -> Village:
    """The whole story: a use, a denial, a power cut, a jam with a second opening, an alarm with its reset, a second
    roster.
    """
    village = begin()
    box = village.box
    used_up = used(village, "used")
    village.say("keeper", messages.REPORT, "report", request=used_up.reference, impressions=2, photographs=[])
    denied = village.request("denied")
    village.decide(denied, "first", messages.DENY, "denied by first")
    loose = village.decide(denied, "second", messages.DENY, "denied by second")
    box.write(chain.DECISION, request=denied.reference, verdict=messages.DENY, person=SECOND, message=loose.reference)
    interrupted(village)
    jammed(village)
    box.write(chain.REFUSED, reason=110, type=12, kid=village.key("host").kid, message=bytes(32), unlogged=0)
    alarm(village)
    substituted(village)
    village.roster(2)
    box.adopt(2)
    later = used(village, "later", 3)
    village.say("keeper", messages.REPORT, "second report", request=later.reference, impressions=3, photographs=[])
    finish = village.request("finished")
    done = village.say("keeper", messages.FINISH, "finish", request=finish.reference, reason=1)
    box.write(chain.FINISH, request=finish.reference, reason=1, person=KEEPER, message=done.reference)
    village.request("waiting")
    clock_lost(village)
    box.checkpoint()
    return village


def interrupted(village: Village) -> None:
    """One press, then the power goes: nothing comes back."""
    box = village.box
    request = village.request("interrupted", impressions=3)
    decisions = [village.decide(request, who) for who in ("first", "third")]
    box.intend(request, village.grant("interrupted granted", request, decisions), 3, [FIRST, THIRD])
    box.press(request, 1)
    box.start()


def jammed(village: Village) -> None:
    """The shutter sticks, closes unused, and opens again for a `ready`."""
    box = village.box
    request = village.request("jammed", bay=1)
    decisions = [village.decide(request, who) for who in ("second", "third")]
    box.intend(request, village.grant("jammed granted", request, decisions), 2, [SECOND, THIRD])
    box.write(chain.JAM, bay=1, request=request.reference, phase=1)
    box.close(request, 0, 2, chain.JAMMED)
    nonce = box.nonce()
    ready = village.say("keeper", messages.READY, "ready", request=request.reference, nonce=nonce)
    again = village.grant("jammed granted again", request, decisions, nonce, ready=ready.raw)
    box.intend(request, again, 2, [SECOND, THIRD])
    box.press(request, 1, 2)
    box.close(request, 2, 0)


def alarm(village: Village) -> None:
    """Somebody opens the lid; the authority resets the alarm."""
    box = village.box
    box.write(chain.TAMPER, what=2)
    fields = {"box": box.key.kid, **box.anchor, "clears": messages.CLEARS_TAMPER, "utc": box.now}
    reset = village.say("authority", messages.RESET, "reset", **fields)
    box.write(chain.RESET, clears=messages.CLEARS_TAMPER, utc=reset["utc"], message=reset.reference)
    box.checkpoint()


def substituted(village: Village) -> None:
    """The third officer stands in for the second."""
    box = village.box
    period = {"from": box.now - 60, "until": box.now + DAY}
    stand_in = village.say("second", messages.SUBSTITUTE, "substitute", person=THIRD, roster=1, **period)
    request = village.request("substituted")
    decisions = [village.decide(request, "first"), village.decide(request, "third", as_="", **{"for": SECOND})]
    grant = village.grant("substituted granted", request, decisions, substitutes=[stand_in.raw])
    box.intend(request, grant, 2, [FIRST, SECOND, THIRD])
    box.press(request, 1, 2)
    box.close(request, 2, 0)


def clock_lost(village: Village) -> None:
    """The battery of the clock ran out; a host tells the time."""
    box = village.box
    box.start(clock_set=0)
    told = village.say("host", messages.TIME, "time", box=box.key.kid, nonce=box.nonce(), utc=box.now + 60)
    box.now += 60
    box.write(chain.TIME, utc=told["utc"], message=told.reference)
    box.checkpoint()


def receipt_for(manifest: bytes, key: Signer) -> bytes:
    """A receipt for any manifest."""
    return build_receipt(manifest, SITE, MADE, key.public_key, key.sign)
