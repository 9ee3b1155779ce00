"""A relay between the host and its broker that stops in the middle of what the host says."""

import contextlib
import socket
import threading
from collections.abc import Callable

PUBLISH = 3
APPLICATION_DATA = 23
_READ = 65536


class Relay:
    """Forwards both ways until told to stop before the n-th message that the host publishes from then on.

    Retained messages in a row, which go to everybody's inbox, count once. With `records`, what is sent is TLS, and its
    records count instead (RFC 8446, section 5.1).

    At that moment nothing more passes in either direction and `stopped` is called, in a thread of its own; new
    connections work again. `host` and `port` are where to connect to.
    """

    def __init__(self, broker: str, port: int, *, records: bool = False) -> None:
        self._broker = (broker, port)
        self._size = _record if records else _packet
        self._records = records
        self._server = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._server.getsockname()
        self._lock = threading.Lock()
        self._left = 0
        self._stopped: Callable[[], None] | None = None
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def stop_before(self, number: int, stopped: Callable[[], None]) -> None:
        """Stop before the n-th message, counted from 1."""
        with self._lock:
            self._left, self._stopped = number, stopped

    def disarm(self) -> bool:
        """Let everything pass; whether it had stopped."""
        with self._lock:
            had = self._stopped is None
            self._stopped = None
            return had

    def close(self) -> None:
        """End the relay and its connections."""
        self._server.close()
        self._cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
                far = socket.create_connection(self._broker)
            except OSError:
                return  # closed, or the broker is gone: the host tries again
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open += [near, far]
            threading.Thread(target=self._outward, args=(near, far), daemon=True).start()
            threading.Thread(target=self._inward, args=(far, near), daemon=True).start()

    def _inward(self, far: socket.socket, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(_READ):
                near.sendall(data)
        _shut(near, far)

    def _outward(self, near: socket.socket, far: socket.socket) -> None:
        waiting, retained = b"", False
        with contextlib.suppress(OSError):
            while data := near.recv(_READ):
                waiting += data
                while (size := self._size(waiting)) is not None:
                    if self._counts(waiting[0]):
                        before, retained = retained, not self._records and bool(waiting[0] & 1)
                        if not (before and retained) and self._stops():
                            return
                    far.sendall(waiting[:size])
                    waiting = waiting[size:]
        _shut(near, far)

    def _counts(self, first: int) -> bool:
        return first == APPLICATION_DATA if self._records else first >> 4 == PUBLISH

    def _stops(self) -> bool:
        with self._lock:
            if self._stopped is None:
                return False
            self._left -= 1
            if self._left > 0:
                return False
            stopped, self._stopped = self._stopped, None
        threading.Thread(target=self._stop, args=(stopped,)).start()
        return True

    def _stop(self, stopped: Callable[[], None]) -> None:
        before, self._open = self._open, []
        stopped()
        _shut(*before)

    def _cut(self) -> None:
        before, self._open = self._open, []
        _shut(*before)


def _packet(data: bytes) -> int | None:
    """The size of the MQTT packet at the start (MQTT 3.1.1, section 2.2.3); None while it is not whole."""
    size = 0
    for place in range(1, min(len(data), 5)):
        size |= (data[place] & 0x7F) << 7 * (place - 1)
        if not data[place] & 0x80:
            whole = 1 + place + size
            return whole if len(data) >= whole else None
    return None


def _record(data: bytes) -> int | None:
    """The size of the TLS record at the start; None while it is not whole."""
    size = 5 + int.from_bytes(data[3:5], "big")
    return size if len(data) >= 5 and len(data) >= size else None


def _shut(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):  # shut already
            one.shutdown(socket.SHUT_RDWR)
        one.close()
