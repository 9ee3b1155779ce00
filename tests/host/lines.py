"""A stand-in for a box at the other end of a serial line: a pseudo-terminal that answers as the firmware does."""

from __future__ import annotations

import os
import queue
import threading
import tty
from pathlib import Path

from sealhost.signing import keys
from sealwire import frames, messages

from tests.host.people import SITE

WAIT_S = 20.0


class LineBox:
    """Answers `hello`; what else comes is in `received`. `served` is set by a `hello` that names its site.

    `socket` is what a host is told of: a link to the pseudo-terminal, there while the box is plugged in.
    """

    def __init__(self, socket: Path, site: bytes | None = SITE, signer: keys.Signer | None = None) -> None:
        self.signer = signer or keys.generate()
        self.kid = self.signer.kid
        self.site = site
        self.socket = socket
        self.port = str(socket)
        self.received: queue.Queue[bytes] = queue.Queue()
        self.served = threading.Event()
        self.asked = threading.Event()
        self.silent = False
        self.before = b"console chatter\r\n"
        self.plug()

    def plug(self) -> None:
        """Plug it in (again)."""
        self._near, self._far = os.openpty()
        tty.setraw(self._near)
        tty.setraw(self._far)
        self.served.clear()
        self.socket.symlink_to(os.ttyname(self._far))
        self._thread = threading.Thread(target=self._serve, args=(self._near,), daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Pull the cable. Safe to call twice."""
        if self._near < 0:
            return
        self.socket.unlink(missing_ok=True)
        os.close(self._far)
        near, self._near = self._near, -1
        os.write(near, b"\0")
        os.close(near)  # hangs up the host's end
        self._thread.join(WAIT_S)

    def say(self, body: bytes) -> None:
        """Send a message."""
        self.write(bytes(frames.encode(body)))

    def write(self, data: bytes) -> None:
        """Send anything."""
        while data:
            data = data[os.write(self._near, data[:4096]) :]

    def hello(self) -> bytes:
        """What it says of itself."""
        fields = {"public": self.signer.public_key, "firmware": "1.0", "site": self.site}
        return messages.build_item(messages.HELLO, fields)

    def _serve(self, near: int) -> None:
        reader = frames.Reader()
        while True:
            try:
                data = os.read(near, 4096)
                for body in reader.feed(data):
                    self._take(bytes(body))
            except OSError:
                return  # unplugged
            if near != self._near:
                return

    def _take(self, body: bytes) -> None:
        number = messages.read_item(body)[0] if messages.is_item(body) else 0
        if number != messages.HELLO:
            self.received.put(body)
            return
        self.asked.set()
        fields = messages.read_item(body)[1]
        if not self.silent:
            self.write(self.before + bytes(frames.encode(self.hello())))
            (self.served.set if fields.get("site") == self.site else self.served.clear)()
