"""The link between a box and everybody else: one interface, whatever carries it.

Guarantees: messages leave in the order of the `publish` calls (a broker keeps it within a channel, not across them) and
are sent until the link's other end acknowledges them; on_message sees each received message whole, at most 8 KiB, live
(nothing that a broker had kept), perhaps twice.
Leaves to others: whether a message is genuine. The sender named by a topic is a hint for refusing early, never proof.
"""

from binascii import hexlify

from micropython import const
from sealwire import topics

from sealbox.mqtt import MqttClient

OUT = const(0)  # challenges, checkpoints and log entries
STATUS = const(1)  # the last checkpoint; over MQTT retained, and emptied by the last will


class Link:
    """What the box relies on.

    on_message(sender: bytes | None, payload: memoryview | None) gets the kid in the topic (None without one),
    and a buffer that is its own until it is done (None: a message above 8 KiB, which nobody read); it may return a
    coroutine, which the link awaits before it reads on.
    on_connect() is the moment to publish the status again. What they raise is logged and ends nothing, but what the
    coroutine raises ends `run`.
    """

    connected = False

    async def run(self) -> None:
        """Connect and stay connected until cancelled."""
        raise NotImplementedError

    async def publish(self, channel: int, payload: bytes, retain: bool = False):
        """Take a message for OUT or STATUS; waits while too many are unacknowledged.

        Returns an object with `acknowledged` and `async wait()`. Raises ValueError for a payload above 8 KiB.
        """
        raise NotImplementedError


class MqttLink(Link):
    """The link over MQTT, to one broker. ``options`` go to MqttClient: user, tls, keepalive_s, log, backoff_ms.

    The client id is the box's kid: fixed, so that the broker keeps the session while the box is away.
    """

    def __init__(self, host, port, site: bytes, box: bytes, on_message, on_connect=None, **options):
        self._site = site
        self._box = box
        self._on_message = on_message
        self._topics = (topics.box_out(site, box), topics.box_status(site, box))
        self._client = MqttClient(
            host,
            port,
            "sealbox-" + hexlify(box).decode(),
            self._received,
            filters=(topics.box_in_filter(site, box),),
            will=(self._topics[STATUS], b""),
            on_connect=on_connect,
            on_oversized=lambda topic: self._received(topic, None, False),
            **options,
        )

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and our subscription. Says nothing about who listens behind it."""
        return self._client.connected

    async def run(self) -> None:
        """Connect and stay connected until cancelled; the broker then publishes the empty status."""
        await self._client.run()

    def lend(self) -> "memoryview | None":
        """The client's room for one message, None while one is in it."""
        return self._client.lend()

    def give_back(self, room: memoryview) -> None:
        """The room that was lent is not used any more."""
        self._client.give_back(room)

    async def publish(self, channel: int, payload: bytes, retain: bool = False):
        """Take a message for OUT or STATUS; waits while too many are unacknowledged."""
        return await self._client.publish(self._topics[channel], payload, retain)

    def _received(self, topic: str, payload: "memoryview | None", retained: bool) -> "object | None":
        place = topics.parse(topic)
        if place is None or place[0] != "box_in" or place[1] != self._site or place[2] != self._box:
            raise ValueError("a topic that is not this box's")
        return self._on_message(place[3], payload)
