"""Browsers' way to the broker: `/mqtt` over real WebSockets, with real brokers behind it and bad clients before it."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from paho.mqtt.enums import CallbackAPIVersion
from sealhost.links.broker import EmbeddedBroker
from sealhost.web import relay as relay_module
from sealhost.web import websocket as websocket_module
from sealhost.web.relay import MAX_PACKET_BYTES, Broker, EndedError, Packets, Relay
from sealhost.web.server import WebServer
from sealwire import topics
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.brokers import Broker as AnyBroker
from tests.brokers import Mosquitto, broker, free_port, mosquitto, rumqttd  # noqa: F401
from tests.host.daemon import HostProcess, eventually
from tests.host.village import People

WAIT_S = 30.0
CONNECT = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02ws"
CONNACK = b"\x20\x02\x00\x00"


class Way:
    """A web server with a relay to a broker, and clients of it."""

    def __init__(self, host: str, port: int, **options: Any) -> None:
        self.relay = Relay(Broker(host, port, options.pop("tls", None)), **options)
        self.server = WebServer(Starlette(routes=[WebSocketRoute("/mqtt", self.relay.serve)]), "127.0.0.1", 0)
        self.server.start()
        self._clients: list[paho.Client] = []

    def socket(self, **options: Any) -> contextlib.AbstractContextManager[ClientConnection]:
        """A WebSocket, as a browser opens it; closed at the end of the `with`."""
        options = {"subprotocols": ["mqtt"], "compression": None, "max_size": None, **options}
        opened: contextlib.AbstractContextManager[ClientConnection] = connect(
            f"ws://127.0.0.1:{self.server.port}/mqtt", **options
        )
        return opened

    def client(self, name: str, heard: Callable[[paho.MQTTMessage], None] | None = None, *filters: str) -> paho.Client:
        """A connected MQTT client over it, subscribed; paho sends an Origin as browsers do."""
        made = Client(self.server.port, name, heard, *filters)
        self._clients.append(made.paho)
        made.connect()
        return made.paho

    def close(self) -> None:
        """End clients and server."""
        for client in self._clients:
            client.disconnect()
            client.loop_stop()
        self.server.stop()


class Client:
    """paho over WebSocket."""

    def __init__(
        self, port: int, name: str, heard: Callable[[paho.MQTTMessage], None] | None, *filters: str, **words: str
    ) -> None:
        self._filters = filters
        self._port = port
        self.ready = threading.Event()
        self.refused = threading.Event()
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, transport="websockets")
        client.username_pw_set(words.get("user"), words.get("password"))
        client.on_connect = self._on_connect
        client.on_disconnect = lambda *arguments: self.refused.set()
        client.on_subscribe = lambda *arguments: self.ready.set()
        client.on_message = lambda _client, _data, message: heard(message) if heard else None
        client.reconnect_delay_set(1, 1)
        self.paho = client

    def connect(self) -> None:
        """Return when subscribed, or connected if there is nothing to subscribe to."""
        self.begin()
        assert self.ready.wait(WAIT_S)

    def begin(self) -> None:
        """Start connecting."""
        self.paho.connect_async("127.0.0.1", self._port)
        self.paho.loop_start()

    def _on_connect(self, client: paho.Client, data: object, flags: object, reason: Any, properties: object) -> None:
        if not reason.is_failure and self._filters:
            client.subscribe([(topic, 1) for topic in self._filters])
        elif not reason.is_failure:
            self.ready.set()


class Heard:
    """Collects payloads."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    def __call__(self, message: paho.MQTTMessage) -> None:
        self.payloads.append(bytes(message.payload))


@pytest.fixture
def way(broker: AnyBroker) -> Iterator[Way]:  # noqa: F811
    """To either broker."""
    made = Way(broker.host, broker.port)
    yield made
    made.close()


@pytest.fixture
def quick(rumqttd: AnyBroker) -> Iterator[Way]:  # noqa: F811
    """To the embedded broker only."""
    made = Way(rumqttd.host, rumqttd.port)
    yield made
    made.close()


def ends(connection: ClientConnection) -> tuple[int, str]:
    """Read until the other side closes; its code and reason."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            connection.recv(WAIT_S)
    return connection.close_code or 0, connection.close_reason or ""


def publish(topic: str, payload: bytes) -> bytes:
    """A PUBLISH of QoS 0."""
    body = len(topic).to_bytes(2, "big") + topic.encode() + payload
    size, length = len(body), bytearray()
    while True:
        length.append(size & 0x7F | (0x80 if size > 0x7F else 0))
        size >>= 7
        if not size:
            return b"\x30" + bytes(length) + body


# --- what it is for ---


def test_messages_go_both_ways_unchanged(way: Way):
    first, second = Heard(), Heard()
    one = way.client("one", first, "to/one")
    two = way.client("two", second, "to/two")
    payloads = [os.urandom(size) for size in (0, 1, 100, 127, 128, 4096, 8192)]
    for payload in payloads:
        one.publish("to/two", payload, 1)
        two.publish("to/one", payload, 1)
    eventually(lambda: first.payloads == second.payloads == payloads, "their arrival")


def test_browsers_own_password_decides_and_nothing_of_the_relay(tmp_path: Path):
    with EmbeddedBroker(tmp_path, users={"wang": "right"}) as guarded:
        way = Way(guarded.host, guarded.port)
        right = Client(way.server.port, "right", None, user="wang", password="right")
        wrong = Client(way.server.port, "wrong", None, user="wang", password="left")
        none = Client(way.server.port, "none", None)
        try:
            right.connect()
            for client in (wrong, none):
                client.begin()
                assert client.refused.wait(WAIT_S)
                assert not client.ready.is_set()
        finally:
            for client in (right, wrong, none):
                client.paho.disconnect()
                client.paho.loop_stop()
            way.close()


def test_people_reach_the_running_host_and_hear_its_receipt(tmp_path: Path):
    people = People()
    host = HostProcess(tmp_path / "home", people, None).start()
    heard = Heard()
    kid = people.authority.kid
    client = Client(int(host.info()["http"].rpartition(":")[2]), "app", heard, topics.inbox(people.site, kid))
    try:
        client.connect()
        client.paho.publish(topics.host_in(people.site, kid), people.matters_message(), 1)
        eventually(lambda: heard.payloads, "the receipt")
    finally:
        client.paho.disconnect()
        client.paho.loop_stop()
        host.stop()


def test_broker_with_tls_is_checked(tmp_path: Path):
    certificate, key = _certificate(tmp_path)
    lines = f"\nlistener {(port := free_port())} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\n"
    guarded = Mosquitto(tmp_path, lines=lines).start()
    trusting = Way("127.0.0.1", port, tls=ssl.create_default_context(cafile=str(certificate)))
    strange = Way("127.0.0.1", port, tls=ssl.create_default_context())
    heard = Heard()
    try:
        trusting.client("one", heard, "t").publish("t", b"over TLS", 1)
        eventually(lambda: heard.payloads == [b"over TLS"], "its arrival")
        with strange.socket() as refused:
            refused.send(CONNECT)
            assert ends(refused) == (1014, "the broker does not answer; try again later")
    finally:
        trusting.close()
        strange.close()
        guarded.stop()


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "broker.crt").write_bytes(certificate.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "broker.key").write_bytes(private)
    return folder / "broker.crt", folder / "broker.key"


# --- what is too much ---


def test_packet_at_the_cap_passes_and_one_byte_more_is_named(quick: Way):
    topic = "t" * 100
    heard = Heard()
    quick.client("reader", heard, topic)
    for extra in (0, 1):
        with quick.socket() as browser:
            browser.send(CONNECT)
            assert browser.recv(WAIT_S) == CONNACK
            browser.send(publish(topic, bytes(MAX_PACKET_BYTES - 102 + extra)))
            if extra:
                assert ends(browser) == (1009, "a packet of 8705 bytes: at most 8704 are relayed")
            else:
                eventually(lambda: heard.payloads == [bytes(MAX_PACKET_BYTES - 102)], "its arrival")


@pytest.mark.parametrize("size", [65_000, 65_536, 10_000_000])
def test_large_payload_ends_its_sender_by_name_and_nobody_else(quick: Way, size: int):
    heard = Heard()
    neighbour = quick.client("neighbour", heard, "#")
    with quick.socket() as browser:
        browser.send(CONNECT)
        assert browser.recv(WAIT_S) == CONNACK
        with contextlib.suppress(ConnectionClosed):  # it may hear of its end while it still sends
            browser.send(publish("t", bytes(size)))
        assert ends(browser)[0] == 1009
    neighbour.publish("t", b"still here", 1)
    eventually(lambda: heard.payloads == [b"still here"], "the neighbour's message")


def test_large_packet_in_small_messages_is_too_large_as_well(quick: Way):
    packet = publish("t", bytes(100_000))
    with quick.socket() as browser:
        browser.send(CONNECT)
        assert browser.recv(WAIT_S) == CONNACK
        with contextlib.suppress(ConnectionClosed):
            for at in range(0, len(packet), 1000):
                browser.send(packet[at : at + 1000])
        assert ends(browser) == (1009, "a packet of 100003 bytes: at most 8704 are relayed")


def test_clients_that_never_read_are_cut_and_hold_no_more_than_buffers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(websocket_module, "STALL_S", 0.5)
    offered = 512 * 1024 * 1024
    sent, cut = [0], threading.Event()

    def pour(peer: socket.socket) -> None:
        try:
            while sent[0] < offered:
                sent[0] += peer.send(bytes(65_536))
        except OSError:
            cut.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        way = Way("127.0.0.1", listener.getsockname()[1])
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", way.server.port))
        _shake_hands(deaf)
        deaf.sendall(_frame(CONNECT))
        listener.settimeout(WAIT_S)
        peer, _ = listener.accept()
        thread = threading.Thread(target=pour, args=(peer,))
        thread.start()
        try:
            assert cut.wait(WAIT_S), "the broker's side was never cut"
            assert sent[0] < 64 * 1024 * 1024  # what both hops' kernel buffers hold, and a little of ours
            eventually(lambda: way.relay.clients == 0, "its place being free")
        finally:
            peer.close()
            thread.join()
            deaf.close()
            way.close()


def test_broker_that_takes_nothing_ends_the_sender_by_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(relay_module, "BROKER_STALL_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        way = Way("127.0.0.1", listener.getsockname()[1])
        packet = publish("t", bytes(8000))
        with way.socket() as browser:
            browser.send(CONNECT)
            listener.settimeout(WAIT_S)
            peer, _ = listener.accept()
            with contextlib.suppress(ConnectionClosed):
                for _ in range(8000):  # 64 MB: the relay stops reading long before
                    browser.send(packet)
            assert ends(browser) == (1014, "the broker takes no more; try again later")
        peer.close()
        way.close()


def test_two_hundred_clients_at_once_and_the_next_is_told_to_wait(rumqttd: AnyBroker):  # noqa: F811
    way = Way(rumqttd.host, rumqttd.port, max_clients=200, max_clients_per_address=200)
    with contextlib.ExitStack() as stack:
        stack.callback(way.close)
        browsers = []
        for number in range(200):
            browsers.append(stack.enter_context(way.socket()))
            name = b"c%03d" % number
            browsers[-1].send(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04" + name)
            browsers[-1].send(b"\x82\x09\x00\x01\x00\x04" + name + b"\x00")
        for browser in browsers:
            got = b""
            while len(got) < 9:  # CONNACK and SUBACK
                got += browser.recv(WAIT_S, decode=False)
        with way.socket() as late:
            assert ends(late) == (1013, "too many clients are connected; try again later")
        browsers[0].send(b"".join(publish(f"c{number:03d}", b"hello") for number in range(200)))
        for number, browser in enumerate(browsers):
            assert browser.recv(WAIT_S) == publish(f"c{number:03d}", b"hello")
        browsers[-1].close()
        eventually(lambda: way.relay.clients == 199, "the place being free")
        with way.socket() as again:
            again.send(CONNECT)
            assert again.recv(WAIT_S) == CONNACK


def test_one_address_cannot_take_all_places(rumqttd: AnyBroker):  # noqa: F811
    way = Way(rumqttd.host, rumqttd.port, max_clients_per_address=1)
    with way.socket() as first:
        first.send(CONNECT)
        assert first.recv(WAIT_S) == CONNACK
        with way.socket() as second:
            assert ends(second) == (1013, "too many clients are connected from this address; try again later")
    way.close()


# --- what is no MQTT ---


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 1002, "not MQTT: the first packet must be CONNECT"),
        (publish("t", b"before CONNECT"), 1002, "not MQTT: the first packet must be CONNECT"),
        (b"\x10\xff\xff\xff\xff\x7f", 1002, "not MQTT: a packet's length has at most four bytes"),
        (b"\x10\xff\xff\xff\x7f", 1009, "a packet of 268435455 bytes: at most 8704 are relayed"),
        ("text", 1003, "MQTT comes in binary messages"),
    ],
)
def test_garbage_is_named_before_the_broker_hears_of_it(data: bytes | str, code: int, reason: str):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        way = Way("127.0.0.1", listener.getsockname()[1])
        with way.socket() as browser:
            browser.send(data)
            assert ends(browser) == (code, reason)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
        way.close()


def test_garbage_after_connect_ends_only_its_sender(way: Way):
    heard = Heard()
    neighbour = way.client("neighbour", heard, "t")
    for garbage in (b"\xff" * 50, b"\x00" * 50, b"\x10\x00" * 9, os.urandom(3000)):
        with way.socket() as browser:
            browser.send(CONNECT)
            with contextlib.suppress(ConnectionClosed):
                browser.recv(WAIT_S)
                browser.send(garbage)
                browser.send(b"\x30\x80\x80\x80\x80\x01")  # whatever the broker made of it, this ends it
            assert ends(browser)[0] in (1000, 1002, 1009, 1014)
    neighbour.publish("t", b"still here", 1)
    eventually(lambda: heard.payloads == [b"still here"], "the neighbour's message")


def test_silent_client_is_asked_to_leave(quick: Way, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(relay_module, "CONNECT_S", 0.2)
    with quick.socket() as browser:
        browser.send(CONNECT[:-1])
        assert ends(browser) == (1008, "no CONNECT came in time")
    monkeypatch.setattr(relay_module, "CONNECT_S", WAIT_S)
    monkeypatch.setattr(relay_module, "IDLE_S", 0.2)
    with quick.socket() as browser:
        browser.send(CONNECT)
        assert ends(browser)[0] == 1008


def test_websocket_without_the_subprotocol_is_named(quick: Way):
    with quick.socket(subprotocols=None) as browser:
        assert ends(browser) == (1002, "the WebSocket subprotocol mqtt is needed")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://127.0.0.1:{port}", True),
        ("https://app.example", True),
        ("https://APP.example", True),
        ("https://app.example.evil", False),
        ("http://app.example", False),
        ("http://localhost:{port}", False),  # the Host that this browser asked was another
        ("http://127.0.0.1:1", False),
        ("http://127.0.0.1", False),
        ("http://127.0.0.1:99999", False),
        ("null", False),
        ("", False),
    ],
)
def test_only_pages_of_known_origins_may_connect(rumqttd: AnyBroker, origin: str | None, allowed: bool):  # noqa: F811
    way = Way(rumqttd.host, rumqttd.port, origins=["https://app.example/"])
    text = None if origin is None else origin.format(port=way.server.port)
    headers = {} if text is None else {"Origin": text}
    try:
        if allowed:
            with way.socket(additional_headers=headers) as browser:
                browser.send(CONNECT)
                assert browser.recv(WAIT_S) == CONNACK
        else:
            with pytest.raises(InvalidStatus) as refused:
                way.socket(additional_headers=headers)
            assert refused.value.response.status_code == 403
    finally:
        way.close()


def test_name_that_was_made_to_point_here_is_no_own_origin(quick: Way):
    name = f"evil.example:{quick.server.port}"
    request = _handshake().replace(b"Host: relay", f"Host: {name}\r\nOrigin: http://{name}".encode())
    with socket.create_connection(("127.0.0.1", quick.server.port), WAIT_S) as browser:
        browser.sendall(request)
        assert browser.recv(100).startswith(b"HTTP/1.1 403")


# --- ends ---


def test_broker_that_is_away_is_named(tmp_path: Path):
    way = Way("127.0.0.1", free_port())
    with way.socket() as browser:
        browser.send(CONNECT)
        assert ends(browser) == (1014, "the broker does not answer; try again later")
    way.close()


def test_broker_that_restarts_ends_its_clients_and_takes_them_back(way: Way, broker: AnyBroker):  # noqa: F811
    heard = Heard()
    client = Client(way.server.port, "app", heard, "t")
    client.connect()
    with way.socket() as browser:
        browser.send(CONNECT)
        assert browser.recv(WAIT_S) == CONNACK
        client.ready.clear()
        broker.stop()
        assert ends(browser) in (
            (1000, "the broker ended the connection"),
            (1014, "the connection to the broker was lost"),
        )
    broker.start()
    try:
        assert client.ready.wait(WAIT_S)
        client.paho.publish("t", b"again", 1)
        eventually(lambda: heard.payloads == [b"again"], "the message after the restart")
    finally:
        client.paho.disconnect()
        client.paho.loop_stop()


def test_cut_in_the_middle_of_a_packet_delivers_nothing_but_the_last_will(way: Way):
    heard = Heard()
    way.client("reader", heard, "t", "will")
    packet = publish("t", bytes(5000))
    connect_with_will = b"\x10\x1a\x00\x04MQTT\x04\x06\x00\x3c\x00\x02ws\x00\x04will\x00\x04gone"
    with socket.create_connection(("127.0.0.1", way.server.port), WAIT_S) as browser:
        _shake_hands(browser)
        browser.sendall(_frame(connect_with_will))
        got = b""
        while CONNACK not in got:
            got += _some(browser, 1000)
        browser.sendall(_frame(packet[:3000]) + _frame(packet[3000:])[:1000])
        eventually(lambda: way.relay.clients == 2, "its place")
    eventually(lambda: heard.payloads, "the will")
    assert heard.payloads == [b"gone"]
    eventually(lambda: way.relay.clients == 1, "the place being free")


def test_server_that_stops_says_so_to_its_clients(quick: Way):
    with quick.socket() as browser:
        browser.send(CONNECT)
        assert browser.recv(WAIT_S) == CONNACK
        quick.server.stop()
        assert ends(browser)[0] == 1012
    assert quick.relay.clients == 0


# --- the boundaries of packets ---


def test_packets_are_counted_however_they_are_cut():
    stream = CONNECT + publish("t", b"") + b"\xc0\x00" + publish("topic", bytes(300)) + b"\xe0\x00"
    for step in (1, 2, 3, 7, 64, len(stream)):
        packets = Packets()
        for at in range(0, len(stream), step):
            packets.feed(stream[at : at + step])
        assert packets.complete == 5


@pytest.mark.parametrize("step", [1, 2, 100])
def test_size_is_known_before_the_packet_is(step: int):
    stream = CONNECT + publish("t", bytes(20_000))[:4]
    packets = Packets()
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
    for piece in pieces[:-1]:
        packets.feed(piece)
    with pytest.raises(EndedError, match="20003 bytes"):
        packets.feed(pieces[-1])


def _handshake() -> bytes:
    return (
        b"GET /mqtt HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: mqtt\r\n\r\n"
    )


def _shake_hands(connection: socket.socket) -> None:
    connection.sendall(_handshake())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += _some(connection, 1)
    assert answer.startswith(b"HTTP/1.1 101")


def _some(connection: socket.socket, most: int) -> bytes:
    data = connection.recv(most)
    assert data, "the connection was cut"
    return data


def _frame(data: bytes) -> bytes:
    """A binary message, masked with zeros."""
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return b"\x82" + size + bytes(4) + data
