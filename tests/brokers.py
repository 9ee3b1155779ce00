"""Brokers for tests: pytest fixtures `rumqttd`, `mosquitto` and `broker` (each test once with either).

Use them with `from tests.brokers import broker, mosquitto, rumqttd  # noqa: F401` in a test module or conftest.

Guarantees: each test gets its own broker on its own free loopback port, listening when the test starts and gone when
it ends.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from sealhost.links.broker import EmbeddedBroker

MOSQUITTO = Path("/usr/sbin/mosquitto")
START_TIMEOUT_S = 15.0

_MOSQUITTO_CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous {anonymous}
set_tcp_nodelay true
persistence false
log_dest stderr
log_type error
log_type warning
log_type notice
"""


class Broker(Protocol):
    """What tests rely on; sealhost's EmbeddedBroker has the same."""

    host: str
    port: int

    def start(self) -> object:
        """Start (again, on the same port, with nothing remembered)."""

    def stop(self) -> None:
        """End it at once."""


class Mosquitto:
    """A plain Mosquitto with a configuration of its own. `lines` are added to the configuration."""

    def __init__(self, folder: Path, *, lines: str = "", anonymous: bool = True) -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self.log = folder / "mosquitto.log"
        self._config = folder / "mosquitto.conf"
        self._lines = lines
        self._anonymous = str(anonymous).lower()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Mosquitto:
        """Start it and return once it accepts connections."""
        user = "user root\n"  # without root the line is ignored; with it, files of mode 0600 stay readable
        text = user + _MOSQUITTO_CONFIG.format(port=self.port, anonymous=self._anonymous) + self._lines
        self._config.write_text(text, encoding="utf-8")
        with self.log.open("ab") as output:
            command = [str(MOSQUITTO), "-c", str(self._config)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _listens(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError("mosquitto did not start:\n" + self.log.read_text(encoding="utf-8"))
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        """End it at once. Safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


class FencedMosquitto:
    """A Mosquitto with the files that `sealhost broker config` wrote into `folder`, on the ports they name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> FencedMosquitto:
        """Start it and return once it accepts connections on all its listeners."""
        text = (self.folder / "mosquitto.conf").read_text(encoding="utf-8")
        ports = [int(line.split()[1]) for line in text.splitlines() if line.startswith("listener ")]
        with self.log.open("ab") as output:
            command = [str(MOSQUITTO), "-c", str(self.folder / "mosquitto.conf")]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not all(_listens(port) for port in ports):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError("mosquitto did not start:\n" + self.log.read_text(encoding="utf-8"))
            time.sleep(0.01)
        return self

    @property
    def running(self) -> bool:
        """Whether it is alive."""
        return self._process is not None and self._process.poll() is None

    def stop(self, *, politely: bool = False) -> None:
        """End it; politely, so that it saves what it keeps. Safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate() if politely else process.kill()
            process.wait()


def free_port() -> int:
    """A TCP port on loopback that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False


def make_broker(kind: str, folder: Path) -> EmbeddedBroker | Mosquitto:
    """A started broker of kind "rumqttd" or "mosquitto"; the caller stops it."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "rumqttd":
        return EmbeddedBroker(folder, free_port()).start()
    if not MOSQUITTO.exists():
        pytest.fail(f"{MOSQUITTO} is missing: apt-get install mosquitto")
    return Mosquitto(folder).start()


@pytest.fixture
def rumqttd(tmp_path: Path) -> Iterator[Broker]:
    """sealhost's embedded broker."""
    started = make_broker("rumqttd", tmp_path / "rumqttd")
    yield started
    started.stop()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Broker]:
    """Debian's Mosquitto 2."""
    started = make_broker("mosquitto", tmp_path / "mosquitto")
    yield started
    started.stop()


@pytest.fixture(params=["rumqttd", "mosquitto"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """Either broker: the test runs once with each."""
    started = make_broker(request.param, tmp_path / "broker")
    yield started
    started.stop()
