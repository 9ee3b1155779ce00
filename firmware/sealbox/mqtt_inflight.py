"""The in-flight store of the MQTT client: what was taken and is not acknowledged (MQTT 3.1.1, section 4.4).

Guarantees: messages leave in the order in which they were taken, also after `rewind`; a packet id is not used again
before its message is acknowledged (section 2.3.1); the store stays within its window, and whoever adds waits in line.
Leaves to others: sending, and surviving a power cut.
"""

import asyncio

from micropython import const

from sealbox import mqtt_wire as wire

# Enough to hide a round trip, few enough that a resend is quick; the bytes fit beside the rest of a 160 KB heap.
WINDOW = const(8)
WINDOW_BYTES = const(8192)
_DUP = const(8)


class Outgoing:
    """A message that was taken. `acknowledged` turns true when the broker has it."""

    def __init__(self, head: bytearray, payload: bytes, packet_id: int):
        self.acknowledged = False
        self.head = head
        self.payload = payload
        self.packet_id = packet_id
        self._event = asyncio.Event()

    async def wait(self) -> None:
        """Return once the broker has acknowledged the message. Bound it with asyncio.wait_for_ms where needed."""
        await self._event.wait()

    def settle(self) -> None:
        """The broker has it."""
        self.acknowledged = True
        self._event.set()


class Inflight:
    """The store. ``reserved_id`` is a packet id in use elsewhere (by a SUBSCRIBE), 0 for none."""

    def __init__(self):
        self.reserved_id = 0
        self.sent = 0  # how many of the first were sent on this connection
        self._messages = []
        self._bytes = 0
        self._last_id = 0
        self._line = []  # who waits to add, in order
        self._room = asyncio.Event()

    async def add(self, topic: str, payload: bytes, retain: bool) -> Outgoing:
        """Take a message; waits for room behind everyone who asked before. ``payload`` is kept, not copied."""
        size = len(payload)
        place = object()
        self._line.append(place)
        try:
            while self._line[0] is not place or not self._has_room(size):
                self._room.clear()
                await self._room.wait()
            packet_id = self.free_id()
            message = Outgoing(wire.publish_head(topic, size, packet_id, retain), payload, packet_id)
            self._messages.append(message)
            self._bytes += size
        finally:
            self._line.remove(place)
            self._room.set()  # the next in line looks for itself
        return message

    def _has_room(self, size: int) -> bool:
        count = len(self._messages)
        return count == 0 or (count < WINDOW and self._bytes + size <= WINDOW_BYTES)

    def free_id(self) -> int:
        """A packet id that names nothing unacknowledged."""
        taken = [message.packet_id for message in self._messages]
        taken.append(self.reserved_id)
        while True:
            self._last_id = self._last_id % 65535 + 1
            if self._last_id not in taken:
                return self._last_id

    def next(self) -> "Outgoing | None":
        """The next message to send on this connection; its head says DUP if it is not the first time."""
        if self.sent == len(self._messages):
            return None
        message = self._messages[self.sent]
        self.sent += 1
        return message

    def last(self) -> "Outgoing | None":
        """The message taken last, or None when everything is acknowledged."""
        return self._messages[-1] if self._messages else None

    def rewind(self) -> None:
        """A connection ended: whatever was sent on it and not acknowledged goes again, marked DUP."""
        for message in self._messages[: self.sent]:
            message.head[0] |= _DUP
        self.sent = 0

    def acknowledge(self, packet_id: int) -> bool:
        """The broker has this one. False for an id that was never sent: the broker broke the protocol.

        An id that is unknown was acknowledged before (as after a resend), which is fine.
        """
        index = 0
        while index < len(self._messages) and self._messages[index].packet_id != packet_id:
            index += 1
        if index == len(self._messages):
            return True
        message = self._messages[index]
        if index < self.sent:
            self.sent -= 1
        elif not message.head[0] & _DUP:
            return False
        self._messages.pop(index)
        self._bytes -= len(message.payload)
        message.settle()
        self._room.set()
        return True
