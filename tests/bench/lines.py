"""What carries messages: the WebSocket relay beside bare TCP, and how fast the box's MQTT client publishes."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from sealhost.links.broker import EmbeddedBroker
from sealhost.web.relay import Broker, Relay
from sealhost.web.server import WebServer
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from websockets.sync.client import connect

from tests.bench.figures import Figure, Found, in_turn
from tests.brokers import Mosquitto, make_broker
from tests.firmware.mqtt_vm import VmClient

WAIT_S = 30.0
ECHOES = 50
SIZES = (200, 8192)
BURST = 3000
TARGET_PER_S = 1000.0
CONNACK, SUBACK_SIZE = b"\x20\x02\x00\x00", 5


def measure(folder: Path) -> Found:
    """Both."""
    return Found([*_relay(folder / "relay"), *_publishing(folder)])


def _relay(folder: Path) -> list[Figure]:
    with ExitStack() as stack:
        broker = make_broker("mosquitto", folder)
        stack.callback(broker.stop)
        relay = Relay(Broker(broker.host, broker.port))
        server = WebServer(Starlette(routes=[WebSocketRoute("/mqtt", relay.serve)]), "127.0.0.1", 0)
        server.start()
        stack.callback(server.stop)
        url = f"ws://127.0.0.1:{server.port}/mqtt"
        browser = stack.enter_context(connect(url, subprotocols=["mqtt"], compression=None))  # type: ignore[list-item]
        bare = stack.enter_context(socket.create_connection((broker.host, broker.port), WAIT_S))
        bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        over_relay = _echo(browser.send, lambda: browser.recv(WAIT_S, decode=False), b"relay")
        over_tcp = _echo(bare.sendall, lambda: bare.recv(65_536), b"plain")
        figures = []
        for size in SIZES:
            found = in_turn(9, relay=partial(over_relay, size), tcp=partial(over_tcp, size))
            name = f"{size} bytes to the broker and back through /mqtt"
            figures.append(Figure(name, "ms", found["relay"], found["tcp"], "the same over bare TCP"))
    return figures


def _echo(send: Callable[[bytes], None], receive: Callable[[], bytes], name: bytes) -> Callable[[int], float]:
    """A client that is subscribed to what it publishes; milliseconds for a message of so many bytes to come back."""

    def take(size: int) -> bytes:
        got = b""
        while len(got) < size:
            more = receive()
            assert more, "the connection was cut"
            got += more
        return got

    send(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x3c\x00\x05" + name)
    assert take(len(CONNACK)) == CONNACK
    send(b"\x82\x0a\x00\x01\x00\x05" + name + b"\x00")
    take(SUBACK_SIZE)

    def once(size: int) -> float:
        body = b"\x00\x05" + name + bytes(size)
        packet = b"\x30" + bytes([len(body) & 0x7F | 0x80, len(body) >> 7]) + body
        began = time.perf_counter()
        for _ in range(ECHOES):
            send(packet)
            assert take(len(packet)) == packet
        return 1000 * (time.perf_counter() - began) / ECHOES

    return once


def _publishing(folder: Path) -> list[Figure]:
    figures = []
    for kind in ("rumqttd", "mosquitto"):
        broker: EmbeddedBroker | Mosquitto = make_broker(kind, folder / kind)
        try:
            with VmClient(broker.port) as client:
                client.event("connected")
                name = f"box VM: messages of 200 bytes published over {kind}, QoS 1, 8 in flight"
                rate = in_turn(3, rate=partial(_burst, client))["rate"]
                figures.append(Figure(name, "1/s", rate, target=TARGET_PER_S, more_is_better=True))
        finally:
            broker.stop()
    return figures


def _burst(client: VmClient) -> float:
    client.command("burst", BURST, "bench/out", 200)
    return float(BURST * 1000 / client.event("burst")[1])
