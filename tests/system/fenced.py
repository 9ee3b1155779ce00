"""The outer fence around a whole site: a Mosquitto as `sealhost broker config` makes it, and people who sign in to it.

Its one addition is an observer, who may hear and publish everything: for the test's ear, and for what somebody does who
got through the fence. The observer is added again whenever the host has written the files anew.
"""

import threading
from typing import Any

from sealhost.demo_fence import OBSERVER, DemoFence
from sealhost.links import Delivery
from sealhost.links.address import BrokerAddress
from sealhost.links.mqtt import MqttLink
from sealhost.links.tls import client_context
from sealwire import topics

from tests.host.daemon import WAIT_S, Everybody
from tests.host.village import People


class SiteFence(DemoFence):
    """Takes a broker's place: `begin` writes the files for a host's home and starts Mosquitto."""

    def person(self, user: str) -> MqttLink:
        """A link by password over TLS, not started yet."""
        address = BrokerAddress(self.host, self.people_port, user, self.password(user), tls=True)
        tls = client_context(self.ca_file)
        return MqttLink(address, f"sealtest-{user}", tls=tls, persistent=False, max_payload_bytes=100_000)


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
