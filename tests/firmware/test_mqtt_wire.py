"""The box's MQTT client against a broker played by the test: what goes over the wire, and what bad brokers do."""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Iterator
from typing import Self

import pytest

from tests.firmware.mqtt_vm import WAIT_S, ChaosProxy, VmClient, shown

OPTIONS = {"backoff_ms": [10, 50], "filters": ["box/in"]}
CONNACK = b"\x20\x02\x00\x00"
CONNACK_SESSION_KEPT = b"\x20\x02\x01\x00"


class Played:
    """The broker's end of one connection, packet by packet."""

    def __init__(self, server: socket.socket, *, connack: bytes = CONNACK) -> None:
        server.settimeout(WAIT_S)
        self._socket, _ = server.accept()
        self._socket.settimeout(WAIT_S)
        first, self.connect = self.packet()
        assert first == 0x10
        self.send(connack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self._socket.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def packet(self) -> tuple[int, bytes]:
        """First byte and body of the next packet."""
        first = self._exactly(1)[0]
        size = shift = 0
        while True:
            byte = self._exactly(1)[0]
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return first, self._exactly(size)

    def subscribed(self) -> Self:
        """Answer the SUBSCRIBE that must come now."""
        first, body = self.packet()
        assert first == 0x82
        assert body[2:] == b"\x00\x06box/in\x01"
        self.send(b"\x90\x03" + body[:2] + b"\x01")
        return self

    def published(self) -> tuple[int, int, bytes]:
        """(first byte, packet id, payload) of the PUBLISH that must come now."""
        first, body = self.packet()
        assert first & 0xF0 == 0x30
        topic_end = 2 + int.from_bytes(body[:2], "big")
        return first, int.from_bytes(body[topic_end : topic_end + 2], "big"), body[topic_end + 2 :]

    def acknowledge(self, packet_id: int) -> None:
        self.send(b"\x40\x02" + packet_id.to_bytes(2, "big"))

    def ends(self) -> bool:
        """Whether the client closes the connection, whatever it sends before."""
        try:
            while True:
                self.packet()
        except (EOFError, ConnectionError):
            return True


def publish_packet(payload: bytes, *, packet_id: int = 1, topic: bytes = b"box/in", first: int = 0x32) -> bytes:
    """A PUBLISH to the box with QoS 1."""
    body = len(topic).to_bytes(2, "big") + topic + packet_id.to_bytes(2, "big") + payload
    size = bytearray()
    left = len(body)
    while left > 127:
        size.append(left & 127 | 128)
        left >>= 7
    size.append(left)
    return bytes([first]) + size + body


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def client(server: socket.socket) -> Iterator[VmClient]:
    with VmClient(server.getsockname()[1], options=OPTIONS) as started:
        yield started


def test_connect_asks_for_the_kept_session_and_leaves_a_retained_will(server):
    options = {**OPTIONS, "will": ["box/status", ""], "user": ["name", "word"], "keepalive_s": 30}
    with VmClient(server.getsockname()[1], options=options), Played(server) as broker:
        assert broker.connect == (
            b"\x00\x04MQTT\x04"
            b"\xec"  # user name, password, will retain, will QoS 1, will; not: clean session
            b"\x00\x1e"
            b"\x00\x03box\x00\x0abox/status\x00\x00\x00\x04name\x00\x04word"
        )


def test_at_most_eight_messages_are_in_flight(client, server):
    with Played(server) as broker:
        broker.subscribed()
        for number in range(10):
            client.publish(number, "box/out", b"%d" % number)
        came = [broker.published() for _ in range(8)]
        assert [payload for _, _, payload in came] == [b"%d" % number for number in range(8)]
        client.command("memory")
        client.event("taken", 7)
        assert len(client.had("taken")) == 8
        broker.acknowledge(came[0][1])
        client.event("acknowledged", 0)
        client.event("taken", 8)
        assert broker.published()[2] == b"8"
        assert len(client.had("taken")) == 9


def test_large_messages_in_flight_are_bounded_by_bytes(client, server):
    with Played(server) as broker:
        broker.subscribed()
        for number in range(4):
            client.publish(number, "box/out", bytes([number]) * 4000)
        first, second = broker.published(), broker.published()
        client.event("taken", 1)
        broker.acknowledge(first[1])
        client.event("taken", 2)
        assert len(client.had("taken")) == 3
        broker.acknowledge(second[1])
        assert broker.published()[2] == bytes([2]) * 4000


def test_unacknowledged_messages_go_again_first_marked_as_duplicates_under_their_ids(client, server):
    with Played(server) as broker:
        broker.subscribed()
        for number in range(3):
            client.publish(number, "box/out", b"%d" % number, retain=number == 2)
        came = [broker.published() for _ in range(3)]
        assert [first for first, _, _ in came] == [0x32, 0x32, 0x33]
        broker.acknowledge(came[1][1])
        client.event("acknowledged", 1)
    with Played(server, connack=CONNACK_SESSION_KEPT) as broker:
        client.publish(3, "box/out", b"3")
        broker.subscribed()
        again = [broker.published() for _ in range(3)]
        assert [(first, payload) for first, _, payload in again] == [(0x3A, b"0"), (0x3B, b"2"), (0x32, b"3")]
        assert [packet_id for _, packet_id, _ in again[:2]] == [came[0][1], came[2][1]]
        assert again[2][1] not in {came[0][1], came[2][1]}


def test_packet_ids_in_flight_are_never_given_again(client, server):
    with Played(server) as broker:
        broker.subscribed()
        client.publish(0, "box/out", b"held")
        _, held, _ = broker.published()
        client.command("burst", 66_000, "box/out", 1)
        for _ in range(66_000):
            _, packet_id, _ = broker.published()
            assert packet_id not in (0, held)
            broker.acknowledge(packet_id)


def test_a_puback_for_an_unknown_id_is_harmless(client, server):
    with Played(server) as broker:
        broker.subscribed()
        broker.acknowledge(4711)
        client.publish(0, "box/out", b"x")
        broker.acknowledge(broker.published()[1])
        client.event("acknowledged", 0)


def test_received_messages_are_acknowledged_in_order_the_oversized_one_too(client, server):
    with Played(server) as broker:
        broker.subscribed()
        broker.send(
            publish_packet(b"one", packet_id=7)
            + publish_packet(bytes(30_000), packet_id=5)
            + publish_packet(b"x", packet_id=6, topic=b"box/" + b"t" * 300)
            + publish_packet(b"two", packet_id=9)
        )
        assert [broker.packet() for _ in range(4)] == [(0x40, bytes([0, number])) for number in (7, 5, 6, 9)]
        assert [client.message(), client.message()] == [b"one", b"two"]


def test_packets_split_at_every_byte_are_read(client, server):
    with Played(server) as broker:
        broker.subscribed()
        large = publish_packet(b"x" * 2000)
        for packet in (publish_packet(b"one"), large):
            for at in range(len(packet)):
                broker.send(packet[at : at + 1])
        assert [client.message(), client.message()] == [b"one", shown(b"x" * 2000)]


BAD = {
    "length of five bytes": b"\x32\xff\xff\xff\xff\x01",
    "topic longer than its packet": b"\x32\x04\x00\x09ab",
    "publish with QoS 3": publish_packet(b"x", first=0x36),
    "publish with QoS 2": publish_packet(b"x", first=0x34),
    "empty publish": b"\x30\x00",
    "second CONNACK": CONNACK,
    "a client's packet": b"\xc0\x00",
    "PUBACK of wrong size": b"\x40\x03\x00\x01\x00",
    "reserved type": b"\x00\x00",
    "SUBACK of wrong size": b"\x90\x02\x00\x01",
}


@pytest.mark.parametrize("name", list(BAD))
def test_a_broken_packet_ends_the_connection_and_the_next_one_works(client, server, name):
    with Played(server) as broker:
        broker.subscribed()
        broker.send(BAD[name])
        broker.send(b"\xd0\x00" * 600)  # so that a length read from the packet cannot wait for ever
        assert broker.ends()
    with Played(server) as broker:
        broker.subscribed()
        broker.send(publish_packet(b"good"))
        assert client.message() == b"good"


@pytest.mark.parametrize("seed", range(8))
def test_garbage_from_a_broker_never_ends_the_client(client, server, seed):
    chance = random.Random(seed)
    for _ in range(10):
        with Played(server) as broker:
            kind = chance.choice([0x20, 0x30, 0x32, 0x33, 0x40, 0x90, 0xD0, chance.randrange(256)])
            broker.send(bytes([kind, chance.randrange(256)]) + chance.randbytes(chance.randrange(600)))
    with Played(server) as broker:
        broker.subscribed()
        broker.send(publish_packet(b"good"))
        assert client.message() == b"good"


@pytest.mark.parametrize("connack", [b"\x20\x02\x00\x05", b"\x20\x03\x00\x00\x00", b"\xd0\x00"])
def test_a_refused_connection_is_tried_again(client, server, connack):
    with Played(server, connack=connack) as broker:
        assert broker.ends()
    with Played(server) as broker:
        broker.subscribed()
        client.event("connected")


def test_a_refused_subscription_is_no_connection(client, server):
    with Played(server) as broker:
        _, body = broker.packet()
        broker.send(b"\x90\x03" + body[:2] + b"\x80")
        assert broker.ends()
    assert "broker refused a subscription" in client.event("log")[1]
    assert not client.had("connected")


def test_a_broker_that_acknowledges_nothing_is_left(server):
    options = {**OPTIONS, "keepalive_s": 1, "ack_timeout_ms": 600}
    with VmClient(server.getsockname()[1], options=options) as client:
        with Played(server) as broker:
            broker.subscribed()
            client.publish(0, "box/out", b"x")
            assert broker.published()[2] == b"x"
            while True:
                try:
                    if broker.packet()[0] == 0xC0:
                        broker.send(b"\xd0\x00")
                except (EOFError, ConnectionError):
                    break
        while "acknowledges nothing" not in client.event("log")[1]:
            pass


def test_reconnects_wait_longer_each_time_up_to_a_cap_and_never_alike():
    with ChaosProxy(("127.0.0.1", 1)) as proxy:
        proxy.refusing = True
        with VmClient(proxy.port, options={"backoff_ms": [16, 256]}) as client:
            delays: list[int] = []
            while len(delays) < 12:
                found = re.search(r"again in (\d+) ms", client.event("log")[1])
                assert found is not None
                delays.append(int(found[1]))
    limits = [min(256, 16 << number) for number in range(12)]
    assert all(limit / 2 <= delay <= limit for delay, limit in zip(delays, limits, strict=True)), delays
    assert len(set(delays[4:])) > 1, "no jitter"
