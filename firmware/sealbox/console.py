"""The USB line while a box is being set up: who are you, and what it is told once, with the button held.

Frames are `sealwire.frames`; what is no frame is skipped. Everything else that is sent here is ignored.
"""

import asyncio

from sealwire import errors, frames, messages
from sealwire.errors import DecodeError, Refused
from sealwire.messages import HELLO, PROVISION
from sealwire.roster import check_authority

from sealbox import config

_READ = 256
_OF_TLS = ("ca", "certificate", "tls_key", "issued")


class Console:
    """Answers on the console. ``told`` is set once the box was told its site; ``fields`` then holds what."""

    def __init__(self, board: object, identity: object, folder: str, fields: "dict | None") -> None:
        self._board = board
        self._identity = identity
        self._folder = folder
        self.fields = fields
        self.told = asyncio.Event()

    async def run(self, data: bytes = b"") -> None:
        """Answer what comes, for ever; ``data`` came first."""
        reader, writer = self._board.console()
        lines = frames.Reader()
        while True:
            data = data or await reader.read(_READ)
            if not data:
                await asyncio.sleep_ms(500)  # nobody at the other end
                continue
            received, data = data, b""
            for body in lines.feed(received):
                answer = self._answer(body)
                if answer:
                    writer.write(frames.encode(answer))
                    await writer.drain()

    def _answer(self, body: bytes) -> "bytes | None":
        try:
            number, fields = messages.read_item(body)
        except DecodeError as error:
            return self._hello(error.reason)
        if number == HELLO:
            return self._hello(0)
        return self._provision(body, fields) if number == PROVISION else None

    def _provision(self, body: bytes, fields: dict) -> bytes:
        if self.fields is not None and not self._same(fields):
            return self._hello(errors.ALREADY_PROVISIONED)
        if not self._board.button():
            return self._hello(errors.BUTTON_NOT_HELD)
        try:
            check_authority(fields["authority"], fields["threshold"])
            self._check_tls(fields)
        except Refused as error:
            return self._hello(error.reason)
        config.store(self._folder, body)
        self.fields = fields
        self.told.set()
        return self._hello(0)

    def _same(self, fields: dict) -> bool:
        """Whether only broker, Wi-Fi and credentials may differ: told again, they count from the next boot."""
        return all(fields[name] == self.fields[name] for name in ("site", "authority", "threshold"))

    def _check_tls(self, fields: dict) -> None:
        if any(name in given for name in _OF_TLS for given in (fields, self.fields or ())):
            from sealbox.credentials import check_provision

            check_provision(fields, self.fields)

    def _hello(self, refused: int) -> bytes:
        fields = {"public": self._identity.public_key, "firmware": config.FIRMWARE}
        if self.fields is not None:
            fields["site"] = self.fields["site"]
        if refused:
            fields["refused"] = refused
        return messages.build_item(HELLO, fields)
