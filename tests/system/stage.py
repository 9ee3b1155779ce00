"""A stage for one box: real broker, real firmware in a virtual box, and a host whose keys the test holds.

The stage plays the host by hand, with the host's real key, so that a test can send the box anything that a host, a
person or a thief of keys could send. What the box says is collected and checked: log entries are believed only under a
checkpoint.
"""

import hashlib
import queue
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as mqtt
import serial
from paho.mqtt.enums import CallbackAPIVersion
from sealwire import chain, errors, frames, messages, topics
from sealwire.messages import Message

from hardware.sim import VirtualBox
from tests.brokers import Broker
from tests.system.people import Fields, Key, person, rule, verify

REPEAT = 3.0  # seconds, after which what may have been lost is sent again
WAIT = 20.0  # seconds before a wait gives up; never a pass mark
PARTY, COMMITTEE = 1, 2  # the bays
MATTER = 101


class Stage:
    """A site with one box, a keeper, three officers, an auditor, a host and an authority."""

    def __init__(self, home: Path, broker: Broker, **settings: Any) -> None:
        self.site = hashlib.sha256(b"test site").digest()[:16]
        self.broker = broker
        self.authority, self.host = Key("authority"), Key("host")
        self.keeper, self.spare = Key("keeper"), Key("keeper's second key")
        self.officers = [Key(f"officer {n}") for n in (1, 2, 3)]
        self.second_phone = Key("officer 1, second phone")
        self.auditor, self.stranger = Key("auditor"), Key("stranger")
        self.box = VirtualBox(home, bays=2, **settings)
        self.version = 0
        self.entries: dict[int, bytes] = {}
        self._refusals_seen: dict[tuple[bytes, int], int] = {}  # by the kid and type they name
        self.received: "queue.Queue[tuple[str, bytes]]" = queue.Queue()
        self.kid = b""
        self.public_key = b""
        self.roster_fields: Fields = {}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="stage")
        self._client.on_message = lambda _c, _u, message: self.received.put((message.topic, bytes(message.payload)))

    def connect(self) -> None:
        """Listen at the broker, and start the virtual box without power."""
        self._client.connect(self.broker.host, self.broker.port)
        self._client.loop_start()
        self._client.subscribe(topics.PREFIX + topics.hexed(self.site) + "/box/+/out", 1)
        self.box.start()

    def __enter__(self) -> Self:
        self.connect()
        self.box.power_on()
        self.box.wait_display("not set up")
        self.provision()
        self.wait_message(messages.CHECKPOINT)
        self.send_roster()
        return self

    def __exit__(self, *_: object) -> None:
        self.box.stop()
        self._client.disconnect()
        self._client.loop_stop()

    # Setting up

    def provision(self, *, look: Callable[[], None] = lambda: None, **more: Any) -> None:
        """Tell the box its site over USB, with the button held; `more` are further fields, `look` is called before the
        button is let go."""
        fields = {"site": self.site, "authority": [self.authority.public_key], "threshold": 1}
        fields |= {"broker": self.broker.host, "port": self.broker.port, **more}
        self.box.hold_button()
        answer = self.console(messages.build_item(messages.PROVISION, fields))
        look()
        self.box.release_button()
        assert "refused" not in answer, errors.name_of(answer["refused"])
        self.public_key = answer["public"]
        self.kid = hashlib.sha256(self.public_key).digest()[:16]

    def console(self, body: bytes) -> Fields:
        """Send a frame on the box's USB line, again and again as everybody does on a line that may lose it; the
        answer."""
        with serial.Serial(self.box.console_path, timeout=0.2) as line:
            reader = frames.Reader()
            deadline = time.monotonic() + WAIT
            again = 0.0
            while time.monotonic() < deadline:
                if time.monotonic() >= again:
                    line.write(frames.encode(body))
                    again = time.monotonic() + REPEAT
                for found in reader.feed(line.read(512)):
                    number, fields = messages.read_item(bytes(found))
                    assert number == messages.HELLO
                    return fields
        raise AssertionError("no answer on the console:\n" + self.box.firmware_log())

    def roster(self, **changes: Any) -> Fields:
        """The site's roster, at the next version unless said otherwise."""
        people = [
            person(1, "王芳", (messages.KEEPER,), self.keeper, self.spare),
            person(2, "李强", (messages.OFFICER, messages.SECRETARY), self.officers[0], self.second_phone),
            person(3, "张敏", (messages.OFFICER, messages.DIRECTOR), self.officers[1]),
            person(4, "陈静", (messages.OFFICER, messages.DIRECTOR), self.officers[2]),
            person(5, "赵磊", (messages.AUDITOR,), self.auditor),
        ]
        fields: Fields = {
            "version": self.version + 1,
            "issued": int(time.time()),
            "authority": [self.authority.public_key],
            "threshold": 1,
            "people": people,
            "hosts": [self.host.public_key],
            "boxes": [
                {
                    "public": self.public_key,
                    "bays": [
                        {"number": PARTY, "seal": "党支部", "rules": 1 << 1},
                        {"number": COMMITTEE, "seal": "居委会", "rules": 1 << 2},
                    ],
                }
            ],
            "rules": [rule(1, (201, 202), 3), rule(2, (MATTER, 102), 2)],
            "matters": bytes(32),
            "releases": [],
        }
        return {**fields, **changes}

    def send_roster(self, signer: Key | None = None, **changes: Any) -> None:
        """Sign and send a roster, and wait until the box holds it."""
        fields = self.roster(**changes)
        self.send((signer or self.authority).build(messages.ROSTER, fields, self.site))
        self.wait_entry(chain.ROSTER, lambda entry: bool(entry["version"] == fields["version"]))
        self.version = fields["version"]
        self.roster_fields = fields

    # Talking to the box

    def send(self, raw: bytes, sender: Key | None = None, retain: bool = False) -> None:
        """Publish bytes to the box."""
        topic = topics.box_in(self.site, self.kid, (sender or self.host).kid)
        self._client.publish(topic, raw, 1, retain).wait_for_publish(WAIT)

    def ask(self, bay: int = COMMITTEE, sender: Key | None = None) -> Message:
        """The bay's live challenge."""
        self.send(messages.build_item(messages.ASK, {"bay": bay}), sender)
        return self.wait_message(messages.CHALLENGE, lambda challenge: bool(challenge["bay"] == bay))

    def anchor(self) -> Fields:
        """Anchor fields for a request: the end of the log as last seen."""
        seq = max(self.entries)
        return {"anchor_seq": seq, "anchor_head": self.heads()[seq]}

    def heads(self) -> list[bytes]:
        """The chain's heads; index is seq."""
        heads = [chain.genesis(self.site)]
        for seq in range(1, max(self.entries) + 1):
            heads.append(chain.next_head(heads[-1], self.entries[seq]))
        return heads

    def now(self) -> int:
        """The box's time."""
        return self.box.clock() or 0

    def request(self, signer: Key | None = None, **changes: Any) -> Message:
        """A request for two impressions of the committee's seal."""
        now = self.now()
        fields: Fields = {
            "box": self.kid,
            "bay": COMMITTEE,
            "impressions": 2,
            "matter": MATTER,
            "rule": messages.rule_digest(self.roster_fields["rules"][1]),
            "details": bytes(32),
            "created": now,
            "expires": now + 3600,
            "attended": now + 1800,
            "roster": self.version,
        }
        if "anchor_seq" not in changes:
            fields |= self.anchor()
        raw = (signer or self.keeper).build(messages.REQUEST, {**fields, **changes}, self.site)
        return messages.read(raw, self.site)

    def decision(
        self, request: Message, officer: Key | int = 0, verdict: int = messages.APPROVE, **changes: Any
    ) -> bytes:
        """An officer's decision on a request."""
        key = self.officers[officer] if isinstance(officer, int) else officer
        fields = {"request": request.reference, "verdict": verdict, "reason": 0, "decided": self.now()}
        return key.build(messages.DECISION, {**fields, "roster": self.version, **changes}, self.site)

    def approvals(self, request: Message) -> list[bytes]:
        """Two officers' approvals: enough for the committee's seal."""
        return [self.decision(request, 0), self.decision(request, 1)]

    def approvals_at(self, request: Message, decided: int) -> list[bytes]:
        """The same, decided at a given time."""
        return [self.decision(request, officer, decided=decided) for officer in (0, 1)]

    def ready(self, request: Message, nonce: bytes, signer: Key | None = None) -> bytes:
        """The keeper's `ready`."""
        fields = {"request": request.reference, "nonce": nonce}
        return (signer or self.keeper).build(messages.READY, fields, self.site)

    def finish(self, request: Message, signer: Key | None = None) -> bytes:
        """The keeper's `finish`."""
        fields = {"request": request.reference, "reason": 1}
        return (signer or self.keeper).build(messages.FINISH, fields, self.site)

    def grant(
        self,
        request: Message,
        decisions: Iterable[bytes],
        nonce: bytes | None = None,
        ready: bytes | None = None,
        substitutes: Iterable[bytes] = (),
        signer: Key | None = None,
        site: bytes | None = None,
    ) -> Message:
        """A grant signed with the host's real key."""
        fields = {
            "nonce": self.ask(request["bay"])["nonce"] if nonce is None else nonce,
            "request": request.raw,
            "decisions": list(decisions),
            "substitutes": list(substitutes),
            "ready": ready,
        }
        raw = (signer or self.host).build(messages.GRANT, fields, site or self.site)
        return messages.read(raw, site or self.site)

    # Listening to the box

    def take(self, timeout: float) -> list[Message]:
        """The next thing the box said: entries are kept, messages checked and returned; acks are sent as a host
        would."""
        try:
            _, payload = self.received.get(timeout=timeout)
        except queue.Empty:
            return []
        if messages.is_item(payload):
            number, fields = messages.read_item(payload)
            assert number == messages.ENTRIES
            for seq, raw in enumerate(fields["entries"], fields["first"]):
                assert self.entries.setdefault(seq, raw) == raw, "the box changed an entry it had sent"
            return []
        message = messages.read(payload, self.site, (messages.CHALLENGE, messages.CHECKPOINT))
        message.check(self.public_key, verify)
        if message.number == messages.CHECKPOINT:
            self._answer(message)
        return [message]

    def _answer(self, checkpoint: Message) -> None:
        """Ack what is proven: all up to the checkpoint, or what we have without a gap."""
        seq = 0
        while seq + 1 in self.entries and seq < checkpoint["seq"]:
            seq += 1
        head = self.heads()[seq] if seq else chain.genesis(self.site)
        if seq == checkpoint["seq"]:
            assert head == checkpoint["head"], "the entries are not those that the box signed"
        self.send(self.host.build(messages.ACK, {"box": self.kid, "seq": seq, "head": head}, self.site))

    def wait_message(self, number: int, wanted: Callable[[Message], bool] = lambda _: True) -> Message:
        """The next message of a type."""
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            for message in self.take(0.2):
                if message.number == number and wanted(message):
                    return message
        raise AssertionError(f"no {messages.names()[number]} came:\n{self.box.firmware_log()}")

    def log(self, kind: int | None = None) -> list[chain.Entry]:
        """The entries that came so far, of one kind or all."""
        read = [chain.read_entry(self.entries[seq]) for seq in sorted(self.entries)]
        return [entry for entry in read if kind in (None, entry.kind)]

    def wait_entry(
        self, kind: int, wanted: Callable[[chain.Entry], bool] = lambda _: True, count: int = 1
    ) -> chain.Entry:
        """The count-th entry of a kind that is wanted, whenever it came."""
        deadline = time.monotonic() + WAIT
        while True:
            found = [entry for entry in self.log(kind) if wanted(entry)]
            if len(found) >= count:
                return found[count - 1]
            if time.monotonic() > deadline:
                shown = [f"{entry.name} {entry.fields}" for entry in self.log()]
                text = "\n".join([f"no {chain.names()[kind]} entry came", *shown, self.box.firmware_log()])
                raise AssertionError(text)
            self.take(0.2)

    def refused(self, message: Message) -> str:
        """The name under which the box refused a message, which it names only if its own signature holds."""
        of = (message.kid, message.number)
        count = self._refusals_seen[of] = self._refusals_seen.get(of, 0) + 1
        entry = self.wait_entry(chain.REFUSED, lambda entry: (entry.get("kid"), entry.get("type")) == of, count)
        assert entry.get("message") in (None, message.reference)
        return errors.name_of(entry["reason"])

    def wait_printed(self, text: str) -> None:
        """Wait until the firmware has printed a text."""
        deadline = time.monotonic() + WAIT
        while text not in self.box.firmware_log():
            assert time.monotonic() < deadline, f"{text!r} was not printed:\n{self.box.firmware_log()}"
            self.take(0.02)

    def open(self, request: Message | None = None, **changes: Any) -> Message:
        """Open the committee's bay the proper way; the request."""
        request = request or self.request(**changes)
        self.send(self.grant(request, self.approvals(request)).raw)
        self.wait_entry(chain.INTENT, lambda entry: bool(entry["request"] == request.reference))
        self.box.wait_shutter(request["bay"], "open", WAIT)
        return request

    def next_hour(self) -> None:
        """Skip an hour, so that the box logs refusals again."""
        self.box.advance(3601)
