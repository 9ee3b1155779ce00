"""Helpers of the MQTT client's tests: the client on its VM, and a TCP proxy that treats it badly."""

from __future__ import annotations

import hashlib
import json
import queue
import random
import select
import socket
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests import vms

WAIT_S = 10.0
_SCRIPT = Path(__file__).parent / "vm" / "mqtt_client.py"


def shown(payload: bytes) -> bytes:
    """What `VmClient.message` tells of a payload: itself, or a large one's digest (hex would fill the VM's heap)."""
    return payload if len(payload) <= 1024 else hashlib.sha256(payload).digest()


class VmClient:
    """`sealbox.mqtt` or `sealbox.link` in a MicroPython process of its own, from .mpy, in 160 KB of heap."""

    def __init__(self, port: int, *, kind: str = "client", host: str = "127.0.0.1", **config: Any) -> None:
        whole = {"kind": kind, "host": host, "port": port, "client_id": "box", **config}
        self.events: list[list[Any]] = []
        self._lines: queue.Queue[list[Any] | None] = queue.Queue()
        self._process = subprocess.Popen(
            vms.unix_command(_SCRIPT, [json.dumps(whole)]),
            env=vms.unix_environment(vms.compiled_modules()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                self._lines.put(json.loads(line))
            except ValueError:
                self._lines.put(["output", line])  # a traceback, say
        self._lines.put(None)

    def event(self, name: str, *start: object, timeout_s: float = WAIT_S) -> list[Any]:
        """The next event of this name (and these first values); those passed over stay in `events`."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                event = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {name} {start}; had {self.events[-20:]}") from None
            if event is None:
                raise AssertionError(f"the VM ended: {self.events[-20:]}")
            self.events.append(event)
            if event[0] == name and tuple(event[1 : 1 + len(start)]) == start:
                return event

    def message(self) -> bytes:
        """The payload of the next message, as `shown` tells it."""
        return bytes.fromhex(self.event("message")[2])

    def had(self, name: str) -> list[list[Any]]:
        """The events of this name among those seen so far."""
        return [event for event in self.events if event[0] == name]

    def command(self, *words: object) -> None:
        """Send one command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()

    def publish(self, number: int, where: str | int, payload: bytes, retain: bool = False) -> None:
        """Have the client publish; "taken" and "acknowledged" with `number` follow as events."""
        repeated = len(payload) > 1 and payload == payload[:1] * len(payload)
        self.command("publish", number, where, [len(payload), payload[0]] if repeated else payload.hex(), retain)

    def kill(self) -> None:
        """SIGKILL, as when the plug is pulled. Safe to call twice."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


class ChaosProxy:
    """A TCP proxy before a broker. Cuts connections after a seeded number of bytes, splits what passes, can freeze.

    `cut_after` is a range of bytes, `pieces` a range of sizes of what is forwarded at once; None for neither.
    `frozen` true keeps connections open and forwards nothing: a half-open link. `refusing` closes them at once.
    """

    def __init__(
        self,
        target: tuple[str, int],
        *,
        seed: int = 0,
        cut_after: tuple[int, int] | None = None,
        pieces: tuple[int, int] | None = None,
    ) -> None:
        self.frozen = False
        self.refusing = False
        self.cuts = 0
        self.accepted: list[float] = []
        self.cut_after = cut_after
        self._target = target
        self._pieces = pieces
        self._random = random.Random(seed)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._closing = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._budgets: list[int | None] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._thread.join()
        self._server.close()
        while self._pairs:
            self._drop(0)

    def _run(self) -> None:
        while not self._closing:
            sockets = [] if self.frozen else [end for pair in self._pairs for end in pair]
            ready, _, _ = select.select([self._server, *sockets], [], [], 0.02)
            if self._server in ready:
                self._accept()
            for source in ready:
                if source is not self._server:
                    self._forward(source)

    def _accept(self) -> None:
        client, _ = self._server.accept()
        self.accepted.append(time.monotonic())
        if self.refusing:
            client.close()
            return
        try:
            broker = socket.create_connection(self._target, timeout=5)
        except OSError:
            client.close()
            return
        for end in (client, broker):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pairs.append((client, broker))
        self._budgets.append(None if self.cut_after is None else self._random.randint(*self.cut_after))

    def _forward(self, source: socket.socket) -> None:
        index = next((at for at, pair in enumerate(self._pairs) if source in pair), None)
        if index is None:
            return  # dropped a moment ago
        client, broker = self._pairs[index]
        other = broker if source is client else client
        size = 4096 if self._pieces is None else self._random.randint(*self._pieces)
        budget = self._budgets[index]
        try:
            data = source.recv(size)
            if budget is not None:
                self._budgets[index] = budget - len(data)
                data = data[: max(0, budget)]
            other.sendall(data)
        except OSError:
            data = b""
        if not data or (budget is not None and budget <= len(data)):
            self.cuts += bool(data)
            self._drop(index)

    def _drop(self, index: int) -> None:
        for end in self._pairs.pop(index):
            end.close()
        self._budgets.pop(index)
