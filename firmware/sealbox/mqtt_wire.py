"""MQTT 3.1.1 packets (OASIS standard, sections 2 and 3): the few that a box sends, and a reader for those it gets.

Guarantees: what a peer sends decides no allocation beyond the caps given here; a packet is taken apart as it comes, so
that a big one is passed over in small pieces and the next one still found.
Leaves to others: what packets mean, and in which order they may come.
"""

from time import ticks_ms

from micropython import const

CONNACK = const(0x20)
PUBLISH = const(0x30)
PUBACK = const(0x40)
SUBACK = const(0x90)
PINGRESP = const(0xD0)
PINGREQ = b"\xc0\x00"

# Our longest topic (box/{kid}/in/{kid}) is 121 bytes.
MAX_TOPIC = const(256)
# One TCP segment on a board's stack fits nearly three times; many small packets come in one read.
_BUFFER = const(512)


class MqttError(Exception):
    """The broker broke the protocol, refused us or fell silent: this connection is of no more use."""


def connect(
    client_id: str, keepalive_s: int, clean: bool, will: "tuple[str, bytes] | None", user: "tuple | None"
) -> bytes:
    """CONNECT (section 3.1). ``will`` is (topic, payload), with QoS 1 and retained; ``user`` is (name, password)."""
    flags = 2 if clean else 0
    fields = _text(client_id)
    if will is not None:
        flags |= 0x2C  # will flag, will QoS 1, will retain
        fields += _text(will[0]) + _text(will[1])
    if user is not None:
        flags |= 0xC0
        fields += _text(user[0]) + _text(user[1])
    body = b"\x00\x04MQTT\x04" + bytes((flags,)) + keepalive_s.to_bytes(2, "big") + fields
    return bytes((0x10,)) + _length(len(body)) + body


def subscribe(packet_id: int, filters: "tuple[str, ...]") -> bytes:
    """SUBSCRIBE (section 3.8), each filter with QoS 1."""
    body = packet_id.to_bytes(2, "big")
    for topic_filter in filters:
        body += _text(topic_filter) + b"\x01"
    return b"\x82" + _length(len(body)) + body


def publish_head(topic: str, size: int, packet_id: int, retain: bool) -> bytearray:
    """PUBLISH with QoS 1 (section 3.3) up to its payload of ``size`` bytes. Or 8 into the first byte to mark it DUP."""
    name = _text(topic)
    head = bytes((0x33 if retain else 0x32,)) + _length(len(name) + 2 + size) + name
    return bytearray(head + packet_id.to_bytes(2, "big"))


def puback(packet_id: int) -> bytes:
    """PUBACK (section 3.4)."""
    return b"\x40\x02" + packet_id.to_bytes(2, "big")


def _text(text: "str | bytes") -> bytes:
    data = text if isinstance(text, bytes) else text.encode()
    return len(data).to_bytes(2, "big") + data


def _length(size: int) -> bytes:
    coded = bytearray()
    while size > 127:
        coded.append(size & 127 | 128)
        size >>= 7
    coded.append(size)
    return bytes(coded)


class PacketReader:
    """Reads a stream through one small buffer. ``heard`` is the ticks_ms of the last bytes that came.

    Every method raises OSError when the peer closed the connection or it broke.
    """

    def __init__(self, stream):
        self.heard = ticks_ms()
        self._stream = stream
        self._buffer = bytearray(_BUFFER)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0

    async def header(self) -> "tuple[int, int]":
        """The next packet's first byte and how many bytes follow its header (section 2.2)."""
        size = 0
        at = 1
        while True:
            if self._end - self._start <= at:
                await self._need(at + 1)
            byte = self._buffer[self._start + at]
            size |= (byte & 127) << (7 * (at - 1))
            at += 1
            if byte < 128:
                break
            if at == 5:
                raise MqttError("malformed packet length")
        first = self._buffer[self._start]
        self._start += at
        return first, size

    async def number(self) -> int:
        """Two bytes, big endian."""
        if self._end - self._start < 2:
            await self._need(2)
        at = self._start
        self._start = at + 2
        return self._buffer[at] << 8 | self._buffer[at + 1]

    async def take(self, size: int) -> bytes:
        """Exactly ``size`` bytes; the caller has checked ``size`` against its cap."""
        have = self._end - self._start
        if have >= size:
            at = self._start
            self._start = at + size
            return bytes(self._view[at : at + size])
        data = bytearray(size)
        await self.fill(data)
        return bytes(data)

    async def fill(self, data: "bytearray | memoryview") -> None:
        """Fill ``data``."""
        size = len(data)
        have = min(size, self._end - self._start)
        data[:have] = self._view[self._start : self._start + have]
        self._start += have
        view = memoryview(data)
        while have < size:
            have += await self._receive(view[have:])

    async def skip(self, size: int) -> None:
        """Pass over ``size`` bytes without keeping them."""
        while size > self._end - self._start:
            size -= self._end - self._start
            self._start = 0
            self._end = 0
            self._end = await self._receive(self._view)
        self._start += size

    async def _need(self, size: int) -> None:
        """Have at least ``size`` bytes (few) in one piece in the buffer."""
        have = self._end - self._start
        if self._start:
            self._buffer[:have] = bytes(self._view[self._start : self._end])
            self._start = 0
            self._end = have
        while self._end < size:
            self._end += await self._receive(self._view[self._end :])

    async def _receive(self, view: memoryview) -> int:
        while True:
            count = await self._stream.readinto(view)
            if count:
                self.heard = ticks_ms()
                return count
            if count is not None:
                raise OSError("connection closed by the broker")
            # None: woken with nothing to read, as TLS does for a record that is not whole yet
