"""The virtual box's socket of requests, and the flash behind it. `hardware/sim/wire.py` describes the records.

A socket that fails means that the box has lost its power: the VM ends at once, as a board's would.
"""

import errno
import socket
import struct
import sys

from micropython import const

RECORD = "<BBHIII"
RECORD_SIZE = const(16)

HELLO = const(1)
OPEN = const(2)
CLOSE = const(3)
CLOCK = const(4)
SET_CLOCK = const(5)
SHOW = const(6)
BUZZ = const(7)
RANDOM = const(8)
FEED = const(9)
RESET = const(10)
READ = const(11)
WRITE = const(12)
ERASE = const(13)
SYNC = const(14)
DRAW = const(15)


def power_lost() -> None:
    sys.exit(70)


class Requests:
    """The socket of requests. One is under way at a time; an answer with an error number becomes OSError."""

    def __init__(self, path: str) -> None:
        self._socket = connect(path, b"R")
        self._header = bytearray(RECORD_SIZE)
        self._answer = memoryview(bytearray(RECORD_SIZE))

    def call(self, kind: int, argument: int = 0, a: int = 0, b: int = 0, data: bytes = b"", into: object = None) -> int:
        """Sends a request and returns the answer's first word; its payload goes `into` a buffer of the right length."""
        length = len(data) if into is None else len(into)
        struct.pack_into(RECORD, self._header, 0, kind, argument, length, a, b, 0)
        try:
            self._socket.sendall(self._header)
            if data:
                self._socket.sendall(data)
            self._fill(self._answer)
            _, failed, length, value, _, _ = struct.unpack(RECORD, self._answer)
            if length:
                self._fill(memoryview(into))
        except OSError:
            power_lost()
        if failed:
            raise OSError(failed)
        return value

    def _fill(self, view: memoryview) -> None:
        filled = 0
        while filled < len(view):
            n = self._socket.readinto(view[filled:])
            if not n:
                raise OSError(errno.ECONNRESET)
            filled += n


class Flash:
    """The data partition. As on the board, writing without an offset erases the blocks first.

    Failures are returned as negative error numbers, never raised: an exception would leave littlefs in the middle of
    its work, and its files to the garbage collector.
    """

    def __init__(self, requests: Requests, block_size: int, blocks: int) -> None:
        self._requests = requests
        self._block_size = block_size
        self._blocks = blocks

    def readblocks(self, block: int, buffer: bytearray, offset: int = 0) -> int:
        return self._try(READ, block, offset, into=buffer)

    def writeblocks(self, block: int, buffer: bytearray, offset: "int | None" = None) -> int:
        if offset is None:
            for each in range(len(buffer) // self._block_size):
                failed = self._try(ERASE, block + each)
                if failed:
                    return failed
            offset = 0
        return self._try(WRITE, block, offset, buffer)

    def ioctl(self, operation: int, argument: int) -> "int | None":
        if operation == 4:
            return self._blocks
        if operation == 5:
            return self._block_size
        if operation == 6:
            return self._try(ERASE, argument)
        if operation == 3:
            return self._try(SYNC)
        return 0

    def _try(self, kind: int, block: int = 0, offset: int = 0, data: bytes = b"", into: object = None) -> int:
        try:
            self._requests.call(kind, 0, block, offset, data, into)
        except OSError as error:
            return -error.errno
        return 0


def connect(path: str, role: bytes) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.connect(struct.pack("<H", socket.AF_UNIX) + path.encode() + b"\0")
        link.sendall(role)
    except OSError:
        power_lost()
    return link
