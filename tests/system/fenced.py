"""The outer fence around a whole site: a Mosquitto as `sealhost broker config` makes it, and people who sign in to it.

Its one addition is an observer, who may hear and publish everything: for the test's ear, and for what somebody does who
got through the fence. The observer is added again whenever the host has written the files anew.
"""

import getpass
import threading
from pathlib import Path
from typing import Any

from sealhost import demo_stage
from sealhost.fence.passwords import Passwords
from sealhost.links import Delivery
from sealhost.links.address import BrokerAddress
from sealhost.links.mqtt import MqttLink
from sealhost.links.tls import client_context
from sealwire import topics

from tests.brokers import FencedMosquitto, free_port
from tests.host.daemon import WAIT_S, Everybody
from tests.host.village import People

OBSERVER = "observer"

_RELOAD = """\
#!/bin/sh
cd {folder}
cat observer.acl >>acl
cat observer.passwords >>passwords
kill -HUP $(cat mosquitto.pid)
"""


class SiteFence:
    """Takes a broker's place: `begin` writes the files for a host's home and starts Mosquitto."""

    def __init__(self) -> None:
        self.host = "127.0.0.1"
        self.people_port, self.devices_port, self.port = free_port(), free_port(), free_port()
        self.home = Path()
        self._mosquitto: FencedMosquitto | None = None

    def begin(self, home: Path) -> str:
        """Write and start everything; the URL of the observer, without TLS."""
        self.home = home
        folder = home / "mosquitto"
        demo_stage.sealhost("ca", "create", "--home", home)
        demo_stage.sealhost(
            *("broker", "config", "--home", home, "--out", folder, "--host", self.host, "--loopback", self.port),
            *("--listen", f"{self.host}:{self.people_port}", "--devices", f"{self.host}:{self.devices_port}"),
            *("--user", getpass.getuser()),
        )
        self._add_observer(folder)
        self._mosquitto = FencedMosquitto(folder).start()
        return f"mqtt://{OBSERVER}:{self.password(OBSERVER)}@{self.host}:{self.port}"

    def _add_observer(self, folder: Path) -> None:
        passwords = Passwords.open(self.home / "broker.secret")
        (folder / "observer.acl").write_text(f"\nuser {OBSERVER}\ntopic readwrite #\n", encoding="utf-8")
        (folder / "observer.passwords").write_text(passwords.line(OBSERVER) + "\n", encoding="utf-8")
        script = folder / "reload.sh"
        script.write_text(_RELOAD.format(folder=folder), encoding="utf-8")
        script.chmod(0o700)
        with (self.home / "sealhost.toml").open("a", encoding="utf-8") as settings:
            settings.write(f'broker_reload = "{script}"\n')
        for name in ("acl", "passwords"):
            with (folder / name).open("a", encoding="utf-8") as file:
                file.write((folder / f"observer.{name}").read_text(encoding="utf-8"))

    def password(self, user: str) -> str:
        """As the host gives it out."""
        return Passwords.open(self.home / "broker.secret").of(user)

    def devices_url(self, port: int | None = None) -> str:
        """Where boxes and hosts connect; through a relay's port if given."""
        return f"mqtts://{self.host}:{port or self.devices_port}"

    def box_credentials(self, kid: str) -> Path:
        """A new file with a box's key and certificate."""
        path = self.home / f"{kid}.pem"
        demo_stage.sealhost("ca", "issue", "box", kid, "--home", self.home, "--out", path)
        return path

    def person(self, user: str) -> MqttLink:
        """A link by password over TLS, not started yet."""
        address = BrokerAddress(self.host, self.people_port, user, self.password(user), tls=True)
        tls = client_context(self.home / "ca" / "ca.pem")
        return MqttLink(address, f"sealtest-{user}", tls=tls, persistent=False, max_payload_bytes=100_000)

    def start(self) -> object:
        """Start Mosquitto again; what it kept is there."""
        assert self._mosquitto is not None
        return self._mosquitto.start()

    def stop(self) -> None:
        """End Mosquitto at once."""
        if self._mosquitto is not None:
            self._mosquitto.stop()


class FencedEverybody(Everybody):
    """Each person's sender on a connection of its own, signed in as that key; the observer says the rest."""

    def __init__(self, people: People, fence: SiteFence) -> None:
        self.people = people
        self._receipts: dict[bytes, str] = {}
        self._heard = threading.Condition()
        self._link: Any = _Links(fence, self)


class _Links:
    """Looks like one link to `Everybody`."""

    def __init__(self, fence: SiteFence, everybody: FencedEverybody) -> None:
        self._fence = fence
        self._everybody = everybody
        self._links: dict[str, MqttLink] = {}
        self._lock = threading.Lock()

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> Delivery:
        """By whom the topic names as its sender, if the broker knows them."""
        place = topics.parse(topic)
        sender = place[3] if place is not None and place[0] in ("host_in", "box_in") else None
        user = OBSERVER if sender is None or not self._is_listed(sender) else sender.hex()
        return self._of(user).publish(topic, payload, retain=retain)

    def _is_listed(self, kid: bytes) -> bool:
        passwords = (self._fence.home / "mosquitto" / "passwords").read_text(encoding="utf-8")
        return f"{kid.hex()}:" in passwords

    def _of(self, user: str) -> MqttLink:
        with self._lock:
            if user not in self._links:
                link = self._fence.person(user)
                root = f"{topics.PREFIX}+/inbox/"
                link.subscribe(root + ("+" if user == OBSERVER else user), self._everybody._on_mail)
                link.start()
                self._links[user] = link
                assert link.wait_connected(WAIT_S), link.trouble
            return self._links[user]

    def stop(self) -> None:
        """End all."""
        for link in self._links.values():
            link.stop()
