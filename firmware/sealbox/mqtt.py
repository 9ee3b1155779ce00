"""A small MQTT 3.1.1 client on asyncio, for one broker (OASIS standard, sections 3 and 4).

Guarantees: what `publish` has taken is sent until the broker acknowledges it, over any number of connections, in order,
marked DUP when it may have arrived (section 4.4); the session is kept, so what comes for us while we are away waits at
the broker; a message is acknowledged after its handler returned; a handler's exception or a packet of any size ends
nothing; a peer that fell silent is found within 1.25 keepalives. Memory is bounded: the window of unacknowledged
messages, one received message, half a kilobyte of buffer.

Leaves to others: proof of delivery (a PUBACK proves nothing about the receiver), keeping messages over a power cut (the
outbox), and duplicates (QoS 1 may bring a message twice). Looking up the broker's name blocks: a watchdog must allow
for it. DISCONNECT is never sent: whenever we go, the broker shall publish our last will.
"""

import asyncio
import socket
from errno import ECONNREFUSED, EHOSTUNREACH, EINPROGRESS, ETIMEDOUT
from gc import collect
from os import urandom
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from sealbox import mqtt_wire as wire
from sealbox.mqtt_inflight import Inflight, Outgoing
from sealbox.mqtt_wire import MqttError, PacketReader

MAX_PAYLOAD = const(8192)
ROOM = const(8196)  # bytes: for a payload, or for a frame of the serial line with its check
CONNECT_TIMEOUT_MS = const(15000)
# A connection that lasted this long was a good one: the next delay starts small again.
STABLE_MS = const(10000)
# PUBACKs that wait for a broker that sends and does not read: it has stalled.
MAX_CONTROL = const(1024)
# Below this a header and its payload are sent as one segment; above it, copying costs more than a second segment.
_JOIN = const(1024)
_TimedOut = asyncio.TimeoutError  # MicroPython has no builtin of that name
_TCP_NODELAY = const(1)
_IPPROTO_TCP = const(6)


class MqttClient:
    """One client. `run` keeps it connected; `publish` may be awaited by any number of tasks.

    on_message(topic: str, payload: memoryview, retained: bool) and on_connect() are plain functions; what they raise is
    logged. on_message may return a coroutine, which is awaited: the client reads nothing meanwhile, so that it must not
    wait for a publish; what that raises ends `run`. The payload is the client's own buffer, valid until then.
    on_oversized(topic: str), of the same kind, hears of messages above MAX_PAYLOAD, which are not read. Retained
    messages are dropped unless ``retained`` is true: a command that a broker kept is no command. ``will`` is (topic,
    payload), retained. ``user`` is (name, password). ``tls()`` gives the SSLContext for one connection;
    with it, none is ever without TLS. Times are milliseconds; ``backoff_ms`` is (first, most).
    """

    def __init__(
        self,
        host,
        port,
        client_id,
        on_message,
        *,
        filters=(),
        will=None,
        user=None,
        tls=None,
        retained=False,
        keepalive_s=30,
        clean=False,
        on_connect=None,
        on_oversized=None,
        log=print,
        backoff_ms=(1000, 60000),
        ack_timeout_ms=60000,
    ):
        self.connected = False
        self._room = memoryview(bytearray(ROOM))  # made once: later, memory may have no such piece
        self._address = (host, port)
        self._tls = tls
        self._hello = wire.connect(client_id, keepalive_s, clean, will, user)
        self._filters = filters
        self._on_message = on_message
        self._on_connect = on_connect
        self._on_oversized = on_oversized
        self._retained = retained
        self._keepalive_ms = keepalive_s * 1000
        self._ack_timeout_ms = ack_timeout_ms
        self._backoff_ms = backoff_ms
        self._log = log
        self._inflight = Inflight()
        self._reset()

    def _reset(self) -> None:
        """Forget what belongs to one connection."""
        self.connected = False
        self._inflight.rewind()
        self._inflight.reserved_id = 0
        self._control = bytearray()  # small packets that go out before messages
        self._wake = asyncio.Event()
        self._ended = asyncio.Event()
        self._failure = None
        self._socket = self._wrapped = self._stream = None
        self._said = self._progress = ticks_ms()

    # --- publishing ---

    async def publish(self, topic: str, payload: bytes, retain: bool = False) -> Outgoing:
        """Take a message, connected or not; waits while the window is full. ``payload`` is kept, not copied.

        Messages are sent in the order of these calls. Raises ValueError for a payload above 8 KiB.
        """
        if len(payload) > MAX_PAYLOAD:
            raise ValueError("payload above 8 KiB")
        message = await self._inflight.add(topic, payload, retain)
        self._wake.set()
        return message

    async def flush(self) -> None:
        """Return once everything taken so far is acknowledged."""
        last = self._inflight.last()
        if last is not None:
            await last.wait()

    # --- its room for one message ---

    def lend(self) -> "memoryview | None":
        """The room for one message, None while one is in it; without it, a message takes memory while it is here."""
        room, self._room = self._room, None
        return room

    def give_back(self, room: memoryview) -> None:
        """The room that was lent is not used any more."""
        self._room = room

    # --- connecting ---

    async def run(self) -> None:
        """Connect, and connect again whenever the connection is lost, until cancelled."""
        failures = 0
        while True:
            began = ticks_ms()
            try:
                await self._connection()
            except (OSError, MqttError, MemoryError) as error:
                if self.connected and ticks_diff(ticks_ms(), began) >= STABLE_MS:
                    failures = 0
                delay = self._delay_ms(failures)
                failures += 1
                self._log("mqtt: {}: {}; again in {} ms".format(type(error).__name__, error, delay))
            finally:
                self._reset()
            collect()
            await asyncio.sleep_ms(delay)

    def _delay_ms(self, failures: int) -> int:
        """Doubled with each failure up to a cap, then between half and all of it: boxes must not come as a herd."""
        first, most = self._backoff_ms
        limit = min(most, first << min(failures, 16))
        half = limit // 2
        return limit - int.from_bytes(urandom(2), "big") * half // 65536

    async def _connection(self) -> None:
        """One connection, from its first byte to the exception that ends it."""
        tasks = []
        try:
            reader = await self._open_in_time()
            for work in (self._receive(reader), self._send_until_lost(), self._watch(reader)):
                tasks.append(asyncio.create_task(self._guard(work)))
            await self._ended.wait()
            raise self._failure
        finally:
            # Cancelling takes a task off the socket's poll at once, so that it can be closed.
            for task in tasks:
                task.cancel()
            # Both: after a failed handshake the TLS socket has forgotten the other. StreamReader.close() does nothing.
            for link in (self._wrapped, self._socket):
                if link is not None:
                    link.close()

    async def _guard(self, work) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - not lost: raised again in _connection, which ends all three together
            self._failure = self._failure or error
            self._ended.set()

    async def _open_in_time(self) -> PacketReader:
        try:
            return await asyncio.wait_for_ms(self._open(), CONNECT_TIMEOUT_MS)
        except _TimedOut:
            raise MqttError("the broker does not answer") from None
        except ValueError as error:  # how a certificate that is not good shows
            raise MqttError("TLS: " + str(error).strip().replace("\n", ", ")) from None
        except OSError as error:
            # That there was no connection at all shows in the handshake as well.
            if self._wrapped is None or error.errno in (ECONNREFUSED, EHOSTUNREACH, ETIMEDOUT):
                raise
            raise MqttError("TLS: the handshake failed, {}".format(error)) from None

    async def _open(self) -> PacketReader:
        await self._dial()
        reader = PacketReader(self._stream)
        self._stream.write(self._hello)
        await self._stream.drain()
        first, size = await reader.header()
        if first != wire.CONNACK or size != 2:
            raise MqttError("no CONNACK")
        code = await reader.number() & 255
        if code:
            raise MqttError("broker refused us, CONNACK code {}".format(code))
        if self._filters:
            self._inflight.reserved_id = self._inflight.free_id()
            self._control.extend(wire.subscribe(self._inflight.reserved_id, self._filters))
        else:
            self._now_connected()
        return reader

    async def _dial(self) -> None:
        host, port = self._address
        family, kind, _, _, address = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
        self._socket = link = socket.socket(family, kind)
        link.setblocking(False)
        # Without it a small packet waits 40 ms for the last one's TCP acknowledgement. A TLS socket has no setsockopt.
        link.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
        try:
            link.connect(address)
        except OSError as error:
            if error.errno != EINPROGRESS:
                raise
        await _writable(link)
        if self._tls is not None:
            self._wrapped = self._tls().wrap_socket(link, server_hostname=host, do_handshake_on_connect=False)
        self._stream = asyncio.StreamReader(self._wrapped or link)

    def _now_connected(self) -> None:
        self.connected = True
        self._log("mqtt: connected")
        if self._on_connect is not None:
            self._call(self._on_connect)

    def _call(self, function, *args) -> "object | None":
        try:
            return function(*args)
        except Exception as error:  # noqa: BLE001 - what a peer sent must not take the link away
            self._log("mqtt: handler: {}: {}".format(type(error).__name__, error))
            return None

    # --- the three tasks of a connection ---

    async def _send_until_lost(self) -> None:
        try:
            await self._send()
        except OSError:
            # What the broker sent before the loss, PUBACKs above all, is still to be read: let the reader find the end.
            return

    async def _send(self) -> None:
        stream = self._stream
        while True:
            if self._control:
                data = self._control
                self._control = bytearray()
                stream.write(data)
            else:
                first = self._inflight.sent == 0
                message = self._inflight.next()
                if message is None:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                if first:
                    self._progress = ticks_ms()
                if len(message.payload) < _JOIN:
                    stream.write(message.head + message.payload)
                else:
                    stream.write(message.head)
                    stream.write(message.payload)
            await stream.drain()
            self._said = ticks_ms()

    async def _watch(self, reader: PacketReader) -> None:
        """Ping when either side was quiet for half a keepalive; give up when nothing was heard for a whole one."""
        while True:
            await asyncio.sleep_ms(self._keepalive_ms // 4)
            now = ticks_ms()
            if ticks_diff(now, reader.heard) >= self._keepalive_ms:
                raise MqttError("the broker fell silent")
            if self._inflight.sent and ticks_diff(now, self._progress) >= self._ack_timeout_ms:
                raise MqttError("the broker acknowledges nothing")
            quiet = ticks_add(now, -(self._keepalive_ms // 2))
            if ticks_diff(quiet, reader.heard) >= 0 or ticks_diff(quiet, self._said) >= 0:
                self._control.extend(wire.PINGREQ)
                self._wake.set()

    async def _receive(self, reader: PacketReader) -> None:
        while True:
            first, size = await reader.header()
            kind = first & 0xF0
            if kind == wire.PUBLISH:
                await self._receive_publish(reader, first, size)
            elif kind == wire.PUBACK and size == 2:
                self._progress = reader.heard
                if not self._inflight.acknowledge(await reader.number()):
                    raise MqttError("PUBACK for a message not sent")
            elif kind == wire.SUBACK and size == 2 + len(self._filters):
                await self._receive_suback(reader)
            elif kind == wire.PINGRESP and size == 0:
                pass
            else:
                raise MqttError("unexpected packet {:#x} of {} bytes".format(first, size))

    async def _receive_suback(self, reader: PacketReader) -> None:
        await reader.number()
        self._inflight.reserved_id = 0
        if any(code > 2 for code in await reader.take(len(self._filters))):
            raise MqttError("broker refused a subscription")
        self._now_connected()

    async def _receive_publish(self, reader: PacketReader, first: int, size: int) -> None:
        qos = first >> 1 & 3
        length = await reader.number()
        size -= 2 + length + (2 if qos else 0)
        if qos > 1 or size < 0:
            raise MqttError("malformed PUBLISH")
        topic = await reader.take(length) if length <= wire.MAX_TOPIC else None
        if topic is None:
            await reader.skip(length)
        packet_id = await reader.number() if qos else 0
        room = self.lend()
        try:
            payload = None if topic is None else _part(room, size)
            if payload is None:
                await reader.skip(size)
                self._log("mqtt: dropped a message of {} bytes".format(size))
                if topic is not None and self._on_oversized is not None and not first & 1:
                    await self._deliver(self._on_oversized, topic.decode())
            else:
                await reader.fill(payload)
                if not first & 1 or self._retained:
                    await self._deliver(self._on_message, topic.decode(), payload, bool(first & 1))
        finally:
            if room is not None:
                self._room = room
        if qos:
            if len(self._control) > MAX_CONTROL:
                raise MqttError("the broker does not read")
            self._control.extend(wire.puback(packet_id))
            self._wake.set()

    async def _deliver(self, handler, *args) -> None:
        """Nothing is read from the broker until the handler is done: so one message is in memory at a time."""
        work = self._call(handler, *args)
        if work is not None:
            await work


def _part(room: "memoryview | None", size: int) -> "memoryview | None":
    """So much of the room, or of memory when that is lent; None when there is not so much."""
    if size > MAX_PAYLOAD:
        return None
    if room is None:
        collect()
        try:
            room = memoryview(bytearray(size))
        except MemoryError:
            return None
    return room[:size]


def _writable(link):
    """Wait until a socket can be written, that is, is connected.

    This is the wait inside asyncio.open_connection, which wraps for TLS before TCP_NODELAY can be set.
    """
    yield asyncio.core._io_queue.queue_write(link)
