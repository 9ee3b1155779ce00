"""A box's links together: its serial line wins while somebody is there, else MQTT; either brings commands.

Guarantees: one message is handled at a time, whichever link brought it; the outbox hears of every change that may have
lost what it sent. What serves the serial line is loaded when something comes there: on most boxes nothing does.
Leaves to others: what the links themselves guarantee.
"""

import asyncio
from gc import collect

from micropython import const

from sealbox.link import Link

_READ = const(256)
_NOBODY_MS = const(500)
_BUSY_MS = const(20)
_LOOK_MS = const(1_000)  # how long a message waits for the broker before the serial line is looked at again


class Links(Link):
    """``handle(sender, payload)`` is a coroutine function, ``on_connect()`` the outbox's. Whoever wires the box sets
    ``make_serial()`` and, if the box has a broker, ``mqtt``: both made with `take` for their messages."""

    def __init__(self, board: object, handle: object, on_connect: object) -> None:
        self.serial = None
        self.mqtt = None
        self.make_serial = None
        self._board = board
        self._handle = handle
        self._on_connect = on_connect
        self._busy = False

    @property
    def connected(self) -> bool:
        """Whether there is a way out."""
        return self._by_serial() or (self.mqtt is not None and self.mqtt.connected)

    async def run(self) -> None:
        """Keep both going until cancelled."""
        if self.mqtt is None:
            await self._listen()
        else:
            await asyncio.gather(self._listen(), self.mqtt.run())

    async def take(self, sender: "bytes | None", payload: "memoryview | None") -> None:
        """A link's message, in its turn."""
        while self._busy:
            await asyncio.sleep_ms(_BUSY_MS)
        self._busy = True
        try:
            await self._handle(sender, payload)
        finally:
            self._busy = False

    def serial_lost(self) -> None:
        """What went over the serial line last may not have arrived: say it again over MQTT."""
        if self.mqtt is not None and self.mqtt.connected:
            self._on_connect()

    async def publish(self, channel: int, payload: bytes, retain: bool = False) -> "object | None":
        """Send over the link that is there; over MQTT it waits for room, but not longer than the serial line is away.

        Without either the message is lost: the outbox says it again when one is there.
        """
        while not self._by_serial():
            if self.mqtt is None:
                return None
            try:
                return await asyncio.wait_for_ms(self.mqtt.publish(channel, payload, retain), _LOOK_MS)
            except asyncio.TimeoutError:
                pass
        return await self.serial.publish(channel, payload, retain)

    def _by_serial(self) -> bool:
        return self.serial is not None and self.serial.connected

    async def _listen(self) -> None:
        reader, _ = self._board.console()
        first = b""
        while not first:
            first = await reader.read(_READ)
            if not first:
                await asyncio.sleep_ms(_NOBODY_MS)
        collect()
        self.serial = self.make_serial()
        await self.serial.run(first)
