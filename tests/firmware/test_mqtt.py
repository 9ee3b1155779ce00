"""The box's MQTT client on the real VM, against both real brokers."""

from __future__ import annotations

import datetime
import ipaddress
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sealhost.links import Message
from sealhost.links.address import BrokerAddress
from sealhost.links.broker import EmbeddedBroker
from sealhost.links.mqtt import MqttLink

from tests.brokers import Broker, Mosquitto, broker, mosquitto, rumqttd  # noqa: F401
from tests.firmware.mqtt_vm import WAIT_S, ChaosProxy, VmClient, shown

Box = Callable[..., VmClient]
QUICK = {"backoff_ms": [10, 50]}


@pytest.fixture
def box(broker: Broker) -> Iterator[Box]:  # noqa: F811
    """Starts clients that subscribe to box/in; each has its connection and subscription when it is returned."""
    started: list[VmClient] = []

    def start(port: int = broker.port, **options: object) -> VmClient:
        client = VmClient(port, options={"filters": ["box/in"], **QUICK, **options})
        started.append(client)
        client.event("connected")
        return client

    yield start
    for client in started:
        client.kill()


class Peer:
    """The other side: publishes, and keeps what it is sent."""

    def __init__(self, link: MqttLink, topic_filter: str) -> None:
        self.link = link
        self.messages: list[Message] = []
        self._changed = threading.Condition()
        ready = threading.Event()
        link.subscribe(topic_filter, self._keep, retained=True)
        link.subscribe("ready", lambda message: ready.set())
        link.start()
        assert link.wait_connected(WAIT_S)
        link.publish("ready", b"")
        assert ready.wait(WAIT_S)

    def _keep(self, message: Message) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    def await_messages(self, condition: Callable[[list[Message]], bool]) -> list[Message]:
        """What came, once it fulfils the condition."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.messages), WAIT_S), self.messages[-5:]
            return list(self.messages)

    def send(self, payload: bytes, topic: str = "box/in", retain: bool = False) -> None:
        assert self.link.publish(topic, payload, retain=retain).wait(WAIT_S)


@pytest.fixture
def peer(broker: Broker) -> Iterator[Peer]:  # noqa: F811
    link = MqttLink(BrokerAddress(broker.host, broker.port), "peer", max_payload_bytes=250_000)
    yield Peer(link, "box/out/#")
    link.stop()


SIZES = (0, 1, 100, 120, 127, 128, 500, 511, 512, 513, 1023, 1024, 8191, 8192)


def test_messages_of_every_size_pass_whole_both_ways(box: Box, peer: Peer) -> None:
    client = box()
    for number, size in enumerate(SIZES):
        payload = bytes([number + 1]) * size
        peer.send(payload)
        assert client.message() == shown(payload)
        client.publish(number, "box/out", payload)
        assert peer.await_messages(lambda seen: len(seen) > number)[number].payload == payload  # noqa: B023


def test_a_payload_above_the_cap_is_refused_before_it_is_sent(box: Box, peer: Peer) -> None:
    client = box()
    client.publish(1, "box/out", bytes(8193))
    assert client.event("refused", 1)[2] == "payload above 8 KiB"
    client.publish(2, "box/out", b"next")
    assert peer.await_messages(lambda seen: len(seen) == 1)[0].payload == b"next"


@pytest.mark.parametrize("size", [8193, 20_000, 200_000])
def test_an_oversized_packet_is_passed_over_in_little_memory(box: Box, peer: Peer, size: int) -> None:
    client = box()
    peer.send(b"warm up")
    assert client.message() == b"warm up"
    peer.send(b"x" * size)
    peer.send(b"good")
    assert client.message() == b"good"
    dropped = [event[1] for event in client.had("log") if "dropped" in event[1]]
    assert dropped == [f"mqtt: dropped a message of {size} bytes"]
    client.command("memory")
    assert client.event("memory")[1] < 60_000


def test_a_packet_with_an_overlong_topic_is_passed_over(box: Box, peer: Peer) -> None:
    client = box(filters=["box/#"])
    peer.send(b"x", topic="box/" + "t" * 3000)
    peer.send(b"good")
    assert client.message() == b"good"


def test_a_retained_command_is_dropped_at_every_start(box: Box, peer: Peer) -> None:
    peer.send(b"open!", retain=True)
    for _ in range(2):
        client = box(clean=True)
        peer.send(b"live")
        assert client.message() == b"live"
        client.kill()


def test_a_handlers_exception_is_one_log_line(box: Box, peer: Peer) -> None:
    client = box()
    client.command("fail", 1)
    peer.send(b"one")
    peer.send(b"two")
    assert [client.message(), client.message()] == [b"one", b"two"]
    assert ["log", "mqtt: handler: RuntimeError: the handler fails"] in client.events


def test_the_last_will_empties_the_retained_status(box: Box, peer: Peer) -> None:
    client = box(will=["box/out/status", ""])
    client.publish(1, "box/out/status", b"checkpoint", retain=True)
    peer.await_messages(lambda seen: [message.payload for message in seen] == [b"checkpoint"])
    client.kill()
    peer.await_messages(lambda seen: len(seen) >= 2 and seen[-1].payload == b"")
    late = Peer(MqttLink(peer.link._address, "late"), "box/out/status")
    try:
        assert [message for message in late.messages if message.payload] == []
    finally:
        late.link.stop()


def test_messages_for_a_box_that_was_away_wait_for_it(box: Box, peer: Peer) -> None:
    box().kill()
    for index in range(20):
        peer.send(b"%d" % index)
    client = box()
    while len(client.had("message")) < 20:  # the first came before "connected"
        client.event("message")
    assert [bytes.fromhex(event[2]) for event in client.had("message")] == [b"%d" % index for index in range(20)]


def test_the_client_survives_a_restart_of_the_broker(box: Box, broker: Broker) -> None:  # noqa: F811
    client = box(filters=["box/out"])
    broker.stop()
    for number in range(8):
        client.publish(number, "box/out", b"%d" % number)
        client.event("taken", number)
    broker.start()
    while len(client.had("acknowledged")) < 8:  # in whatever order the VM wakes those who wait
        client.event("acknowledged")
    client.publish(8, "box/out", b"last")
    while client.message() != b"last":
        pass
    payloads = [bytes.fromhex(event[2]) for event in client.had("message")]
    assert sorted(set(payloads)) == [*(b"%d" % number for number in range(8)), b"last"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_message_arrives_in_order_despite_cuts_at_random_points(
    box: Box,
    peer: Peer,
    broker: Broker,  # noqa: F811
    seed: int,
) -> None:
    """After leaving out repetitions, both sides have everything once, in order."""
    count = 120
    sent_to_box = [b"in %d " % number + bytes(number * 5) for number in range(count)]
    sent_by_box = [b"out %d " % number + bytes(number * 5) for number in range(count)]
    with ChaosProxy((broker.host, broker.port), seed=seed, cut_after=(3000, 20_000), pieces=(1, 900)) as proxy:
        client = VmClient(proxy.port, options={"filters": ["box/in"], **QUICK, "keepalive_s": 2})
        try:
            client.event("connected")
            for number in range(count):
                client.publish(number, "box/out", sent_by_box[number])
                peer.link.publish("box/in", sent_to_box[number])
            for number in range(count):
                client.event("taken", number)
            came = peer.await_messages(lambda seen: len({message.payload for message in seen}) == count)
            while len({event[2] for event in client.had("message")}) < count:
                client.event("message")
        finally:
            client.kill()
        assert proxy.cuts >= 3, "the proxy did not cut: this run shows nothing"
    assert list(dict.fromkeys(message.payload for message in came)) == sent_by_box
    assert [bytes.fromhex(text) for text in dict.fromkeys(event[2] for event in client.had("message"))] == sent_to_box


def test_a_half_open_connection_is_found_and_replaced(box: Box, peer: Peer, broker: Broker) -> None:  # noqa: F811
    with ChaosProxy((broker.host, broker.port)) as proxy:
        client = box(proxy.port, keepalive_s=1)
        proxy.frozen = True
        client.publish(1, "box/out", b"into the void")
        while "fell silent" not in client.event("log")[1]:
            pass
        proxy.frozen = False
        client.event("acknowledged", 1)
        assert len(proxy.accepted) >= 2
        assert peer.await_messages(lambda seen: len(seen) >= 1)[0].payload == b"into the void"


def test_a_quiet_connection_is_kept_alive_by_pings(box: Box, broker: Broker) -> None:  # noqa: F811
    with ChaosProxy((broker.host, broker.port)) as proxy:
        client = box(proxy.port, keepalive_s=1)
        with pytest.raises(AssertionError, match="no log"):
            client.event("log", timeout_s=4)  # twice what a broker lets a silent client have
        assert len(proxy.accepted) == 1


def test_name_and_password_are_sent(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path, users={"box": "correct"}) as guarded:
        with VmClient(guarded.port, options={"user": ["box", "correct"], **QUICK}) as right:
            right.event("connected")
        with VmClient(guarded.port, options={"user": ["box", "wrong"], **QUICK}) as wrong:
            assert "again in" in wrong.event("log")[1]
            assert not wrong.had("connected")


def _certificate(folder: Path, address: str) -> str:
    """mosquitto.conf lines for TLS with a fresh self-signed certificate, left in cert.der too."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test broker")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address)), x509.DNSName(address)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    (folder / "cert.der").write_bytes(certificate.public_bytes(serialization.Encoding.DER))
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = (serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))
    return f"certfile {folder}/cert.pem\nkeyfile {folder}/key.pem\n"


def test_tls_carries_large_messages_and_checks_the_certificate(tmp_path: Path) -> None:
    lines = _certificate(tmp_path / "right", "127.0.0.1")
    _certificate(tmp_path / "wrong", "127.0.0.1")
    guarded = Mosquitto(tmp_path, lines=lines).start()
    try:
        options = {"filters": ["box/in"], **QUICK}
        with VmClient(guarded.port, options=options, tls_ca=str(tmp_path / "right" / "cert.der")) as client:
            client.event("connected")
            for number in range(5):
                client.publish(number, "box/in", bytes([number]) * 8192)
            assert [client.message() for _ in range(5)] == [shown(bytes([number]) * 8192) for number in range(5)]
        with VmClient(guarded.port, options=options, tls_ca=str(tmp_path / "wrong" / "cert.der")) as fooled:
            assert fooled.event("log")[1].startswith("mqtt: MqttError: TLS: The certificate is not correctly signed")
            assert not fooled.had("connected")
    finally:
        guarded.stop()
