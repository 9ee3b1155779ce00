"""A stage whose box speaks TLS: a small CA, a Mosquitto with good and bad listeners, and a switch before them.

The box knows the switch's port only. The test turns it to another listener, or to nobody, and cuts what is connected.
"""

import select
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import BasicConstraints, Certificate, load_pem_x509_certificate
from sealhost.fence import x509 as build
from sealhost.fence.ca import CertificateAuthority, Credentials
from sealwire import cose, messages, topics

from tests.brokers import Mosquitto, free_port
from tests.host.daemon import eventually
from tests.system.people import Fields
from tests.system.stage import WAIT, Stage

DAY = 86400
BOX_NAME = "127.0.0.1"  # the name by which the box knows its broker


class Switch:
    """A TCP port that leads to `target`; with None it takes connections and says nothing."""

    def __init__(self) -> None:
        self.target: int | None = None
        self.accepted = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._pairs: dict[socket.socket, socket.socket | None] = {}
        self._cut = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def turn(self, target: int | None) -> None:
        """Lead to another listener; whoever is connected is cut off."""
        self.target = target
        self._cut.set()
        eventually(lambda: not self._cut.is_set(), "a cut")

    def close(self) -> None:
        """End it."""
        self._closing.set()
        self._thread.join()
        self._server.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            if self._cut.is_set():
                self._drop_all()
                self._cut.clear()
            ready, _, _ = select.select([self._server, *self._pairs], [], [], 0.02)
            for source in ready:
                if source is self._server:
                    self._accept()
                elif source in self._pairs:
                    self._forward(source)
        self._drop_all()

    def _accept(self) -> None:
        client, _ = self._server.accept()
        self.accepted += 1
        self._pairs[client] = None
        if self.target is not None:
            try:
                broker = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                self._drop(client)
                return
            self._pairs[client], self._pairs[broker] = broker, client
            for end in (client, broker):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _forward(self, source: socket.socket) -> None:
        try:
            data = source.recv(16384)
            other = self._pairs[source]
            if data and other is not None:
                other.sendall(data)
        except OSError:
            data = b""
        if not data:
            self._drop(source)

    def _drop(self, end: socket.socket) -> None:
        other = self._pairs.pop(end)
        end.close()
        if other is not None and other in self._pairs:
            self._drop(other)

    def _drop_all(self) -> None:
        while self._pairs:
            self._drop(next(iter(self._pairs)))


class Guarded:
    """A Mosquitto: one plain listener for the test itself, one with TLS for each kind of certificate.

    `ports` by kind: good (asks for a client certificate), open (does not), wrong_ca, expired, early, self_signed,
    other_host, next_ca, plain.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = CertificateAuthority.create(folder / "ca", "Test")
        self.ports: dict[str, int] = {}
        self.switch = Switch()
        folder.mkdir(exist_ok=True)
        self._trusted = folder / "clients.pem"
        self._trusted.write_bytes(self.ca.set_file.read_bytes())
        lines = [self._listener(kind, *pair) for kind, pair in self._pairs()]
        self.broker = Mosquitto(folder, lines="".join(lines))
        self.ports["plain"] = self.broker.port

    def _pairs(self) -> Iterator[tuple[str, tuple[bytes, bytes]]]:
        """Certificate and key, PEM, of each listener."""
        now = int(time.time())
        year = build.Span(now - DAY, now + 365 * DAY)
        other = CertificateAuthority.create(self.folder / "other-ca", "Test")
        yield "good", _pem(self.ca.issue_server([BOX_NAME]))
        yield "open", _pem(self.ca.issue_server([BOX_NAME]))
        yield "wrong_ca", _pem(other.issue_server([BOX_NAME]))
        yield "other_host", _pem(self.ca.issue_server(["broker.example"]))
        yield "expired", self._server(build.Span(now - 60 * DAY, now - DAY))
        yield "early", self._server(build.Span(now + DAY, now + 60 * DAY))
        yield "self_signed", _self_signed(year)
        self.later = CertificateAuthority.create(self.folder / "later-ca", "Later")
        yield "next_ca", _pem(self.later.issue_server([BOX_NAME]))

    def _server(self, span: build.Span) -> tuple[bytes, bytes]:
        key = build.new_key()
        folder = self.ca.folder
        root = load_pem_x509_certificate((folder / "ca-1.pem").read_bytes())
        signer = build.read_key((folder / "ca-1.key").read_bytes())
        certificate = build.server([BOX_NAME], key.public_key(), span, root, signer)
        return certificate.public_bytes(Encoding.PEM), build.key_pem(build.key_der(key))

    def _listener(self, kind: str, certificate: bytes, key: bytes) -> str:
        self.ports[kind] = free_port()
        (self.folder / f"{kind}.pem").write_bytes(certificate)
        (self.folder / f"{kind}.key").write_bytes(key)
        return (
            f"listener {self.ports[kind]} 127.0.0.1\n"
            f"certfile {self.folder}/{kind}.pem\nkeyfile {self.folder}/{kind}.key\ncafile {self._trusted}\n"
            f"tls_version tlsv1.2\nrequire_certificate {str(kind != 'open').lower()}\n"
        )

    def turn(self, kind: str | None) -> None:
        """Lead the box to another listener, or (None) to somebody who says nothing."""
        self.switch.turn(None if kind is None else self.ports[kind])

    def start(self) -> Self:
        """Start the broker; the switch leads to the good listener."""
        self.broker.start()
        self.turn("good")
        return self

    def stop(self) -> None:
        """End everything."""
        self.switch.close()
        self.broker.stop()
        shutil.rmtree(self.ca.folder)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _pem(made: Credentials) -> tuple[bytes, bytes]:
    assert made.key is not None
    return build.pem(made.certificate), build.key_pem(made.key)


def _self_signed(span: build.Span) -> tuple[bytes, bytes]:
    """A server's certificate that nobody else vouches for."""
    key = build.new_key()
    root = build.root(BOX_NAME, key, span)
    certificate: Certificate = build.server([BOX_NAME], key.public_key(), span, root, key)
    assert not certificate.extensions.get_extension_for_class(BasicConstraints).value.ca
    return certificate.public_bytes(Encoding.PEM), build.key_pem(build.key_der(key))


class GuardedStage(Stage):
    """A stage whose box was told a CA. `with_certificate`: and got a certificate of its own."""

    def __init__(self, home: Path, guarded: Guarded, with_certificate: bool = True, **settings: Any) -> None:
        super().__init__(home, guarded.broker, **settings)
        self.guarded = guarded
        self.with_certificate = with_certificate
        self.tls: Credentials | None = None
        # The broker restarts in some tests; what the box says meanwhile, it says again.
        self._client.reconnect_delay_set(1, 1)
        everything = topics.PREFIX + topics.hexed(self.site) + "/box/+/out"
        self._client.on_connect = lambda client, *_: client.subscribe(everything, 1)

    def provision(self, **more: Any) -> None:
        """Tell the box its site, CA and certificate; its port is the switch's."""
        public_key = self.console(messages.build_item(messages.HELLO, {}))["public"]
        self.tls = self.guarded.ca.issue_box(cose.key_id(public_key))
        super().provision(**self.told(self.tls), **more)

    def told(self, made: Credentials) -> Fields:
        """The fields of `provision` for TLS."""
        fields: Fields = {"port": self.guarded.switch.port, "ca": list(made.ca), "issued": int(time.time())}
        if self.with_certificate:
            fields |= {"certificate": made.certificate, "tls_key": made.key}
        return fields

    def credentials(self, ca: list[bytes], certificate: bytes | None = None, **changes: Any) -> messages.Message:
        """A host's message with these certificates."""
        fields = {"box": self.kid, "issued": int(time.time()), "ca": ca, "certificate": certificate}
        signer = changes.pop("signer", self.host)
        return messages.read(signer.build(messages.CREDENTIALS, {**fields, **changes}, self.site), self.site)

    def wait_log(self, text: str, after: int = 0, timeout: float = WAIT) -> int:
        """Wait until the firmware has printed a text; the place behind it."""
        deadline = time.monotonic() + timeout
        while (at := self.box.firmware_log().find(text, after)) < 0:
            assert time.monotonic() < deadline, f"not printed: {text!r}\n{self.box.firmware_log()[after:]}"
            time.sleep(0.05)
        return at + len(text)

    def printed(self) -> int:
        """Where the firmware's log ends now."""
        return len(self.box.firmware_log())


@contextmanager
def guarded_stage(
    tmp_path: Path, image: tuple[Path, ...], listener: str = "good", **options: Any
) -> Iterator[GuardedStage]:
    """Everything, with the box set up and in use."""
    with Guarded(tmp_path / "broker") as guarded:
        guarded.turn(listener)
        with GuardedStage(tmp_path / "box", guarded, modules=image, **options) as made:
            yield made
