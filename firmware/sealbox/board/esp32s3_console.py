"""The ESP32-S3's USB console as a pair of streams that never make the box wait.

MicroPython's own stdin, asked for many bytes, waits for all of them; here a read takes what is there. Ctrl-C is a byte
like any other, since frames are binary: a box that does not answer is reached over the service header.
Not yet tried on a board.
"""

import asyncio
import select
import sys

import micropython
from micropython import const

_LOOK_MS = const(20)  # how often an idle line is looked at


class Reader:
    """What the computer sends."""

    def __init__(self) -> None:
        micropython.kbd_intr(-1)
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)
        self._byte = bytearray(1)

    async def read(self, n: int) -> bytes:
        """1 to n bytes, as they come."""
        while not self._poll.poll(0):
            await asyncio.sleep_ms(_LOOK_MS)
        data = bytearray()
        while len(data) < n and self._poll.poll(0):
            sys.stdin.buffer.readinto(self._byte)
            data += self._byte
        return bytes(data)


class Writer:
    """What the box says; dropped by the USB driver where no computer takes it."""

    def __init__(self) -> None:
        self._waiting = b""

    def write(self, data: bytes) -> None:
        """Take what `drain` then sends."""
        self._waiting = bytes(data) if not self._waiting else self._waiting + bytes(data)

    async def drain(self) -> None:
        """Send it in one go, so that no console text gets into a frame."""
        data, self._waiting = self._waiting, b""
        if data:
            sys.stdout.buffer.write(data)
        await asyncio.sleep_ms(0)
