"""`/mqtt`: MQTT over WebSocket (MQTT 3.1.1 section 6) for browsers, relayed byte by byte to the broker's TCP port.

Guarantees: what a browser sends reaches the broker unchanged, its CONNECT with user and password first of all, and the
relay adds no credentials of its own: whoever comes this way is to the broker who it says and proves it is. Before a
whole CONNECT is there the broker hears nothing. What one client costs is bounded: one message at a time on the way in,
32 KiB waiting on the way out, a place among `max_clients`, and a time limit on each wait. Every end has a close code
and a reason in words (RFC 6455 section 7.4).

Leaves to others: who may publish and read what (the broker's accounts and ACLs, and before all the signatures), the
size of what the broker sends, clients that are there but do not read (`websocket.py` cuts them), TLS towards browsers.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

SUBPROTOCOL = "mqtt"
MAX_PACKET_BYTES = 8192 + 512
"""What may follow a packet's fixed header: the most that one message of ours holds, its topic and its packet id."""
READ_BYTES = 16_384
CONNECT_S = 10.0
"""For a client to send its CONNECT, and for the broker to accept the connection."""
BROKER_STALL_S = 30.0
IDLE_S = 600.0
"""Without any packet, though alive by WebSocket's pings: above every keep-alive that a client would sensibly choose."""

NORMAL, PROTOCOL_ERROR, NOT_BINARY, POLICY, TOO_BIG, TRY_LATER, BAD_GATEWAY = 1000, 1002, 1003, 1008, 1009, 1013, 1014
_CONNECT = 1

_T = TypeVar("_T")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Broker:
    """Where the relay brings its clients. `tls` must hold no client certificate: it would be everybody's."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


class EndedError(Exception):
    """This relaying is over: with this close code, for this reason (at most 123 bytes of UTF-8)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Packets:
    """Follows the boundaries of MQTT packets (section 2.2) in a stream of bytes that it does not keep."""

    def __init__(self, most: int = MAX_PACKET_BYTES) -> None:
        self._most = most
        self._rest = 0  # bytes of the running packet still to come
        self._header = 0  # bytes of the running fixed header seen
        self._length = 0
        self.complete = 0
        """How many whole packets have passed."""

    def feed(self, data: bytes) -> None:
        """Look at the next bytes. EndedError: a packet too large, of malformed length, or the first and no CONNECT."""
        at = 0
        while at < len(data):
            if self._rest:
                step = min(self._rest, len(data) - at)
                self._rest -= step
                at += step
                self.complete += not self._rest
            else:
                self._header_byte(data[at])
                at += 1

    def _header_byte(self, byte: int) -> None:
        if not self._header:
            if not self.complete and byte != _CONNECT << 4:
                raise EndedError(PROTOCOL_ERROR, "not MQTT: the first packet must be CONNECT")
            self._header, self._length = 1, 0
            return
        self._length |= (byte & 0x7F) << 7 * (self._header - 1)
        self._header += 1
        if byte & 0x80:
            if self._header > 4:
                raise EndedError(PROTOCOL_ERROR, "not MQTT: a packet's length has at most four bytes")
            return
        if self._length > self._most:
            raise EndedError(TOO_BIG, f"a packet of {self._length} bytes: at most {self._most} are relayed")
        self._header, self._rest = 0, self._length
        self.complete += not self._rest


class Relay:
    """The endpoint. Lives on one event loop.

    `origins` are the pages' origins that may connect besides this server's own, like "https://app.example".
    """

    def __init__(
        self, broker: Broker, origins: Iterable[str] = (), max_clients: int = 512, max_clients_per_address: int = 64
    ) -> None:
        self._broker = broker
        self._origins = {origin.lower().rstrip("/") for origin in origins}
        self._max_clients = max_clients
        self._max_per_address = max_clients_per_address
        self._clients: Counter[str] = Counter()

    @property
    def clients(self) -> int:
        """How many are connected."""
        return self._clients.total()

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one client until either side ends."""
        if not self._may_connect(websocket):
            _log.warning(
                "relay: a page of another origin was refused", origin=websocket.headers.get("origin", "")[:100]
            )
            await websocket.close()  # before it is accepted: answered by 403
            return
        if SUBPROTOCOL not in websocket.scope["subprotocols"]:
            await websocket.accept()
            await websocket.close(PROTOCOL_ERROR, "the WebSocket subprotocol mqtt is needed")
            return
        await websocket.accept(SUBPROTOCOL)
        try:
            with self._place(websocket.client.host if websocket.client else ""):
                await self._relay(websocket)
        except EndedError as end:
            await _close(websocket, end)

    def _may_connect(self, websocket: WebSocket) -> bool:
        """Whether this page may use this relay. A client without an Origin is no browser: nobody's page misuses it.

        Of this server's own addresses only numbers and localhost count unasked: any name can be made to point here
        (DNS rebinding), so names are listed in `origins`.
        """
        origin = websocket.headers.get("origin")
        if origin is None or origin.lower() in self._origins:
            return True
        try:
            page, own = urlsplit(origin), urlsplit(f"//{websocket.headers.get('host', '')}")
            same_port = page.port is not None and page.port in (
                own.port,
                (websocket.scope["server"] or (None, None))[1],
            )
        except ValueError:
            return False
        same_port = same_port or (page.port is None and own.port is None)
        return same_port and page.hostname == own.hostname and _is_number_or_localhost(page.hostname)

    @contextmanager
    def _place(self, address: str) -> Iterator[None]:
        if self.clients >= self._max_clients:
            raise EndedError(TRY_LATER, "too many clients are connected; try again later")
        if self._clients[address] >= self._max_per_address:
            raise EndedError(TRY_LATER, "too many clients are connected from this address; try again later")
        self._clients[address] += 1
        try:
            yield
        finally:
            self._clients[address] -= 1
            if not self._clients[address]:
                del self._clients[address]

    async def _relay(self, websocket: WebSocket) -> None:
        """Returns never: raises EndedError."""
        packets = Packets()
        first = await _in_time(CONNECT_S, _until_connect(websocket, packets), POLICY, "no CONNECT came in time")
        reader, writer = await self._open_broker()
        try:
            writer.write(first)
            ways = {
                asyncio.create_task(_to_broker(websocket, packets, writer)),
                asyncio.create_task(_to_client(reader, websocket)),
            }
            try:
                done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in ways:
                    task.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            writer.transport.abort()  # without DISCONNECT, so that the broker sends the client's last will

    async def _open_broker(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """asyncio sets TCP_NODELAY on every TCP connection of its own, to brokers as from browsers."""
        broker = self._broker
        name = broker.host if broker.tls else None
        opening = asyncio.open_connection(
            broker.host, broker.port, ssl=broker.tls, server_hostname=name, limit=READ_BYTES
        )
        away = "the broker does not answer; try again later"
        try:
            return await _in_time(CONNECT_S, opening, BAD_GATEWAY, away)
        except OSError as error:
            _log.warning("relay: no broker", reason=str(error))
            raise EndedError(BAD_GATEWAY, away) from error


async def _until_connect(websocket: WebSocket, packets: Packets) -> bytes:
    """The first bytes, a whole packet at least."""
    first = bytearray()
    while not packets.complete:
        data = await _receive(websocket)
        packets.feed(data)
        first += data
    return bytes(first)


async def _to_broker(websocket: WebSocket, packets: Packets, writer: asyncio.StreamWriter) -> None:
    while True:
        data = await _in_time(IDLE_S, _receive(websocket), POLICY, f"no packet for {IDLE_S:.0f} seconds")
        packets.feed(data)
        try:
            writer.write(data)
            await _in_time(BROKER_STALL_S, writer.drain(), BAD_GATEWAY, "the broker takes no more; try again later")
        except OSError as error:
            raise EndedError(BAD_GATEWAY, "the connection to the broker was lost") from error


async def _to_client(reader: asyncio.StreamReader, websocket: WebSocket) -> None:
    while True:
        try:
            data = await reader.read(READ_BYTES)
        except OSError as error:
            raise EndedError(BAD_GATEWAY, "the connection to the broker was lost") from error
        if not data:
            raise EndedError(NORMAL, "the broker ended the connection")
        try:
            await websocket.send_bytes(data)
        except WebSocketDisconnect as error:
            raise EndedError(NORMAL, "the client is gone") from error


async def _receive(websocket: WebSocket) -> bytes:
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise EndedError(NORMAL, "the client is gone")
    data = message.get("bytes")
    if data is None:
        raise EndedError(NOT_BINARY, "MQTT comes in binary messages")
    return bytes(data)


async def _in_time(seconds: float, work: Coroutine[Any, Any, _T], code: int, reason: str) -> _T:
    try:
        return await asyncio.wait_for(work, seconds)
    except TimeoutError as error:
        raise EndedError(code, reason) from error


async def _close(websocket: WebSocket, end: EndedError) -> None:
    """Say why, unless there is nobody left to tell."""
    if websocket.client_state.name == "DISCONNECTED":
        return
    try:
        await websocket.close(end.code, end.reason)
    except (WebSocketDisconnect, RuntimeError, OSError):
        return  # gone meanwhile


def _is_number_or_localhost(name: str | None) -> bool:
    if name == "localhost":
        return True
    try:
        ipaddress.ip_address(name or "")
    except ValueError:
        return False
    return True
