"""The link of a host that has boxes on its own serial lines, and everybody else on a broker.

Guarantees: to services it is one link, with the broker's topics; a box on a line is spoken to by its line and nothing
else, broker or not; what it says comes to the handlers once, and to the broker's other clients as well; what those
publish to the box reaches its line. Leaves to others: loss on a line, as `serial` says.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from sealwire import topics

from sealhost.links import Delivery, Handler, LinkError, Message
from sealhost.links.carried import away, may_reach, published
from sealhost.links.mqtt import MqttLink
from sealhost.links.ports import SerialLines, find_ports
from sealhost.links.serial import SerialBox

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _FromLine(Message):
    """A message that came on a serial line, not from the broker."""


class SerialRoute:
    """A `Link` over `broker` and over the lines that `spec` names, for boxes of `sites`."""

    def __init__(
        self,
        broker: MqttLink,
        spec: str,
        sites: Collection[bytes],
        find: Callable[[], set[str]] = find_ports,
    ) -> None:
        self._broker = broker
        self._sites = sites
        self._lines = SerialLines(spec, self, find)
        self._lock = threading.Lock()
        self._boxes: dict[bytes, SerialBox] = {}  # by kid: those on a line now
        self._status: dict[
            bytes, tuple[str, bytes, bool]
        ] = {}  # by kid: what the broker is to keep of each seen so far
        broker.on_connected(self._tell_status)

    # --- the interface ---

    @property
    def connected(self) -> bool:
        """Whether anybody is reached: the broker, or a box."""
        return self._broker.connected or bool(self._boxes)

    @property
    def broker_connected(self) -> bool:
        """Whether the broker is there."""
        return self._broker.connected

    @property
    def trouble(self) -> str:
        """Why the broker is not there, in one line; empty when it is."""
        return self._broker.trouble

    @property
    def boxes(self) -> list[dict[str, Any]]:
        """The boxes on lines, and how many bytes their messages took there."""
        with self._lock:
            here = list(self._boxes.values())
        return [
            {"kid": box.kid.hex(), "port": box.port, "received_bytes": box.received_bytes, "sent_bytes": box.sent_bytes}
            for box in here
        ]

    def start(self) -> None:
        """Begin connecting, to broker and boxes."""
        self._broker.start()
        self._lines.start()

    def stop(self) -> None:
        """Let the boxes go, then the broker."""
        self._lines.stop()
        self._broker.stop()

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait until the broker has accepted us; False when that took longer. Boxes do not wait for that."""
        return self._broker.wait_connected(timeout_s)

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> Delivery:
        """Hand over a message: to a box on its line, or to the broker."""
        box = self._box_of(topic, "box_in")
        if box is not None:
            return box.send(payload)
        return self._broker.publish(topic, payload, qos, retain)

    def subscribe(self, topic_filter: str, handler: Handler, *, retained: bool = False) -> None:
        """Call `handler` for every message that matches, from the broker or from a line."""

        def passed(message: Message) -> None:
            if isinstance(message, _FromLine):
                handler(Message(message.topic, message.payload, False))
            elif not self._is_echo(message):
                handler(message)

        self._broker.subscribe(topic_filter, passed, retained=retained)

    def on_connected(self, callback: Callable[[], None]) -> None:
        """Call `callback` after each connection to the broker."""
        self._broker.on_connected(callback)

    # --- the lines' listener ---

    def wants(self, site: bytes) -> bool:
        """Whether a box is one of this host's sites."""
        return site in self._sites

    def on_box(self, box: SerialBox) -> bool:
        """A box is there. From now on its line is the way to it."""
        with self._lock:
            if box.kid in self._boxes:
                return False
            self._boxes[box.kid] = box
            new = box.kid not in self._status
            self._status.setdefault(box.kid, away(box))
        if new:
            self._broker.subscribe(topics.box_in_filter(box.site, box.kid), self._down)
        return True

    def carries(self, box: SerialBox) -> bool:
        """This host is who the messages are for."""
        return True

    def on_message(self, box: SerialBox, payload: bytes) -> None:
        """To the handlers, and to everybody else."""
        for topic, said, retain in published(box, payload):
            if retain:
                self._status[box.kid] = (topic, said, retain)
            else:
                self._broker.bring(_FromLine(topic, said, False))
            self._tell(topic, said, retain)

    def on_gone(self, box: SerialBox) -> None:
        """The broker would say so of a box that it has lost."""
        with self._lock:
            self._boxes.pop(box.kid, None)
        topic, said, retain = self._status[box.kid] = away(box)
        self._broker.bring(_FromLine(topic, said, False))
        self._tell(topic, said, retain)

    # --- the broker ---

    def _down(self, message: Message) -> None:
        """What somebody published to a box that is on a line."""
        box = self._box_of(message.topic, "box_in")
        if box is None:
            return
        if not may_reach(message.payload):
            _log.warning("kept from %s: nothing that a box takes from a broker", box.name)
            return
        try:
            box.send(message.payload)
        except LinkError as error:
            _log.warning("not sent to %s, its sender will repeat it: %s", box.name, error)

    def _is_echo(self, message: Message) -> bool:
        """Whether the broker repeats what came on a line; a status that somebody emptied there is said again."""
        box = self._box_of(message.topic, "box_out") or self._box_of(message.topic, "box_status")
        if box is None:
            return False
        if message.topic == topics.box_status(box.site, box.kid) and not message.payload and not message.retained:
            status = self._status[box.kid]
            if status[1]:
                self._tell(*status)
        return True

    def _tell_status(self) -> None:
        for status in list(self._status.values()):
            self._tell(*status)

    def _tell(self, topic: str, payload: bytes, retain: bool) -> None:
        """Publish for others. Nothing waits for it: without the broker only the status is said later."""
        if not self._broker.connected:
            return
        try:
            self._broker.publish(topic, payload, retain=retain)
        except LinkError as error:
            _log.warning("not passed on to the broker: %s", error)

    def _box_of(self, topic: str, kind: str) -> SerialBox | None:
        place = topics.parse(topic)
        if place is None or place[0] != kind or place[2] is None:
            return None
        with self._lock:
            box = self._boxes.get(place[2])
        return box if box is not None and box.site == place[1] else None
