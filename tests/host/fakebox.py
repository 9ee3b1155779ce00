"""A box at the level of the protocol: signs its log, challenges and checkpoints for real, and obeys grants.

It checks what a host could get wrong (nonce, decisions, spent, attended) through sealwire's own rules and keeps a list
of all it was given. It is no firmware: no flash, no time, no press sensor; tests say when it is pressed and closed.
"""

from __future__ import annotations

import hashlib
import threading
import time
from typing import Any

from sealhost.links import Message as Mail
from sealhost.links.address import BrokerAddress
from sealhost.links.mqtt import MqttLink
from sealhost.signing import keys
from sealwire import cbor, chain, errors, messages, rules, topics
from sealwire.errors import Refused, SealwireError
from sealwire.messages import Message
from sealwire.roster import Roster, check_roster, check_succession
from sealwire.schema import from_map


class FakeBox:
    """One box. Call `connect` to put it on a broker; `outgoing` is called with what it publishes otherwise."""

    def __init__(self, site: bytes, authority: list[bytes], signer: keys.Signer | None = None) -> None:
        self.site = site
        self.authority = authority
        self.signer = signer or keys.generate()
        self.kid = self.signer.kid
        self.roster: Roster | None = None
        self.entries: list[bytes] = []
        self.head = chain.genesis(site)
        self.boot = 0
        self.clock_set = 1
        self.credentials: list[Message] = []  # those it took
        self.challenges: dict[int, tuple[bytes, bytes]] = {}  # bay to (nonce, raw)
        self.open: dict[int, bytes] = {}  # bay to request
        self.opened: list[bytes] = []  # requests, once for each opening
        self.grants: list[bytes] = []
        self.refusals: list[str] = []
        self.acked = -1
        self.silent = False  # answers nothing, as if out of reach
        self.jammed = False
        self.press_and_close = True  # presses all that was granted as soon as it opens
        self.count = 0
        self.outgoing: Any = None
        self._link: MqttLink | None = None
        self._lock = threading.RLock()
        self.write(
            chain.ORIGIN, box=self.signer.public_key, site=site, authority=authority, threshold=1, announce=False
        )
        self.start()

    # --- its log ---

    @property
    def seq(self) -> int:
        """How many entries there are."""
        return len(self.entries)

    def write(self, kind: int, announce: bool = True, **fields: Any) -> None:
        """Write an entry, and publish it."""
        with self._lock:
            raw = chain.build_entry(kind, self.now(), fields)
            self.entries.append(raw)
            self.head = chain.next_head(self.head, raw)
            if announce:
                self._say(messages.build_item(messages.ENTRIES, {"first": self.seq, "entries": [raw]}))

    def start(self) -> None:
        """A boot: challenges are gone; what was open is interrupted."""
        self.boot += 1
        self.challenges.clear()
        self.write(chain.BOOT, boot=self.boot, cause=0, firmware="fake", clock_set=self.clock_set, announce=False)
        for bay, request in list(self.open.items()):
            self.write(chain.INTERRUPTED, bay=bay, request=request, announce=False)
        self.open.clear()

    @staticmethod
    def now() -> int:
        """The box's clock."""
        return int(time.time())

    def sign(self, number: int, **fields: Any) -> bytes:
        """A message of this box."""
        return messages.build(number, fields, self.site, self.signer.public_key, self.signer.sign)

    def checkpoint(self) -> bytes:
        """A checkpoint of now."""
        version = self.roster.version if self.roster else 0
        return self.sign(
            messages.CHECKPOINT, boot=self.boot, seq=self.seq, head=self.head, clock=self.now(),
            clock_set=self.clock_set, roster=version, firmware="fake",
        )  # fmt: skip

    # --- the wire ---

    def connect(self, host: str, port: int) -> None:
        """Go on a broker."""
        link = MqttLink(BrokerAddress(host, port), f"box-{self.kid.hex()[:12]}", persistent=False)
        self._link = link
        link.subscribe(topics.box_in_filter(self.site, self.kid), self._on_mail)
        link.on_connected(self.hello)
        link.start()

    def disconnect(self) -> None:
        """Leave it."""
        if self._link is not None:
            self._link.stop()

    def hello(self) -> None:
        """What a box says when it is connected."""
        raw = self.checkpoint()
        if self._link is not None:
            self._link.publish(topics.box_status(self.site, self.kid), raw, retain=True)
        self._say(raw)

    def _say(self, payload: bytes) -> None:
        if self.silent:
            return
        if self._link is not None:
            self._link.publish(topics.box_out(self.site, self.kid), payload)
        elif self.outgoing is not None:
            self.outgoing(topics.box_out(self.site, self.kid), payload)

    def _on_mail(self, mail: Mail) -> None:
        self.receive(mail.payload)

    def receive(self, payload: bytes) -> None:
        """Take something that came on its topic."""
        with self._lock:
            if self.silent:
                return
            try:
                self._take(payload)
            except SealwireError as refusal:
                self.refusals.append(refusal.name)
                digest = self._reference(payload)
                self.write(chain.REFUSED, reason=refusal.reason, message=digest, unlogged=0)

    def _reference(self, payload: bytes) -> bytes | None:
        try:
            return messages.read(payload, self.site).reference
        except SealwireError:
            return None

    def _take(self, payload: bytes) -> None:
        if messages.is_item(payload):
            number, fields = messages.read_item(payload)
            if number == messages.ASK:
                self._say(self._challenge(fields["bay"]))
            return
        message = messages.read(payload, self.site)
        if message.number == messages.ROSTER:
            self._adopt(message)
        elif message.number == messages.ACK:
            self._acked(message)
        elif message.number == messages.GRANT:
            self._grant(message)
        elif message.number == messages.TIME:
            message.check(self._host_key(message), keys.verify)
            self.clock_set = 1
            self.challenges.clear()
            self.write(chain.TIME, utc=message["utc"], message=message.reference)
            self._say(self.checkpoint())
        elif message.number == messages.CREDENTIALS:
            self._renew(message)
        elif message.number == messages.DECISION:
            number = self._person(message)["number"]
            optional = {"for": message["for"]} if message.get("for") is not None else {}
            self.write(
                chain.DECISION, request=message["request"], verdict=message["verdict"], person=number,
                message=message.reference, **optional,
            )  # fmt: skip
            self._say(self.checkpoint())
        elif message.number == messages.FINISH:
            number = self._person(message)["number"]
            self.write(chain.FINISH, request=message["request"], reason=0, person=number, message=message.reference)
            self._say(self.checkpoint())

    def _renew(self, message: Message) -> None:
        message.check(self._host_key(message), keys.verify)
        if not self.clock_set:
            raise Refused(errors.CLOCK_LOST)
        if self.credentials and message["issued"] <= self.credentials[-1]["issued"]:
            raise Refused(errors.TIMES_OUT_OF_ORDER)
        self.credentials.append(message)
        self.write(chain.LINK, issued=message["issued"], message=message.reference)
        self._say(self.checkpoint())

    def _host_key(self, message: Message) -> bytes:
        if self.roster is None:
            raise Refused(errors.NO_ROSTER)
        return self.roster.host(message.kid)

    def _person(self, message: Message) -> dict[str, Any]:
        if self.roster is None:
            raise Refused(errors.NO_ROSTER)
        person, key = self.roster.signer(message.kid)
        message.check(key, keys.verify)
        return person

    def _adopt(self, message: Message) -> None:
        held = self.roster.version if self.roster else 0
        if message["version"] == held:
            return
        check_roster(message.fields)
        check_succession(held, self.authority, 1, message.fields, [message.kid])
        self.roster = Roster(from_map(messages.fields_of(messages.ROSTER), _map(message)))
        self.authority = message["authority"]
        digest = hashlib.sha256(message.payload).digest()
        self.write(chain.ROSTER, version=message["version"], digest=digest)
        self._say(self.checkpoint())

    def _acked(self, message: Message) -> None:
        message.check(self._host_key(message), keys.verify)
        self.acked = message["seq"]
        if self.acked < self.seq:
            for first in range(self.acked, self.seq, 8):
                batch = self.entries[first : first + 8]
                self._say(messages.build_item(messages.ENTRIES, {"first": first + 1, "entries": batch}))
            self._say(self.checkpoint())

    # --- bays ---

    def _challenge(self, bay: int) -> bytes:
        if bay not in self.challenges:
            self.count += 1
            nonce = hashlib.sha256(b"%d/%d/%d" % (self.boot, bay, self.count) + self.kid).digest()
            version = self.roster.version if self.roster else 0
            raw = self.sign(
                messages.CHALLENGE, bay=bay, boot=self.boot, nonce=nonce, seq=self.seq, head=self.head, roster=version
            )
            self.challenges[bay] = (nonce, raw)
        return self.challenges[bay][1]

    def _grant(self, message: Message) -> None:
        message.check(self._host_key(message), keys.verify)
        assert self.roster is not None
        self.grants.append(message.raw)
        request = messages.read(message["request"], self.site, (messages.REQUEST,))
        bay = request["bay"]
        if self.challenges.get(bay, (b"",))[0] != message["nonce"]:
            raise Refused(errors.STALE_NONCE)
        if bay in self.open:
            raise Refused(errors.BAY_BUSY)
        if self.jammed:
            raise Refused(errors.BAY_JAMMED)
        decisions = [messages.read(raw, self.site) for raw in message["decisions"]]
        substitutes = [messages.read(raw, self.site) for raw in message["substitutes"]]
        for signed in (request, *decisions, *substitutes):
            signed.check(self.roster.signer(signed.kid)[1], keys.verify)
        history = chain.History(request.reference)
        for raw in self.entries[request["anchor_seq"] :]:
            history.apply(chain.read_entry(raw))
        judgement = rules.judge(self.roster, request, decisions, substitutes, self.now(), history.against)
        ready = message.get("ready")
        if ready is not None:
            said = messages.read(ready, self.site, (messages.READY,))
            said.check(self.roster.signer(said.kid)[1], keys.verify)
            rules.check_ready(self.roster, judgement.case, said, message["nonce"], self.now())
        left = rules.may_open(judgement, history, ready is not None, self.now())
        del self.challenges[bay]
        self.open[bay] = request.reference
        self.opened.append(request.reference)
        self.write(
            chain.INTENT, bay=bay, request=request.reference, grant=message.reference, spends=left,
            roster=self.roster.version, people=judgement.people,
        )  # fmt: skip
        if self.press_and_close:
            self.close(bay, left, left)

    def close(self, bay: int, pressed: int, spends: int, cause: int = chain.LAST_IMPRESSION) -> None:
        """Press so often, then lock."""
        with self._lock:
            request = self.open.pop(bay)
            for number in range(pressed):
                self.write(chain.PRESS, bay=bay, request=request, count=number + 1)
            back = spends - pressed
            self.write(chain.CLOSED, bay=bay, request=request, pressed=pressed, given_back=back, cause=cause)
            self._say(self.checkpoint())


def _map(message: Message) -> Any:
    """The payload as it is on the wire."""
    return cbor.decode(message.payload)
