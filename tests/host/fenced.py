"""A real Mosquitto with a fence around it, and clients that tell what the broker delivered to them."""

from __future__ import annotations

import getpass
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from sealhost.fence import x509 as build
from sealhost.fence.acl import Place
from sealhost.fence.broker import BrokerFiles, Choices
from sealhost.fence.ca import CertificateAuthority, Credentials
from sealhost.links.tls import client_context

from tests.brokers import FencedMosquitto, free_port

WAIT_S = 30.0
SITE, OTHER_SITE = bytes(16), b"\x11" * 16
HOST, BOX, SECOND_BOX = b"\x01" * 16, b"\x02" * 16, b"\x05" * 16
KEEPER, OFFICER, LEAVING = b"\x03" * 16, b"\x04" * 16, b"\x06" * 16
FAR_HOST, FAR_BOX, FAR_KEEPER = b"\x21" * 16, b"\x22" * 16, b"\x23" * 16
AUTHORITY = b"\x07" * 16
OBSERVER = "observer"

PLACES = [
    Place(SITE, frozenset([HOST]), frozenset([BOX, SECOND_BOX]), frozenset([KEEPER, OFFICER, LEAVING, AUTHORITY])),
    Place(OTHER_SITE, frozenset([FAR_HOST]), frozenset([FAR_BOX]), frozenset([FAR_KEEPER, AUTHORITY])),
]


class Client:
    """A client that remembers all that the broker delivered. Everything waits for the broker's answer."""

    def __init__(self, fence: Fence, port: int, name: str, context: ssl.SSLContext | None, login: Any = None) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.closed: list[str] = []
        self.refused = ""
        self._news = threading.Condition()
        self._answered: set[int] = set()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=name, clean_session=False, reconnect_on_failure=False
        )
        if login is not None:
            self._client.username_pw_set(*login)
        if context is not None:
            self._client.tls_set_context(context)
        self._client.on_connect = self._on_connect
        self._client.on_message = lambda client, data, mail: self._note(self.heard, (mail.topic, mail.payload))
        self._client.on_disconnect = lambda client, data, flags, reason, p: self._note(self.closed, str(reason))
        self._client.on_subscribe = lambda client, data, mid, reasons, p: self._note(self._answered, mid)
        self._client.on_publish = lambda client, data, mid, reason, p: self._note(self._answered, mid)
        self._connected = False
        self._fence = fence
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._wait(lambda: self._connected or bool(self.closed), "the broker's answer")

    @property
    def connected(self) -> bool:
        """Whether the broker took it and has not ended it since."""
        return self._connected and not self.closed

    def _on_connect(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._news:
            self._connected = not reason.is_failure
            self.refused = str(reason) if reason.is_failure else ""
            self._news.notify_all()

    def _note(self, kept: Any, item: Any) -> None:
        with self._news:
            kept.add(item) if isinstance(kept, set) else kept.append(item)
            self._news.notify_all()

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        with self._news:
            assert self._news.wait_for(condition, WAIT_S), f"waited in vain for {what}"

    def _wait_answer(self, packet: int | None, name: str) -> None:
        self._wait(lambda: packet in self._answered or bool(self.closed), name)

    def subscribe(self, *filters: str) -> None:
        """Subscribe; returns when the broker has answered."""
        for one in filters:
            mid = self._client.subscribe(one, 1)[1]
            self._wait_answer(mid, "SUBACK")

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Publish with QoS 1; returns when the broker has answered, whatever that is worth."""
        self._wait_answer(self._client.publish(topic, payload, 1, retain).mid, "PUBACK")

    def wait_heard(self, topic: str, payload: bytes) -> None:
        """Until this was delivered."""
        self._wait(lambda: (topic, payload) in self.heard, f"{payload!r} on {topic}")

    def wait_closed(self) -> None:
        """Until the broker has ended the connection."""
        self._wait(lambda: bool(self.closed), "the end of the connection")

    def stop(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


class Fence:
    """Home, CA, broker's folder and Mosquitto. The observer may do everything, and sees what is there."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.ca = CertificateAuthority.create(self.home / "ca", "test")
        self.people_port, self.devices_port, self.loopback = free_port(), free_port(), free_port()
        chosen = Choices(
            ("127.0.0.1", "localhost"),
            f"127.0.0.1:{self.people_port}",
            f"127.0.0.1:{self.devices_port}",
            self.loopback,
            getpass.getuser(),
        )
        self.files = BrokerFiles(self.home / "mosquitto", self.home, chosen)
        self.places = list(PLACES)
        self.files.set_up(self.places)
        self.observe()
        self.broker = FencedMosquitto(self.files.folder)
        self._clients: list[Client] = []
        self._marks = 0
        self._issued: dict[bytes, Credentials] = {}

    def observe(self) -> None:
        """Let the observer in: written to the end of the files, which sealhost writes anew with each roster."""
        append_observer(self.files)

    def refresh(self, **changes: Any) -> None:
        """Another roster at the first site; Mosquitto reads it."""
        self.places[0] = replace(self.places[0], **changes)
        self.files.refresh(self.places)
        self.observe()
        self.reload()

    def reload(self) -> None:
        """Have Mosquitto read its files; returns when it has begun to: it does nothing else before it is done."""
        before = self.reloads()
        assert self.files.reload()
        end = time.monotonic() + WAIT_S
        while self.reloads() == before:
            assert time.monotonic() < end, "no reload"
            time.sleep(0.01)

    def reloads(self) -> int:
        """How often it did so far."""
        return self.broker.log.read_text(encoding="utf-8").count("Reloading config.")

    def credentials(self, kid: bytes) -> Credentials:
        """A client's, issued once."""
        if kid not in self._issued:
            self._issued[kid] = self.ca.issue_box(kid) if kid in (BOX, SECOND_BOX, FAR_BOX) else self.ca.issue_host(kid)
        return self._issued[kid]

    def context(self, kid: bytes | None = None, credentials: Credentials | None = None) -> ssl.SSLContext:
        """TLS for a client; with a certificate when a kid is given."""
        given = credentials or (None if kid is None else self.credentials(kid))
        if given is None:
            return client_context(self.ca.set_file)
        path = self.home / f"{given.issued.serial}.pem"
        key = given.key or self.credentials(bytes.fromhex(given.issued.name)).key
        assert key is not None
        path.write_bytes(build.pem(given.certificate) + build.key_pem(key))
        return client_context(self.ca.set_file, path)

    def device(self, kid: bytes, credentials: Credentials | None = None) -> Client:
        """A box or host."""
        return self._keep(Client(self, self.devices_port, f"seal-{kid.hex()}", self.context(kid, credentials)))

    def person(self, kid: bytes | str, name: str = "", password: str | None = None) -> Client:
        """Somebody with a password."""
        user = kid if isinstance(kid, str) else kid.hex()
        word = self.files.passwords.of(user) if password is None else password
        context = self.context()
        return self._keep(Client(self, self.people_port, name or f"seal-{user}", context, (user, word)))

    def observer(self) -> Client:
        """Who hears and may publish everything."""
        self._marks += 1
        return self.person(OBSERVER, f"seal-observer-{self._marks}")

    def _keep(self, client: Client) -> Client:
        self._clients.append(client)
        return client

    def delivered(self, client: Client, topic: str) -> list[tuple[str, bytes]]:
        """All that a client heard up to now: a mark on a topic that it may hear follows what went before, in order."""
        self._marks += 1
        mark = b"mark %d" % self._marks
        self.observer().publish(topic, mark)
        client.wait_heard(topic, mark)
        return [(where, what) for where, what in client.heard if not what.startswith(b"mark ")]

    def close(self) -> None:
        """End everything."""
        for client in self._clients:
            client.stop()
        self.broker.stop()


def append_observer(files: BrokerFiles) -> None:
    """Give one more user the whole tree: for ears that tests need."""
    with (files.folder / "acl").open("a", encoding="utf-8") as acl:
        acl.write(f"\nuser {OBSERVER}\ntopic readwrite #\n")
    with (files.folder / "passwords").open("a", encoding="utf-8") as passwords:
        passwords.write(files.passwords.line(OBSERVER) + "\n")
