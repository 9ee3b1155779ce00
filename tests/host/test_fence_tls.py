"""TLS to a broker: a certificate that does not hold is refused and named in one line, and nothing hangs."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sealhost.fence import x509 as build
from sealhost.fence.ca import DAY_S, CertificateAuthority, Credentials
from sealhost.links.address import BrokerAddress
from sealhost.links.mqtt import MqttLink
from sealhost.links.tls import TlsFileError, client_context, load_certificate
from sealwire import topics

from tests.host.daemon import eventually
from tests.host.fenced import BOX, HOST, KEEPER, OFFICER, SITE, WAIT_S, Fence


@pytest.fixture
def fence(tmp_path: Path) -> Iterator[Fence]:
    with closing(Fence(tmp_path)) as made:
        yield made


@pytest.fixture
def link() -> Iterator[Callable[..., MqttLink]]:
    """Makes links that end with the test."""
    made: list[MqttLink] = []

    def make(fence: Fence, name: str = "127.0.0.1", kid: bytes | None = HOST, **options: object) -> MqttLink:
        context = fence.context(kid)
        link = MqttLink(BrokerAddress(name, fence.devices_port, tls=True), "sealhost-test", tls=context)
        link.start()
        made.append(link)
        return link

    yield make
    for one in made:
        one.stop()


def trouble(link: MqttLink, words: str) -> str:
    """What the link says is wrong, once it says this."""
    end = time.monotonic() + WAIT_S
    while words not in link.trouble:
        assert time.monotonic() < end, f"it says {link.trouble!r}"
        time.sleep(0.02)
    assert "\n" not in link.trouble
    return link.trouble


def serve(fence: Fence, given: Credentials) -> None:
    """Start the broker with another certificate."""
    assert given.key is not None
    (fence.files.folder / "server.pem").write_bytes(build.pem(given.certificate))
    (fence.files.folder / "server.key").write_bytes(build.key_pem(given.key))
    fence.broker.start()


def test_host_connects_by_its_certificate(fence: Fence, link: Callable[..., MqttLink]) -> None:
    fence.broker.start()
    connected = link(fence)
    assert connected.wait_connected(WAIT_S)
    assert (connected.trouble, connected.refused) == ("", False)


def test_expired_certificate_of_the_broker_is_named_and_tried_again_until_it_is_renewed(
    fence: Fence, link: Callable[..., MqttLink]
) -> None:
    past = CertificateAuthority.load(fence.ca.folder, lambda: int(time.time()) - 400 * DAY_S)
    serve(fence, past.issue_server(["127.0.0.1"], days=30))
    refused = link(fence)
    assert trouble(refused, "expired").startswith(f"the broker at 127.0.0.1:{fence.devices_port}: ")
    assert refused.refused
    assert not refused.connected
    renewed = fence.ca.renew("127.0.0.1").certificate
    (fence.files.folder / "server.pem").write_bytes(build.pem(renewed))
    fence.reload()
    eventually(lambda: refused.connected, "the connection")
    assert refused.trouble == ""


def test_certificate_that_is_not_valid_yet_is_named(fence: Fence, link: Callable[..., MqttLink]) -> None:
    future = CertificateAuthority.load(fence.ca.folder, lambda: int(time.time()) + 30 * DAY_S)
    serve(fence, future.issue_server(["127.0.0.1"]))
    assert "clock" in trouble(link(fence), "not valid yet")


def test_certificate_for_another_host_is_named(fence: Fence, link: Callable[..., MqttLink]) -> None:
    serve(fence, fence.ca.issue_server(["broker.example", "192.0.2.1"]))
    trouble(link(fence), "another address")
    trouble(link(fence, "localhost"), "another host name")


def test_certificate_of_another_ca_is_named(fence: Fence, link: Callable[..., MqttLink], tmp_path: Path) -> None:
    other = CertificateAuthority.create(tmp_path / "other", "test")
    serve(fence, other.issue_server(["127.0.0.1"]))
    trouble(link(fence), "not trusted here")


def test_self_signed_certificate_is_named(fence: Fence, link: Callable[..., MqttLink]) -> None:
    key = build.new_key()
    now = int(time.time())
    made = build.root("127.0.0.1", key, build.Span(now - 10, now + DAY_S))
    (fence.files.folder / "server.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (fence.files.folder / "server.key").write_bytes(build.key_pem(build.key_der(key)))
    fence.broker.start()
    trouble(link(fence), "self-signed")


def test_client_without_a_certificate_is_told_so(fence: Fence, link: Callable[..., MqttLink]) -> None:
    fence.broker.start()
    trouble(link(fence, kid=None), "it wants a client certificate")


@pytest.mark.parametrize("how", ["expired", "another ca", "server's"])
def test_client_certificate_that_does_not_hold_gets_nobody_in(
    fence: Fence, link: Callable[..., MqttLink], tmp_path: Path, how: str
) -> None:
    fence.broker.start()
    past = CertificateAuthority.load(fence.ca.folder, lambda: int(time.time()) - 400 * DAY_S)
    given = {
        "expired": lambda: past.issue_host(HOST, days=30),
        "another ca": lambda: CertificateAuthority.create(tmp_path / "other", "other").issue_host(HOST),
        "server's": lambda: fence.ca.issue_server([HOST.hex()]),
    }[how]()
    context = fence.context(credentials=given)
    refused = MqttLink(BrokerAddress("127.0.0.1", fence.devices_port, tls=True), "sealhost-test", tls=context)
    refused.start()
    try:
        said = trouble(refused, "the broker at")
        assert refused.refused or "ended the connection" in said
        assert not refused.connected
    finally:
        refused.stop()


def test_revoked_certificate_gets_nobody_in_and_its_standing_connection_is_mute(fence: Fence) -> None:
    fence.broker.start()
    host, box = fence.device(HOST), fence.device(BOX)
    host.subscribe(*topics.host_filters(SITE))
    box.subscribe(topics.box_in_filter(SITE, BOX))
    stolen = fence.credentials(BOX)
    fence.ca.revoke(BOX)
    fence.refresh()
    host.publish(topics.box_in(SITE, BOX, HOST), b"secret")
    box.publish(topics.box_out(SITE, BOX), b"forged")
    assert fence.delivered(host, topics.host_in(SITE, KEEPER)) == []
    assert box.heard == []
    box.stop()
    with pytest.raises((OSError, AssertionError)):
        assert fence.device(BOX, stolen).connected
    fence.refresh(people=frozenset([KEEPER, OFFICER]))  # a second list, and a second certificate on it
    anew = fence.ca.issue_box(BOX)
    fence.refresh()
    again = fence.device(BOX, anew)
    assert again.connected
    again.publish(topics.box_out(SITE, BOX), b"a new key")
    host.wait_heard(topics.box_out(SITE, BOX), b"a new key")
    with pytest.raises((OSError, AssertionError)):
        assert fence.device(BOX, stolen).connected


def test_broker_that_says_nothing_in_the_handshake_is_given_up_and_tried_again(
    fence: Fence, link: Callable[..., MqttLink], caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", fence.devices_port)) as silent:
        accepted = []
        threading.Thread(target=lambda: accepted.append(silent.accept()), daemon=True).start()
        with caplog.at_level(logging.WARNING):
            waiting = link(fence)
            trouble(waiting, "does not answer in time")
        for connection, _ in accepted:
            connection.close()
    fence.broker.start()
    eventually(lambda: waiting.connected, "the connection")
    assert caplog.text.count("does not answer in time") >= 1


def test_plain_listener_behind_mqtts_is_named(fence: Fence, link: Callable[..., MqttLink]) -> None:
    fence.broker.start()
    context = fence.context(HOST)
    wrong = MqttLink(BrokerAddress("127.0.0.1", fence.loopback, tls=True), "sealhost-test", tls=context)
    wrong.start()
    try:
        said = trouble(wrong, "the broker at")
        assert "TLS" in said or "ended" in said
    finally:
        wrong.stop()


def test_files_that_cannot_be_used_are_named(fence: Fence, tmp_path: Path) -> None:
    nothing, empty = tmp_path / "nothing.pem", tmp_path / "empty.pem"
    empty.write_text("no PEM")
    box, host = fence.ca.issue_box(BOX), fence.ca.issue_host(HOST)
    assert box.key is not None
    certificate, key = tmp_path / "host.pem", tmp_path / "box.key"
    certificate.write_bytes(build.pem(host.certificate))
    key.write_bytes(build.key_pem(box.key))
    for arguments, says in (
        ((nothing,), "nothing.pem cannot be read: No such file"),
        ((empty,), "holds no CA certificate"),
        ((fence.ca.set_file, nothing), "nothing.pem cannot be read"),
        ((fence.ca.set_file, empty), "hold no certificate and key"),
        ((fence.ca.set_file, certificate, key), "is not the certificate of the key"),
        ((fence.ca.set_file, None, key), "needs its certificate too"),
    ):
        with pytest.raises(TlsFileError, match=says) as raised:
            client_context(*arguments)
        assert "\n" not in str(raised.value)


def test_renewed_certificate_is_used_from_the_next_connection_on(fence: Fence, tmp_path: Path) -> None:
    fence.broker.start()
    given = fence.ca.issue_host(HOST)
    assert given.key is not None
    file, key = tmp_path / "host.pem", tmp_path / "host.key"
    file.write_bytes(build.pem(given.certificate))
    key.write_bytes(build.key_pem(given.key))
    context = client_context(fence.ca.set_file, file, key)
    link = MqttLink(BrokerAddress("127.0.0.1", fence.devices_port, tls=True), "sealhost-test", tls=context)
    link.start()
    try:
        assert link.wait_connected(WAIT_S)
        file.write_bytes(build.pem(fence.ca.renew(HOST).certificate))
        load_certificate(context, file, key)
        fence.ca.revoke(given.issued.serial)
        fence.files.refresh(fence.places)
        fence.broker.stop()
        fence.broker.start()
        eventually(lambda: link.connected, "the connection")
    finally:
        link.stop()
