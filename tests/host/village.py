"""A site for the host's tests: everybody's keys, their messages, and a host without a broker that they talk to."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from sealhost.core.matters import list_digest
from sealhost.services.context import Context, Send
from sealhost.services.host import Host
from sealhost.services.views import Views
from sealhost.signing import keys
from sealhost.store import sites
from sealhost.store.database import Database
from sealwire import errors, messages, topics
from sealwire.messages import Message

from tests.host.fakebox import FakeBox

SITE = bytes(range(16))
PEOPLE = {"keeper": (1, (1,)), "first": (2, (2,)), "second": (3, (2,)), "third": (4, (2,)), "auditor": (5, (3,)),
          "other keeper": (6, (1, 2))}  # fmt: skip
MATTER = 101
DAY = 86400


def rule(**changes: Any) -> dict[str, Any]:
    """Two of the officers."""
    fields = {
        "number": 1, "matters": [MATTER], "raiser": 1, "groups": [{"role": 2, "least": 2}], "denials": 1,
        "impressions": 5, "open_seconds": 60, "wait_seconds": DAY, "use_seconds": 3600, "break_glass": 0,
    }  # fmt: skip
    return {**fields, **changes}


class People:
    """Keys, and messages signed with them. `now` is everybody's clock."""

    def __init__(self, site: bytes = SITE) -> None:
        self.site = site
        self.authority = keys.generate()
        self.host = keys.generate()
        self.keys = {name: keys.generate() for name in PEOPLE}
        self.spare = {name: keys.generate() for name in PEOPLE}  # everybody's second device
        self.box = FakeBox(site, [self.authority.public_key])
        self.now = int(time.time())
        self.matters = [{"code": MATTER, "wording": "居住证明", "seal": "居委会"}]

    def sign(self, who: str | keys.Signer, number: int, **fields: Any) -> bytes:
        """Somebody's message."""
        signer = who if isinstance(who, keys.Signer) else self.authority if who == "authority" else self.keys[who]
        return messages.build(number, fields, self.site, signer.public_key, signer.sign)

    def matters_message(self, version: int = 1) -> bytes:
        """The matter list."""
        return self.sign(
            "authority", messages.MATTERS, version=version, issued=self.now, part=1, parts=1, items=self.matters
        )

    def roster(self, version: int = 1, by: str | keys.Signer = "authority", **changes: Any) -> bytes:
        """A roster."""
        people = [self._person(name, number, roles) for name, (number, roles) in PEOPLE.items()]
        bays = [{"number": 1, "seal": "居委会", "rules": 1 << 1}, {"number": 2, "seal": "党支部", "rules": 1 << 1}]
        fields: dict[str, Any] = {
            "version": version, "issued": self.now, "authority": [self.authority.public_key], "threshold": 1,
            "people": people, "hosts": [self.host.public_key],
            "boxes": [{"public": self.box.signer.public_key, "bays": bays}], "rules": [rule()],
            "matters": list_digest([messages.read(self.matters_message(), self.site).payload]), "releases": [],
        }  # fmt: skip
        return self.sign(by, messages.ROSTER, **{**fields, **changes})

    def _person(self, name: str, number: int, roles: tuple[int, ...]) -> dict[str, Any]:
        held = [bytes([messages.ED25519]) + key.public_key for key in (self.keys[name], self.spare[name])]
        mask = sum(1 << role for role in roles)
        span = {"from": self.now - DAY, "until": self.now + 365 * DAY}
        return {"number": number, "name": name, "roles": mask, "keys": held, **span}

    def request(self, who: str | keys.Signer = "keeper", **changes: Any) -> bytes:
        """A request."""
        fields = {
            "box": self.box.kid, "bay": 1, "impressions": 2, "matter": MATTER, "rule": messages.rule_digest(rule()),
            "details": hashlib.sha256(b"details").digest(), "anchor_seq": self.box.seq, "anchor_head": self.box.head,
            "created": self.now, "expires": self.now + 3600, "attended": self.now + 1800, "roster": 1,
        }  # fmt: skip
        return self.sign(who, messages.REQUEST, **{**fields, **changes})

    def decide(self, who: str | keys.Signer, request: bytes, verdict: int = messages.APPROVE, **changes: Any) -> bytes:
        """A decision."""
        fields = {"request": self.reference(request), "verdict": verdict, "reason": 0, "decided": self.now, "roster": 1}
        return self.sign(who, messages.DECISION, **{**fields, **changes})

    def reference(self, raw: bytes) -> bytes:
        """The reference of a message."""
        return messages.read(raw, self.site).reference


class Village(People):
    """People and a host in this process. `tell` hands the host a message and gives what its receipt says."""

    def __init__(self, url: str, site: bytes = SITE, box_listens: bool = True) -> None:
        super().__init__(site)
        self.database = Database(url)
        self.database.upgrade()
        self.context = Context(self.database, self.host, keys.verify, lambda: self.now)
        with self.context.turn() as turn:
            sites.add(turn.tx, site, "幸福村", [self.authority.public_key], 1, self.now)
        self.service = Host(self.context)
        self.views = Views(self.context)
        self.box_listens = box_listens
        self.sent: list[Send] = []
        self.retained: dict[str, bytes] = {}
        self._to_host: list[tuple[str, bytes]] = []
        self.box.outgoing = lambda topic, payload: self._to_host.append((topic, payload))
        self.box.now = lambda: self.now  # type: ignore[method-assign]

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def begin(self) -> None:
        """Adopt the roster and let the box connect."""
        assert self.tell("authority", self.matters_message()) == "accepted"
        assert self.tell("authority", self.roster()) == "accepted"
        self.box.hello()
        self.run()

    def tell(self, who: str | keys.Signer, raw: bytes, run: bool = True) -> str:
        """Publish as somebody; the name in the receipt, "silence" without one."""
        signer = who if isinstance(who, keys.Signer) else self.authority if who == "authority" else self.keys[who]
        start = len(self.sent)
        self._publish(self.service.handle(topics.host_in(self.site, signer.kid), raw))
        if run:
            self.run()
        for send in self.sent[start:]:
            if send.topic == topics.inbox(self.site, signer.kid):
                message = messages.read(send.payload, self.site)
                if message.number == messages.RECEIPT:
                    message.check(self.host.public_key, keys.verify)
                    return errors.name_of(message["result"])
        return "silence"

    def run(self) -> None:
        """Let time look at things, and everything that is under way arrive."""
        self._publish(self.service.tick())
        while True:
            self._publish([Send(due.topic, due.payload, due.retain) for due in self._due()])
            if not self._to_host:
                return
            waiting, self._to_host = self._to_host, []
            for topic, payload in waiting:
                self._publish(self.service.handle(topic, payload))

    def _due(self) -> list[Any]:
        due = self.service.due()
        self.service.delivered([one.row for one in due if one.until_delivered])
        return due

    def _publish(self, sends: list[Send]) -> None:
        for send in sends:
            self.sent.append(send)
            if send.retain:
                self.retained[send.topic] = send.payload
            if send.topic == topics.box_in(self.site, self.box.kid, self.host.kid) and self.box_listens:
                self.box.receive(send.payload)

    def state(self, request: bytes) -> str:
        """Where a request stands, as shown."""
        return str(self.views.request(self.site, self.reference(request))["state"])

    def shown(self, request: bytes) -> dict[str, Any]:
        """All that is shown of a request."""
        return self.views.request(self.site, self.reference(request))

    def inbox(self, who: str) -> list[bytes]:
        """What is retained in somebody's inbox."""
        root = topics.inbox(self.site, self.keys[who].kid) + "/"
        return [payload for topic, payload in self.retained.items() if topic.startswith(root) and payload]

    def approved(self, **changes: Any) -> bytes:
        """A request that two officers approved."""
        raw = self.request(**changes)
        assert self.tell("keeper", raw) == "accepted"
        assert self.tell("first", self.decide("first", raw)) == "accepted"
        assert self.tell("second", self.decide("second", raw)) == "accepted"
        return raw

    def message(self, raw: bytes) -> Message:
        """A message, read."""
        return messages.read(raw, self.site)
