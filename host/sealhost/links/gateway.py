"""The gateway: boxes on serial lines, each brought to a broker as if it were connected there itself.

Guarantees: one connection for each box, which has the box's own last will; a box is told that its messages are carried
only while the broker is there, so that it keeps them otherwise; boxes come and go without a word to anybody else.
Leaves to others: everything that messages mean; a broker with access lists has to let the gateway in for each box.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable

from sealwire import topics

from sealhost.links import LinkError, Message
from sealhost.links.address import BrokerAddress
from sealhost.links.carried import away, may_reach, published
from sealhost.links.mqtt import MqttLink
from sealhost.links.ports import SerialLines, find_ports
from sealhost.links.serial import SerialBox

_log = logging.getLogger(__name__)

FAREWELL_S = 2.0
"""How long the end of a box waits for the broker to hear that it is away; after that, the last will says it."""


class _Carried:
    """A box and its connection."""

    def __init__(self, box: SerialBox, address: BrokerAddress, tls: ssl.SSLContext | None) -> None:
        self.box = box
        topic, said, _ = away(box)
        self.link = MqttLink(address, f"sealgate-{box.kid.hex()}", tls=tls, will=(topic, said))
        self.link.subscribe(topics.box_in_filter(box.site, box.kid), self._down)
        self.link.on_connected(box.nudge)

    def up(self, payload: bytes) -> None:
        """What the box said."""
        for topic, said, retain in published(self.box, payload):
            try:
                self.link.publish(topic, said, retain=retain)
            except LinkError as error:
                _log.warning("%s: not passed on, the box will repeat it: %s", self.box.name, error)

    def _down(self, message: Message) -> None:
        if not may_reach(message.payload):
            _log.warning("kept from %s: nothing that a box takes from a broker", self.box.name)
            return
        try:
            self.box.send(message.payload)
        except LinkError as error:
            _log.warning("not sent to %s, its sender will repeat it: %s", self.box.name, error)

    def end(self) -> None:
        """Say that the box is away, and leave."""
        topic, said, retain = away(self.box)
        if self.link.connected:
            self.link.publish(topic, said, retain=retain).wait(FAREWELL_S)
        self.link.stop()


class Gateway:
    """All boxes on the lines that `spec` names, of whatever site. Call `start`, wait, `stop`."""

    def __init__(
        self,
        address: BrokerAddress,
        spec: str,
        tls: ssl.SSLContext | None = None,
        find: Callable[[], set[str]] = find_ports,
    ) -> None:
        self._address = address
        self._tls = tls
        self._lines = SerialLines(spec, self, find)
        self._lock = threading.Lock()
        self._carried: dict[bytes, _Carried] = {}

    def start(self) -> None:
        """Begin."""
        self._lines.start()

    def stop(self) -> None:
        """Let all boxes go."""
        self._lines.stop()

    # --- the lines' listener ---

    def wants(self, site: bytes) -> bool:
        """A gateway carries for every site; the broker says who may."""
        return True

    def on_box(self, box: SerialBox) -> bool:
        """A box is there: connect for it."""
        with self._lock:
            if box.kid in self._carried:
                return False
            carried = self._carried[box.kid] = _Carried(box, self._address, self._tls)
        carried.link.start()
        return True

    def carries(self, box: SerialBox) -> bool:
        """Whether the broker is there."""
        carried = self._carried.get(box.kid)
        return carried is not None and carried.link.connected

    def on_message(self, box: SerialBox, payload: bytes) -> None:
        """Publish what the box said."""
        carried = self._carried.get(box.kid)
        if carried is not None:
            carried.up(payload)

    def on_gone(self, box: SerialBox) -> None:
        """A box is no longer there."""
        with self._lock:
            carried = self._carried.pop(box.kid, None)
        if carried is not None:
            carried.end()
