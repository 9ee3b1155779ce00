"""The link over the box's own console (protocol/SPEC.md, section 9), and who is answered there while it is set up.

Guarantees: it is the console's one reader, so that questions, setting up and messages share the line; console text does
no harm, since a frame leaves in one write; whatever comes, memory holds one frame, and before the first `hello` not
even that. Leaves to others: loss. A frame that did not arrive is sent again by whoever waits for its answer.
"""

import asyncio
from gc import collect
from time import ticks_diff, ticks_ms

from micropython import const
from sealwire import errors, frames, messages
from sealwire.errors import DecodeError
from sealwire.messages import HELLO, PROVISION

from sealbox import config
from sealbox.link import OUT, Link

_READ = const(256)
_SMALL = const(64)  # a `hello` to the box has 20 bytes
GONE_MS = const(9_000)  # the other end says `hello` every 2 s
_LOOK_MS = const(1_000)
_NOBODY_MS = const(500)


class SerialLink(Link):
    """The link over the console. ``fields``: the `provision` item that the box was set up with, None before.

    ``told`` is set once it was told them over this line; before, there are no messages. ``connected`` says whether
    somebody at the other end carries them; on_lost() hears when they no longer do. ``lender`` is the link whose room
    for one message is used while somebody speaks here: there is one such piece of memory.
    """

    acknowledged = True  # what `publish` returns is this link: what was written is gone

    def __init__(
        self,
        board: object,
        identity: object,
        folder: str,
        fields: "dict | None",
        on_message: object = None,
        on_connect: object = None,
        on_lost: object = None,
        lender: object = None,
    ) -> None:
        self.connected = False
        self.fields = fields
        self.told = asyncio.Event()
        self._board = board
        self._identity = identity
        self._folder = folder
        self._on_message = on_message
        self._on_connect = on_connect
        self._on_lost = on_lost
        self._in, self._out = board.console()
        self._small = fields is not None  # in use, a whole message's room is taken when somebody is there
        self._lines = frames.Reader(_SMALL if self._small else frames.BODY)
        self._heard = 0
        self._lender = lender
        self._lent = None
        self._busy = False  # with a message, which may be in what was lent

    async def run(self, data: bytes = b"") -> None:
        """Answer, and carry messages while somebody does so at the other end, until cancelled; ``data`` came first."""
        watch = asyncio.create_task(self._watch())
        try:
            while True:
                for body in self._lines.feed(data):
                    self._busy = True
                    await self._take(body)
                    self._heard = ticks_ms()
                    self._busy = False
                data = await self._in.read(_READ) or b""
                if not data:
                    await asyncio.sleep_ms(_NOBODY_MS)
        finally:
            watch.cancel()

    async def publish(self, channel: int, payload: bytes, retain: bool = False) -> "SerialLink":
        """Send a message for OUT; the other end keeps the last checkpoint as the STATUS. Nothing while nobody is there.

        Raises ValueError for a payload above 8 KiB.
        """
        if channel == OUT and self.connected:
            await self._send(payload)
        return self

    async def wait(self) -> None:
        """Nothing to wait for."""

    async def _send(self, body: bytes) -> None:
        self._out.write(frames.encode(body))
        await self._out.drain()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep_ms(_LOOK_MS)
            if not self._busy and ticks_diff(ticks_ms(), self._heard) >= GONE_MS:
                self._lose()
                self._give_back()

    def _lose(self) -> None:
        if self.connected:
            self.connected = False
            print("serial: nobody is there any more")
            if self._on_lost is not None:
                self._on_lost()

    async def _take(self, body: memoryview) -> None:
        # The number of an item stands behind its map's first key, which is 0: nothing else need be read of messages.
        number = body[2] if messages.is_item(body) and len(body) > 2 and not body[1] else 0
        if number in (HELLO, PROVISION):
            answer = self._answer(body)
            if answer:
                await self._send(answer)
        elif self.connected:
            work = self._on_message(None, body)
            if work is not None:
                await work

    def _answer(self, body: memoryview) -> "bytes | None":
        refused = 0
        try:
            number, fields = messages.read_item(body)
            if "public" in fields:
                return None  # what a box says: a line that sends our own words back
            if self._small and self._lender is not None:
                self._lent = self._lent or self._lender.lend()
                if self._lent is None:
                    return None  # a message is in it; who said `hello` says it again
            refused = self._greet(fields.get("site")) if number == HELLO else self._provision(body, fields)
        except DecodeError as error:
            refused = error.reason
        hello = {"public": self._identity.public_key, "firmware": config.FIRMWARE}
        if self.fields is not None:
            hello["site"] = self.fields["site"]
        if refused:
            hello["refused"] = refused
        return messages.build_item(HELLO, hello)

    def _greet(self, site: "bytes | None") -> int:
        """Somebody asks who we are, or says that they carry this site's messages; the reason why not, or 0."""
        if self._small and not self._make_room():
            return errors.TOO_LARGE
        if site is None:
            self._lose()  # who asks begins anew
        elif self._on_message is not None and site == self.fields["site"] and not self.connected:
            self.connected = True
            self._heard = ticks_ms()
            print("serial: connected")
            self._on_connect()
        return 0

    def _make_room(self) -> bool:
        """Room for a whole message, as long as somebody is there."""
        collect()
        try:
            self._lines.resize(frames.BODY, self._lent)
        except MemoryError:
            print("serial: no memory for messages")
            return False
        self._small = False
        return True

    def _give_back(self) -> None:
        if self._lent is not None:
            self._lines.resize(_SMALL)
            self._small = True
            self._lender.give_back(self._lent)
            self._lent = None

    def _provision(self, body: memoryview, fields: dict) -> int:
        from sealbox.console import accept  # rarely needed

        refused = accept(self._board, self._folder, self.fields, body, fields)
        if not refused:
            self.fields = fields
            self.told.set()
        return refused
