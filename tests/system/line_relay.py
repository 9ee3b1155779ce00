"""A serial cable that fails when it is told to: between a box's console and a pseudo-terminal of its own."""

import os
import threading
import tty
from collections.abc import Callable

from sealwire import frames, messages

CUT, HALF, DROP, DAMAGE = "cut", "half", "drop", "damage"


class LineRelay:
    """Passes frames both ways, until the n-th message from then on: it is not passed, or the cable breaks in it.

    `cut`: the cable is pulled before it and plugged in again; `half`: in the middle of it; `drop`: it is lost;
    `damage`: a byte of it is changed. `join` is what a Site plugs in by, `plug` how it plugs in again.
    """

    def __init__(self) -> None:
        self.plug: Callable[[str], None] = lambda port: None
        self.passed = 0
        self._console = -1
        self._near = self._far = -1
        self._lock = threading.Lock()
        self._left = 0
        self._how: str | None = None
        self._closed = False

    def join(self, console: str) -> str:
        """Connect to a box's console; the port for its other end."""
        self._console = os.open(console, os.O_RDWR | os.O_NOCTTY)
        threading.Thread(target=self._from_box, daemon=True).start()
        return self.open()

    def open(self) -> str:
        """A new port for the other end."""
        self._near, self._far = os.openpty()
        tty.setraw(self._near)
        tty.setraw(self._far)
        threading.Thread(target=self._to_box, args=(self._near,), daemon=True).start()
        return os.ttyname(self._far)

    def pull(self) -> None:
        """Pull the cable out of the other end."""
        near, self._near = self._near, -1
        if near >= 0:
            os.close(self._far)
            os.write(near, b"\0")  # wakes who reads
            os.close(near)

    def stop_before(self, number: int, how: str) -> None:
        """Fail at the n-th message, counted from 1."""
        with self._lock:
            self._left, self._how = number, how

    def disarm(self) -> bool:
        """Let everything pass; whether it had failed."""
        with self._lock:
            had, self._how = self._how is None, None
            return had

    def close(self) -> None:
        """End."""
        self._closed = True
        self.pull()

    def _to_box(self, near: int) -> None:
        self._copy(near, lambda data: os.write(self._console, data))

    def _from_box(self) -> None:
        self._copy(self._console, self._to_near)

    def _to_near(self, data: bytes) -> None:
        if self._near >= 0:
            os.write(self._near, data)

    def _copy(self, source: int, write: Callable[[bytes], object]) -> None:
        reader = frames.Reader()
        while not self._closed:
            try:
                data = os.read(source, 4096)
            except OSError:
                return
            for body in reader.feed(data):
                try:
                    self._pass(bytes(body), write)
                except OSError:
                    if source != self._console:
                        return

    def _pass(self, body: bytes, write: Callable[[bytes], object]) -> None:
        frame = frames.encode(body)
        how = None if messages.is_item(body) and messages.read_item(body)[0] == messages.HELLO else self._fails()
        if how == DAMAGE:
            frame[len(frame) // 2] ^= 0x55
        if how == HALF:
            write(bytes(frame[: len(frame) // 2]))
        if how in (CUT, HALF):
            self.pull()
            self.plug(self.open())
        elif how != DROP:
            write(bytes(frame))

    def _fails(self) -> str | None:
        with self._lock:
            self.passed += 1
            if self._how is None:
                return None
            self._left -= 1
            if self._left > 0:
                return None
            how, self._how = self._how, None
            return how
