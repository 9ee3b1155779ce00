"""The embedded MQTT broker: rumqttd (from the package iotcore) as a child process on loopback.

Guarantees: it listens on 127.0.0.1 only; it accepts connections when `start` returns; it ends when `stop` is called
or when this process ends in any way, SIGKILL included (the child watches a pipe that only this process holds open).

Leaves to others: persistence. A restart loses retained messages and sessions, so whoever publishes retained
messages publishes them again on connecting. There are no ACLs; use Mosquitto where an outer fence is wanted.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
# rumqttd drops a client that sends more, and the client then sends the same again for ever. Ours stop at 8 KiB;
# the room above keeps a foreign client's big message from cutting its connection.
MAX_PAYLOAD_BYTES = 262_144
START_TIMEOUT_S = 15.0
PORT_ATTEMPTS = 3

_CONFIG = """\
id = 0

[router]
id = 0
max_connections = 1024
max_outgoing_packet_count = 200
max_segment_size = 16777216
max_segment_count = 4

[v4.1]
name = "loopback"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v4.1.connections]
connection_timeout_ms = 5000
max_payload_size = {max_payload}
max_inflight_count = 100
dynamic_filters = true
"""


class BrokerError(RuntimeError):
    """The embedded broker could not be started; the message says what to do."""


class EmbeddedBroker:
    """One rumqttd child process. Use as a context manager, or call `start` and `stop`.

    `port` None takes a free port, found again should somebody else take it first. `users` maps user names to
    passwords; None lets anyone on this machine connect. The configuration and the log are files in `runtime_dir`.
    """

    def __init__(
        self,
        runtime_dir: Path | str,
        port: int | None = None,
        *,
        users: Mapping[str, str] | None = None,
        max_payload_bytes: int = MAX_PAYLOAD_BYTES,
    ) -> None:
        self.host = HOST
        self.port = port or 0
        self._wanted_port = port
        self._runtime_dir = Path(runtime_dir)
        self._users = dict(users or {})
        self._max_payload_bytes = max_payload_bytes
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the child process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Process id of the child, or None before `start`."""
        return None if self._process is None else self._process.pid

    def start(self) -> Self:
        """Start the child and return once it accepts connections; BrokerError says why it could not."""
        if self.running:
            return self
        if importlib.util.find_spec("iotcore") is None:
            raise BrokerError(
                "the embedded broker needs the package iotcore (pip install iotcore), or use --broker URL"
            )
        for _ in range(PORT_ATTEMPTS if self._wanted_port is None else 1):
            self.port = self._wanted_port or _free_port()
            try:
                self._launch()
                return self
            except BrokerError:
                self.stop()
                if not _in_use(self.port):
                    raise  # not the port was the trouble
        raise BrokerError(f"port {self.port} on {HOST} is in use or not allowed; choose another port")

    def stop(self) -> None:
        """End the child. Safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        # rumqttd has nothing to save and its threads would delay a polite ending.
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def _launch(self) -> None:
        if _in_use(self.port):
            raise BrokerError(f"port {self.port} is in use")
        self._runtime_dir.mkdir(parents=True, exist_ok=True)
        config = self._runtime_dir / "rumqttd.toml"
        config.touch(mode=0o600, exist_ok=True)  # it may hold passwords
        config.write_text(self._config_text(), encoding="utf-8")
        log = self._runtime_dir / "rumqttd.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                # -P keeps this folder's modules from shadowing packages of the same name
                [sys.executable, "-P", str(Path(__file__)), str(config)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a Ctrl-C at the terminal must reach the host first, not the broker
            )
        self._await_listening(log)

    def _await_listening(self, log: Path) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise BrokerError(f"the embedded broker ended at its start ({_last_line(log)}); see {log}")
            try:
                with socket.create_connection((self.host, self.port), timeout=0.5):
                    return
            except OSError:
                time.sleep(0.02)
        raise BrokerError(f"the embedded broker did not listen within {START_TIMEOUT_S:.0f} s; see {log}")

    def _config_text(self) -> str:
        text = _CONFIG.format(host=self.host, port=self.port, max_payload=self._max_payload_bytes)
        if self._users:
            text += "\n[v4.1.connections.auth]\n"
            text += "".join(f"{_toml_string(user)} = {_toml_string(word)}\n" for user, word in self._users.items())
        return text

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _in_use(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
        return False


def _toml_string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in escaped):
        raise BrokerError("a broker user name or password must not hold control characters")
    return f'"{escaped}"'


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "no output"


def _end_with_parent() -> None:
    try:
        sys.stdin.buffer.read()  # returns when the parent's end of the pipe closes
    finally:
        os._exit(0)


def _send_at_once() -> None:
    """Set TCP_NODELAY on this process's listening sockets, from which Linux gives it to every accepted one.

    rumqttd has no setting for it: a message behind an unacknowledged one would wait 40 ms. Elsewhere, it just waits.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and Path("/proc/self/fd").exists():
        if any(_set_nodelay(int(entry.name)) for entry in Path("/proc/self/fd").iterdir()):
            return
        time.sleep(0.002)


def _set_nodelay(number: int) -> bool:
    """Whether this file descriptor is a TCP listener; it then sends at once."""
    try:
        with socket.socket(fileno=os.dup(number)) as copy:
            if copy.type != socket.SOCK_STREAM or not copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return False
            copy.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        return False  # no socket, or closed meanwhile
    return True


def _serve(config_path: str) -> None:
    """Run the broker in this process until the parent goes away. Only the child calls this."""
    from iotcore import IotCoreBroker

    # rumqttd logs an error span for every packet it routes: silence it, our log is for start-up failures.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    threading.Thread(target=_send_at_once, daemon=True).start()
    IotCoreBroker(config_path=config_path).run_forever()


if __name__ == "__main__":
    _serve(sys.argv[1])
