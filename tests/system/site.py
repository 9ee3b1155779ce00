"""A whole site: a broker, a real `sealhost run`, real firmware in a virtual box, and everybody's keys.

Guarantees: what tests wait for is an event on the broker, on the box or in the host's log, never a length of time; all
processes have ended when `Site.close` returns. The people speak to the host as their apps do: each message again until
its receipt comes.
"""

import hashlib
import json
import queue
import re
import secrets
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sealhost import demo_stage
from sealhost.cli import app
from sealhost.links.address import BrokerAddress
from sealhost.links.mqtt import MqttLink
from sealhost.signing import keys
from sealhost.store import sites
from sealhost.store.database import Database
from sealwire import chain, cose, messages, topics
from sealwire.errors import SealwireError
from sealwire.messages import Message
from typer.testing import CliRunner

from hardware.sim import VirtualBox
from tests.brokers import Broker
from tests.host.daemon import Everybody, HostProcess, eventually
from tests.host.village import People
from tests.system.fenced import FencedEverybody, SiteFence

WAIT_S = 30.0  # before a wait gives up; never a pass mark
BAY = 1
Fields = dict[str, Any]


class Ear(demo_stage.Wire):
    """Hears everything on the broker."""

    def heard(self, number: int, fits: Callable[[Message], bool] = lambda _: True) -> list[Message]:
        """All messages of a type that fit, as heard so far."""
        with self._news:
            payloads = [heard.payload for heard in self._heard]
        found = [self._read(payload) for payload in payloads if payload[:1] == b"\xd2"]
        return [one for one in found if one is not None and one.number == number and fits(one)]

    def log(self) -> dict[int, chain.Entry]:
        """All log entries heard so far, by their places."""
        with self._news:
            payloads = [heard.payload for heard in self._heard]
        return {seq: chain.read_entry(raw) for payload in payloads for seq, raw in demo_stage.entries_of(payload)}

    def last(self, topic: str, fits: Callable[[bytes], bool]) -> bytes:
        """Wait for something that fits on a topic; the last that was heard there."""
        self.wait(lambda heard: True if heard.topic == topic and fits(heard.payload) else None, topic)
        return self.on(topic)[-1]

    def on(self, topic: str) -> list[bytes]:
        """All that was heard on a topic so far."""
        with self._news:
            return [heard.payload for heard in self._heard if heard.topic == topic]

    def nth(self, kind: int, count: int, fits: Callable[[chain.Entry], bool]) -> tuple[int, chain.Entry]:
        """The count-th log entry of a kind that fits, with its place in the log."""
        seen: set[int] = set()

        def wanted(heard: demo_stage.Heard) -> tuple[int, chain.Entry] | None:
            for seq, raw in demo_stage.entries_of(heard.payload):
                entry = chain.read_entry(raw)
                if entry.kind == kind and fits(entry):
                    seen.add(seq)
                    if len(seen) == count:
                        return seq, entry
            return None

        return self.wait(wanted, f"log entry {chain.names()[kind]} number {count}")


class PublishedBox:
    """What people know of the box: its key, and the last point of its log that it signed."""

    def __init__(self, ear: Ear, public_key: bytes) -> None:
        self.signer = self
        self.public_key = public_key
        self.kid = cose.key_id(public_key)
        self._ear = ear

    def _signed(self, message: Message) -> bool:
        try:
            message.check(self.public_key, keys.verify)
        except SealwireError:
            return False
        return True

    @property
    def checkpoint(self) -> Message:
        """The last checkpoint."""
        found = self._ear.heard(messages.CHECKPOINT, self._signed)
        return max(found, key=lambda one: (int(one["boot"]), int(one["seq"])))

    @property
    def seq(self) -> int:
        """Where the log ends, by the last checkpoint."""
        return int(self.checkpoint["seq"])

    @property
    def head(self) -> bytes:
        """The chain's head there."""
        return bytes(self.checkpoint["head"])


class Site:
    """The whole. `broker` None: the host's embedded one, which ends with it; a SiteFence: Mosquitto with TLS.

    `through` and `box_through`: where host and box connect to, if not to the broker itself. `serial`: the box is
    plugged into the host's serial line once it is set up, perhaps by way of what this makes of its console's path; it
    knows no broker, unless `broker_too`.
    """

    def __init__(
        self,
        folder: Path,
        broker: Broker | SiteFence | None,
        image: tuple[Path, ...],
        through: str | None = None,
        box_through: str | None = None,
        serial: Callable[[str], str] | bool = False,
        broker_too: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.people = People()
        self.site = self.people.site
        self.people.keys |= {f"{name}, second device": key for name, key in self.people.spare.items()}
        self.people.keys["stranger"] = keys.generate()
        self.neighbour = _neighbour(self.people)
        self.box = VirtualBox(folder / "box", bays=2, modules=image)
        self.fence = broker if isinstance(broker, SiteFence) else None
        url = None if broker is None or self.fence else f"mqtt://{broker.host}:{broker.port}"
        self.host = HostProcess(folder / "host", self.people, through or url)
        self._box_through = box_through
        if self.fence is not None:
            url = self.fence.begin(self.host.home)
        self.socket = folder / "socket"
        self._wire: Callable[[str], str] | None = str if serial is True else serial or None
        self._broker_too = broker_too
        if serial:
            self.host.serial = str(self.socket)
        self._add_neighbour()
        self._closing: list[Callable[[], object]] = []
        self._made = 0
        self.version = 1
        try:
            self._begin(url)
        except BaseException:
            self.close()
            raise

    def _add_neighbour(self) -> None:
        """The host serves another site of the same authority too, with the same people."""
        database = Database(f"sqlite:///{self.host.home / 'sealbox.db'}")
        with database.write() as tx:
            keys_there = [self.neighbour.authority.public_key]
            sites.add(tx, self.neighbour.site, "邻村", keys_there, 1, self.neighbour.now)
        database.close()
        self.neighbour.host = self.people.host

    def _begin(self, url: str | None) -> None:
        self._closing.append(self.host.stop)
        self.host.start()
        self.url = url or str(self.host.info()["broker"])
        self.ear = Ear(self.url, self.site)
        self._closing.append(self.ear.close)
        address = BrokerAddress.parse(self.url)
        if self.fence is None:
            self.everybody = Everybody(self.people, address.host, address.port)
        else:
            self.everybody = FencedEverybody(self.people, self.fence)
        self._closing.append(self.everybody.stop)
        self._closing.append(self.box.stop)
        self.box.start()
        self.box.power_on()
        self._provision()
        assert self.tell("authority", self.people.matters_message()) == "accepted"
        assert self.tell("authority", self.people.roster()) == "accepted"
        seq, _ = self.ear.entry(chain.ROSTER)
        self.acked(seq)

    def _provision(self) -> None:
        """Over the console, with the command that anybody uses."""
        self.box.wait_display("not set up", WAIT_S)
        self.box.hold_button()
        found = demo_stage.sealhost(
            *("box", "provision", "--port", self.box.console_path, "--site", self.site.hex()),
            *("--authority", self.people.authority.public_key.hex(), *self._box_broker()),
        )
        self.box.release_button()
        if self._wire is not None:
            self.plug(self._wire(self.box.console_path))
        self.published = PublishedBox(self.ear, bytes.fromhex(found["public"]))
        box: Any = self.published
        self.people.box = box
        self.kid = bytes.fromhex(found["kid"])

    def plug(self, port: str) -> None:
        """Plug a serial line into the host's socket, in place of what was there."""
        self.socket.unlink(missing_ok=True)
        self.socket.symlink_to(port)

    def _box_broker(self) -> list[str]:
        """What the box is told of its broker."""
        if self._wire is not None and not self._broker_too:
            return []
        if self.fence is None:
            return ["--broker", self._box_through or self.url]
        port = None if self._box_through is None else BrokerAddress.parse(self._box_through).port
        return self.fence.box_words(self.box.console_path, port)

    def close(self) -> None:
        """End everything, in whatever state it is."""
        while self._closing:
            self._closing.pop()()

    # People

    def tell(self, who: str, raw: bytes) -> str:
        """Send somebody's message until its receipt comes; what that says."""
        return self.everybody.tell(who, raw)

    def request(self, who: str = "keeper", **changes: Any) -> Message:
        """A request for two impressions that nobody made before; not sent yet."""
        self._made += 1
        self.people.now = int(time.time())
        details = hashlib.sha256(b"details %d" % self._made).digest()
        return self.read(self.people.request(who, **{"details": details, "roster": self.version, **changes}))

    def decide(self, who: str, request: Message, verdict: int = messages.APPROVE, **changes: Any) -> bytes:
        """Somebody's decision; not sent yet."""
        self.people.now = int(time.time())
        return self.people.decide(who, request.raw, verdict, **{"roster": self.version, **changes})

    def ask_for(self, **changes: Any) -> Message:
        """A request that the host accepted."""
        request = self.request(**changes)
        assert self.tell("keeper", request.raw) == "accepted"
        return request

    def approve(self, request: Message, *officers: str) -> None:
        """Approvals that the host accepted, of two officers unless others are named."""
        for officer in officers or ("first", "second"):
            assert self.tell(officer, self.decide(officer, request)) == "accepted"

    def deny(self, who: str, request: Message) -> None:
        """A denial that the host accepted."""
        assert self.tell(who, self.decide(who, request, messages.DENY)) == "accepted"

    def substitute(self, who: str, person: int, **changes: Any) -> bytes:
        """Somebody names who stands in for them."""
        now = int(time.time())
        fields = {"person": person, "from": now - 60, "until": now + 86400, "roster": self.version}
        return self.people.sign(who, messages.SUBSTITUTE, **{**fields, **changes})

    def ready(self, request: Message, who: str = "keeper") -> str:
        """The keeper is at the box: asks it for its challenge and answers that; what the host's receipt says."""
        before = len(self._challenges(request))
        ask = messages.build_item(messages.ASK, {"bay": request["bay"]})
        self.publish(topics.box_in(self.site, self.kid, self.people.keys[who].kid), ask)
        eventually(lambda: len(self._challenges(request)) > before, "the challenge")
        nonce = self._challenges(request)[-1]["nonce"]
        return self.tell(who, self.people.sign(who, messages.READY, request=request.reference, nonce=nonce))

    def _challenges(self, request: Message) -> list[Message]:
        """The challenges of a request's bay, as heard so far."""
        return self.ear.heard(messages.CHALLENGE, lambda one: bool(one["bay"] == request["bay"]))

    def finish(self, request: Message, who: str = "keeper") -> str:
        """The keeper ends a request; what the receipt says."""
        return self.tell(who, self.people.sign(who, messages.FINISH, request=request.reference, reason=1))

    def report(self, request: Message, impressions: int) -> str:
        """The keeper declares; what the receipt says."""
        fields: Fields = {"request": request.reference, "impressions": impressions, "photographs": []}
        return self.tell("keeper", self.people.sign("keeper", messages.REPORT, **fields))

    def publish(self, topic: str, payload: bytes) -> None:
        """Anybody publishes anything."""
        self.everybody.publish(topic, payload)

    def retained(self, topic: str) -> bytes:
        """What the broker keeps on a topic for whoever comes later, once there is something."""
        address = BrokerAddress.parse(self.url)
        kept: queue.Queue[bytes] = queue.Queue()
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            link = MqttLink(address, f"seal-later-{secrets.token_hex(4)}", persistent=False)
            link.subscribe(topic, lambda mail: kept.put(mail.payload) if mail.retained else None, retained=True)
            link.start()
            try:
                return kept.get(timeout=1)
            except queue.Empty:
                continue
            finally:
                link.stop()
        raise AssertionError(f"nothing is retained on {topic}")

    def read(self, raw: bytes) -> Message:
        """A message of this site."""
        return messages.read(raw, self.site)

    def _of_host(self, message: Message) -> bool:
        return message.kid == self.people.host.kid

    def names(self, raw: bytes) -> tuple[bytes, bytes]:
        """How a receipt may name a message: by its reference, or by its bytes while nothing of it is proven."""
        return self.read(raw).reference, hashlib.sha256(raw).digest()

    def receipt(self, raw: bytes) -> str | None:
        """What the receipt says of bytes that were published, whatever they are."""
        return self.everybody.receipt_for(self.people, raw, WAIT_S)

    # The box

    def of(self, request: Message, **fields: Any) -> Callable[[chain.Entry], bool]:
        """Whether an entry speaks of a request, with these fields."""
        wanted = {"request": request.reference, **fields}
        return lambda entry: all(entry.get(name) == value for name, value in wanted.items())

    def wait_open(self, request: Message) -> None:
        """Until the shutter stands open for a request."""
        self.ear.entry(chain.INTENT, self.of(request))
        self.box.wait_shutter(request["bay"], "open", WAIT_S)

    def press(self, request: Message, count: int = 1) -> None:
        """Press the seal; the count-th press of this opening, once the box has counted it."""
        assert self.box.press(request["bay"]), "the seal cannot be pressed"
        self.ear.entry(chain.PRESS, self.of(request, count=count))

    def closed(self, request: Message, **fields: Any) -> chain.Entry:
        """The closing of a request, once the shutter is closed and the host has it for good."""
        seq, entry = self.ear.entry(chain.CLOSED, self.of(request, **fields))
        self.box.wait_shutter(request["bay"], "closed", WAIT_S)
        self.acked(seq)
        return entry

    def acked(self, seq: int) -> None:
        """Wait until the host has proven and stored the log up to there; what it says on a serial line nobody hears."""
        if self.host.serial is not None:
            eventually(lambda: self._stored() >= seq, f"the log stored to {seq}")
            return
        self.ear.message(messages.ACK, lambda ack: self._of_host(ack) and bool(ack["seq"] >= seq))

    def _stored(self) -> int:
        listed = ["box", "list", "--home", str(self.host.home), "--site", self.site.hex(), "--json"]
        done = CliRunner().invoke(app, listed, catch_exceptions=False)
        return int(json.loads(done.stdout)[0]["proven_seq"])

    def use(self, request: Message, impressions: int = 2) -> None:
        """From the open shutter to the last impression."""
        self.wait_open(request)
        for count in range(1, impressions + 1):
            self.press(request, count)
        assert self.closed(request)["cause"] == chain.LAST_IMPRESSION

    def use_unheard(self, request: Message, impressions: int = 2) -> None:
        """The same when a broker may lose what the box says: by what the box does and what the host then knows."""
        self.box.wait_shutter(request["bay"], "open", WAIT_S)
        for _ in range(impressions):
            assert self.box.press(request["bay"]), "the seal cannot be pressed"
        self.box.wait_shutter(request["bay"], "closed", WAIT_S)
        assert self.wait_state(request, "finished")["pressed"] == impressions

    def use_rest(self, request: Message, impressions: int, opening: int = 2) -> None:
        """From a later opening, counted from 1, to the last impression."""
        _, intent = self.ear.nth(chain.INTENT, opening, self.of(request))
        assert intent["spends"] == impressions
        self.box.wait_shutter(request["bay"], "open", WAIT_S)
        for _ in range(impressions):
            assert self.box.press(request["bay"]), "the seal cannot be pressed"
        seq, entry = self.ear.nth(chain.CLOSED, opening, self.of(request))
        assert (entry["pressed"], entry["cause"]) == (impressions, chain.LAST_IMPRESSION)
        self.acked(seq)

    def entries(self, kind: int, fits: Callable[[chain.Entry], bool] = lambda _: True) -> list[chain.Entry]:
        """The proven entries of a kind that fit, as the host's export has them."""
        return [entry for entry in self.proven_log() if entry.kind == kind and fits(entry)]

    def intents(self, request: Message) -> int:
        """How often the box's proven log says that it opened for a request."""
        return len(self.entries(chain.INTENT, self.of(request)))

    def published_log(self) -> dict[int, chain.Entry]:
        """The log as the box published it, by place; what somebody forged stands there too."""
        return self.ear.log()

    def proven_log(self) -> list[chain.Entry]:
        """The log that the host has proven and stored."""
        with zipfile.ZipFile(self.export()) as archive:
            raw = archive.read(f"boxes/{self.kid.hex()}/entries.cbor")
        from sealhost.audit.log import read_lines

        return [chain.read_entry(line.raw) for line in read_lines(raw)[0]]

    def reboot(self, last_write: Any = "keep") -> None:
        """Cut the power and give it back; until the host has the new boot for good. Refusals are logged afresh."""
        self.box.cut_power(last_write)
        self.power_on()

    def power_on(self) -> None:
        """Give the box its power back, until the host has the new boot for good."""
        boot = self.published.checkpoint["boot"] + 1
        self.box.power_on()
        seq, _ = self.ear.entry(chain.BOOT, lambda entry: bool(entry["boot"] == boot))
        self.acked(seq)

    # The host and the audit

    def refusals(self, **fields: str | int) -> list[str]:
        """The lines of the host's log for what it refused, with these fields."""
        return self.host_lines("refused", **fields)

    def host_lines(self, event: str, **fields: str | int) -> list[str]:
        """The structured lines of the host's log for an event, with these fields."""
        shown = [f"{name}={value!r}" for name, value in fields.items()]
        lines = [line for line in self.host.log().splitlines() if f"event={event!r}" in line]
        return [line for line in lines if all(re.search(rf"\b{re.escape(one)}(\s|$)", line) for one in shown)]

    def line(self, request: Message) -> Fields:
        """The request's line of the ledger."""
        (found,) = [one for one in self.ledger() if one["request"] == request.reference.hex()]
        return found

    def ledger(self) -> list[Fields]:
        """`sealhost ledger`."""
        done = CliRunner().invoke(
            app, ["ledger", "--home", str(self.host.home), "--site", self.site.hex(), "--json"], catch_exceptions=False
        )
        lines: list[Fields] = json.loads(done.stdout)
        return lines

    def wait_state(self, request: Message, state: str) -> Fields:
        """The request's line of the ledger, once it has this state and that is proven."""
        eventually(lambda: self._is(request, state), f"{state} of {messages.short_code(request.reference)}")
        return self.line(request)

    def _is(self, request: Message, state: str) -> bool:
        line = self.line(request)
        return line["state"] == state and bool(line["proven"])

    def export(self) -> Path:
        """`sealhost export`; the bundle."""
        bundle = self.folder / "bundle.zip"
        demo_stage.sealhost("export", "--home", self.host.home, "--site", self.site.hex(), "--out", bundle)
        return bundle

    def verified(self) -> Fields:
        """Export and `sealhost verify`: what it says of a bundle in which everything holds."""
        command = ["verify", str(self.export()), "--authority", self.people.authority.public_key.hex(), "--json"]
        done = CliRunner().invoke(app, command, catch_exceptions=False)
        found: Fields = json.loads(done.stdout)
        assert done.exit_code == 0, json.dumps(found["findings"], ensure_ascii=False, indent=1)
        return found

    def verified_line(self, request: Message) -> Fields:
        """The request's line of the verified ledger."""
        (found,) = [line for line in self.verified()["ledger"] if line["request"] == request.reference.hex()]
        return dict(found)

    def rest(self) -> None:
        """Bring the site to rest: no bay open, everything running. AssertionError when that cannot be had."""
        self.unharmed()
        self.box.press_button()
        for bay in (1, 2):
            self.box.wait_shutter(bay, "closed", WAIT_S)

    def unharmed(self) -> None:
        """Host and box run on without an error that nobody foresaw."""
        assert "Traceback" not in self.host.log()
        assert "gave up" not in self.host.log()
        assert "Traceback" not in self.box.firmware_log()
        assert self.box.state["vm"] == "running"


def _neighbour(people: People) -> People:
    """The same people in another village."""
    neighbour = People(bytes(range(16, 32)))
    neighbour.authority, neighbour.keys, neighbour.spare = people.authority, people.keys, people.spare
    return neighbour
