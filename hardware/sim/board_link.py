"""The firmware's end of the virtual box: answers `board/sim.py`, byte for byte as `wire.py` says."""

import asyncio
import struct
from typing import cast

from . import wire
from .box import Box
from .flash import PowerCutError


class BoardLink(asyncio.Protocol):
    """One connection from the VM, for requests or for events."""

    def __init__(self, server: "BoardServer") -> None:
        self._server = server
        self._buffer = bytearray()
        self._role = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._server.links.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.lost(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._role:
            self._role = bytes(self._buffer[:1])
            del self._buffer[:1]
            if self._role == b"E":
                self._server.listens(self)
        if self._role == b"E":
            self._server.heard(len(self._buffer))
            self._buffer.clear()
        else:
            self._requests()

    def send(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def _requests(self) -> None:
        while len(self._buffer) >= wire.RECORD.size:
            record = wire.Record(*wire.RECORD.unpack_from(self._buffer))
            payload_length = 0 if record.kind in wire.WITHOUT_PAYLOAD else record.length
            end = wire.RECORD.size + payload_length
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[wire.RECORD.size : end])
            del self._buffer[:end]
            try:
                answer = self._server.answer(record, payload)
            except PowerCutError:
                self._server.box.power_lost()
                return
            if answer:
                self.send(answer)


class BoardServer:
    """What the connections of one VM have in common."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.links: set[BoardLink] = set()
        self._listener: BoardLink | None = None
        self._awaited: list[asyncio.Future[None]] = []
        box.on_event = self._send_event
        box.on_dead = self._drop_all

    def listens(self, link: BoardLink) -> None:
        self._listener = link
        link.send(self.box.time_event() + self.box.inputs().packed() + self.box.closed_contacts())

    def lost(self, link: BoardLink) -> None:
        self.links.discard(link)
        if link is self._listener:
            self._listener = None
            self._release()

    def heard(self, times: int) -> None:
        """The firmware has taken in the time of that many TIME events."""
        if times:
            self._release()

    async def time_taken_in(self) -> None:
        """Returns when the firmware knows the time last sent to it, or isn't there to know it."""
        if self._listener is not None:
            awaited = asyncio.get_running_loop().create_future()
            self._awaited.append(awaited)
            await awaited

    def answer(self, record: wire.Record, payload: bytes) -> bytes:
        try:
            value, data = self._do(record, payload)
        except OSError as error:
            return wire.Record(record.kind, error.errno or 5).packed()
        return wire.Record(record.kind, 0, len(data), value).packed(data)

    def _do(self, record: wire.Record, payload: bytes) -> tuple[int, bytes]:
        box, flash = self.box, self.box.flash
        match record.kind:
            case wire.READ:
                return 0, flash.read(record.a, record.b, record.length)
            case wire.WRITE:
                flash.write(record.a, record.b, payload)
            case wire.ERASE:
                flash.erase(record.a)
            case wire.SYNC:
                flash.sync()
            case wire.HELLO:
                return len(box.bays), struct.pack("<BxHI", box.cause, flash.block_size, flash.blocks)
            case wire.DRAW:
                box.draw(record.argument, payload)
            case wire.CLOCK:
                return box.clock() or 0, b""
            case wire.RANDOM:
                return 0, box.random(record.length)
            case wire.FEED:
                box.feed()
            case _:
                value = self._act(record, payload)
                box.changed()
                return value, b""
        return 0, b""

    def _act(self, record: wire.Record, payload: bytes) -> int:
        """Requests that change what can be seen of the box."""
        box = self.box
        match record.kind:
            case wire.OPEN:
                return int(box.bays[record.argument].open(record.a))
            case wire.CLOSE:
                box.bays[record.argument].close()
            case wire.SET_CLOCK:
                box.set_clock(record.a)
            case wire.SHOW:
                box.show(payload.decode().split("\n"))
            case wire.BUZZ:
                box.buzz(list(struct.unpack(f"<{len(payload) // 2}H", payload)))
            case wire.RESET:
                box.restart("soft")
            case _:
                raise OSError(22, "unknown request")
        return 0

    def _send_event(self, event: bytes) -> None:
        if self._listener is not None:
            self._listener.send(event)

    def _drop_all(self) -> None:
        for link in list(self.links):
            if link.transport is not None:
                link.transport.abort()
        self.links.clear()
        self._listener = None
        self._release()

    def _release(self) -> None:
        for awaited in self._awaited:
            if not awaited.done():
                awaited.set_result(None)
        self._awaited.clear()
