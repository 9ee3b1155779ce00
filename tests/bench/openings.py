"""From the last decision on its way to the shutter's end switch: whole sites, over each kind of link, with a time line.

A serial line is paced to what 115,200 baud carry, 11,520 bytes a second each way.
"""

from __future__ import annotations

import os
import pty
import select
import statistics
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sealhost.links.address import BrokerAddress
from sealhost.links.mqtt import MqttLink
from sealhost.signing import keys
from sealhost.store.database import Database
from sealwire import messages
from sealwire.errors import SealwireError
from sealwire.messages import Message
from sqlalchemy import text

from tests import vms
from tests.bench.figures import Figure, Found
from tests.brokers import make_broker
from tests.host.daemon import WAIT_S
from tests.system.fenced import SiteFence
from tests.system.site import Site

ROUNDS = 9
TRAVEL_MS = 150.0
"""How long the virtual shutter moves."""
LINE_BYTES_PER_S = 11_520
TARGET_MS = 300.0
STEPS = ("decision", "ask", "challenge", "grant", "drive", "open")
KINDS = {"rumqttd": "rumqttd", "tls": "Mosquitto with TLS", "serial": "serial at 115,200 baud"}


class PacedLine:
    """A pseudo-terminal before another, with a line's speed between them. Counts bytes, both ways together."""

    def __init__(self, port: str) -> None:
        self.carried = 0
        self._near, slave = pty.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self._slave = slave  # kept open, so that the master outlives a host that closes it
        self._far = os.open(port, os.O_RDWR | os.O_NOCTTY)
        self._over = threading.Event()
        ways = ((self._near, self._far), (self._far, self._near))
        self._threads = [threading.Thread(target=self._carry, args=way, daemon=True) for way in ways]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Unplug it."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        for number in (self._near, self._slave, self._far):
            os.close(number)

    def _carry(self, source: int, target: int) -> None:
        free_at = 0.0
        while not self._over.is_set():
            if not select.select([source], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(source, 64)
                free_at = max(free_at, time.monotonic()) + len(data) / LINE_BYTES_PER_S
                time.sleep(max(0.0, free_at - time.monotonic()))
                os.write(target, data)
            except OSError:
                return  # the box is gone
            self.carried += len(data)


class PacedSite(Site):
    """A site whose box is on a serial line of limited speed."""

    paced: PacedLine | None = None

    def plug(self, port: str) -> None:
        """Put the line in between."""
        if self.paced is not None:
            self.paced.close()
        self.paced = PacedLine(port)
        super().plug(self.paced.path)

    def close(self) -> None:
        """End everything."""
        super().close()
        if self.paced is not None:
            self.paced.close()


def measure(folder: Path) -> Found:
    """All kinds in turn, and the host's part beside its floor."""
    with ExitStack() as stack:
        sites = {kind: stack.enter_context(_site(folder / kind, kind)) for kind in KINDS}
        floor = stack.enter_context(_host_floor(folder, sites["rumqttd"].url))
        lines: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
        floors = []
        for _ in range(ROUNDS + 1):
            for kind, site in sites.items():
                lines[kind].append(_open_once(site))
            floors.append(floor())
    medians = {kind: _medians(seen[1:]) for kind, seen in lines.items()}  # the first opening is of people unknown
    figures = [_figure(kind, medians[kind]) for kind in KINDS]
    hosts = [(one["ask"] - one["decision"]) + (one["grant"] - one["challenge"]) for one in lines["rumqttd"][1:]]
    figures.append(
        Figure(
            "host: decision in to ask out, and challenge in to grant out", "ms", statistics.median(hosts),
            statistics.median(floors), "twice verify, commit, sign and one way through the broker",
        )
    )  # fmt: skip
    return Found(figures, _time_lines(medians))


def _figure(kind: str, median: dict[str, float]) -> Figure:
    floor, name = TRAVEL_MS, "the shutter's travel"
    if kind == "serial":
        floor += 1000 * median["bytes"] / LINE_BYTES_PER_S
        name += f" and {median['bytes']:.0f} bytes on the line"
    target = TARGET_MS if kind != "serial" else None
    return Figure(f"last decision to open shutter, {KINDS[kind]}", "ms", median["open"], floor, name, target)


@contextmanager
def _site(folder: Path, kind: str) -> Iterator[Site]:
    broker = SiteFence() if kind == "tls" else make_broker("rumqttd", folder / "broker")
    try:
        made = (PacedSite if kind == "serial" else Site)(folder, broker, vms.firmware_image(), serial=kind == "serial")
        try:
            yield made
        finally:
            made.close()
    finally:
        broker.stop()


def _open_once(site: Site) -> dict[str, float]:
    """One request's way; milliseconds since its last decision was published, and bytes on a serial line meanwhile."""
    line = site.paced if isinstance(site, PacedSite) else None
    request = site.ask_for(impressions=1)
    site.approve(request, "first")
    decision = site.decide("second", request)
    carried = 0 if line is None else line.carried
    began = time.monotonic()
    site.everybody.send("second", decision)
    site.box.wait_shutter(request["bay"], "open", WAIT_S)
    carried = 0 if line is None else line.carried - carried
    opened = site.box.opened_at(request["bay"])
    assert opened is not None
    site.use(request, 1)
    moments = {name: _heard_at(site, began, fits) for name, fits in _wanted(site, request).items()}
    found = {name: 1000 * (moment - began) for name, moment in moments.items() if moment is not None}
    found["open"] = 1000 * (opened - began)
    found["drive"] = found["open"] - TRAVEL_MS
    return {**found, "bytes": carried}


def _wanted(site: Site, request: Message) -> dict[str, Callable[[bytes], bool]]:
    def is_message(number: int, field: str, value: object) -> Callable[[bytes], bool]:
        def fits(payload: bytes) -> bool:
            try:
                message = site.read(payload)
            except SealwireError:
                return False
            return message.number == number and message[field] == value

        return fits

    return {
        "decision": is_message(messages.DECISION, "request", request.reference),
        "ask": lambda payload: payload == messages.build_item(messages.ASK, {"bay": request["bay"]}),
        "challenge": is_message(messages.CHALLENGE, "bay", request["bay"]),
        "grant": is_message(messages.GRANT, "request", request.raw),
    }


def _heard_at(site: Site, began: float, fits: Callable[[bytes], bool]) -> float | None:
    """When an observer at the broker heard the first fitting message since then; None of what went over a line."""
    with site.ear._news:
        heard_since = [heard for heard in site.ear._heard if heard.at >= began]
    return next((heard.at for heard in heard_since if fits(heard.payload)), None)


@contextmanager
def _host_floor(folder: Path, url: str) -> Iterator[Callable[[], float]]:
    """The least that the host's two turns cost: on the same broker, in a database of the same kind."""
    database = Database(f"sqlite:///{folder / 'floor.db'}")
    with database.write() as tx:
        tx.execute(text("CREATE TABLE one (payload BLOB)"))
    signer = keys.Signer(Ed25519PrivateKey.generate())
    data = os.urandom(300)
    signature = signer.sign(data)
    arrived = threading.Event()
    link = MqttLink(BrokerAddress.parse(url), "floor", persistent=False)
    link.subscribe("floor", lambda _: arrived.set())
    link.start()
    assert link.wait_connected(WAIT_S)

    def once() -> float:
        began = time.monotonic()
        for _ in range(2):
            assert keys.verify(signer.public_key, data, signature)
            with database.write() as tx:
                tx.execute(text("INSERT INTO one VALUES (:payload)"), {"payload": data})
            arrived.clear()
            link.publish("floor", data + signer.sign(data))
            assert arrived.wait(WAIT_S)
        return 1000 * (time.monotonic() - began)

    once()
    try:
        yield once
    finally:
        link.stop()
        database.close()


def _medians(seen: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(one[name] for one in seen if name in one) for name in seen[0]}


def _time_lines(medians: dict[str, dict[str, float]]) -> str:
    lines = [
        "## From the last decision to the open shutter",
        "Milliseconds since the decision was published, as an observer at the broker heard each message; medians. "
        "What goes over a serial line is not heard.",
        "| link | " + " | ".join(STEPS) + " |\n|---|" + "---|" * len(STEPS),
    ]
    rows = [
        f"| {KINDS[kind]} | " + " | ".join(f"{median[step]:.0f}" if step in median else "" for step in STEPS) + " |"
        for kind, median in medians.items()
    ]
    return "\n\n".join(lines) + "\n" + "\n".join(rows)
