"""The embedded broker: where it listens, when it ends, and what it says when it cannot start."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sealhost.links.broker as broker_module
from sealhost.links.address import BrokerAddress
from sealhost.links.broker import BrokerError, EmbeddedBroker
from sealhost.links.mqtt import MqttLink


def _listening_addresses(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            if state == "0A" and int(local.split(":")[1], 16) == port:
                found.add(local.split(":")[0])
    return found


def test_embedded_broker_listens_on_loopback_only(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path) as broker:
        assert _listening_addresses(broker.port) == {"0100007F"}


def test_what_a_listener_accepts_sends_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert broker_module._set_nodelay(listener.fileno())
        with socket.create_connection(listener.getsockname()) as client:
            accepted, _ = listener.accept()
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert not broker_module._set_nodelay(client.fileno())
            accepted.close()
    assert not broker_module._set_nodelay(0)


def test_embedded_broker_refuses_a_port_in_use_with_a_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} .* choose another port"):
            EmbeddedBroker(tmp_path, port).start()


def test_embedded_broker_names_the_missing_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BrokerError, match="pip install iotcore"):
        EmbeddedBroker(tmp_path).start()


def test_embedded_broker_that_ends_at_its_start_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "_CONFIG", "nonsense = [")
    broker = EmbeddedBroker(tmp_path)
    with pytest.raises(BrokerError, match=r"ended at its start .*rumqttd\.log"):
        broker.start()
    assert not broker.running


def test_embedded_broker_starts_again_on_the_same_port(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path) as broker:
        port = broker.port
        broker.stop()
        assert not broker.running
        with EmbeddedBroker(tmp_path, port) as again:
            assert again.port == port
            assert again.running


def test_embedded_broker_dies_with_a_killed_parent(tmp_path: Path) -> None:
    host = Path(broker_module.__file__).parents[2]
    script = (
        f"import sys, signal; sys.path.insert(0, {str(host)!r})\n"
        "from sealhost.links.broker import EmbeddedBroker\n"
        f"broker = EmbeddedBroker({str(tmp_path)!r}).start()\n"
        "print(broker.pid, broker.port, flush=True)\n"
        "signal.pause()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, port = map(int, parent.stdout.readline().split())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while _listening_addresses(port) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _listening_addresses(port), f"broker {pid} outlived its parent"


def test_embedded_broker_lets_in_only_its_users(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path, users={'ho"st': "a\\b c"}) as broker:
        right = MqttLink(BrokerAddress(broker.host, broker.port, 'ho"st', "a\\b c"), "right")
        wrong = MqttLink(BrokerAddress(broker.host, broker.port, 'ho"st', "guess"), "wrong")
        right.start()
        wrong.start()
        try:
            assert right.wait_connected(20)
            assert not wrong.wait_connected(0.3)
        finally:
            right.stop()
            wrong.stop()
    assert (tmp_path / "rumqttd.toml").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://broker.example", BrokerAddress("broker.example", 1883)),
        ("mqtts://me:p%40ss@broker.example:8884", BrokerAddress("broker.example", 8884, "me", "p@ss", tls=True)),
        ("mqtt://[::1]:1/", BrokerAddress("::1", 1)),
    ],
)
def test_broker_urls_are_read(url: str, address: BrokerAddress) -> None:
    assert BrokerAddress.parse(url) == address


@pytest.mark.parametrize("url", ["http://broker", "broker:1883", "mqtt://", "mqtt://broker/topic", "mqtt://broker?x=1"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="a broker URL"):
        BrokerAddress.parse(url)


def test_an_address_does_not_show_its_password() -> None:
    assert "secret" not in repr(BrokerAddress.parse("mqtt://me:secret@broker"))
