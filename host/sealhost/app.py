"""The daemon: broker, link, database, web server and timers wired together.

Guarantees: a message is acknowledged to the broker only after its transaction was committed (the link calls
`_on_message` and acknowledges when it returns); whatever must not be lost is in the outbox before it is published; one
turn at a time.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import structlog
from starlette.routing import Mount, Route

from sealhost.config import Settings
from sealhost.fence import FenceError
from sealhost.fence.broker import CA_FOLDER, BrokerFiles
from sealhost.fence.ca import CertificateAuthority
from sealhost.fence.keeper import Keeper, OwnCertificate
from sealhost.links import Delivery, LinkError, LinkFullError, Message, PayloadTooLargeError
from sealhost.links.address import BrokerAddress
from sealhost.links.broker import BrokerError, EmbeddedBroker
from sealhost.links.mqtt import MqttLink
from sealhost.links.route import SerialRoute
from sealhost.links.tls import client_context, load_certificate
from sealhost.services.access import Access
from sealhost.services.cases import Cases
from sealhost.services.context import Context, Send
from sealhost.services.enrolments import Enrolments
from sealhost.services.figures import Watch
from sealhost.services.host import Host
from sealhost.services.news import Policy
from sealhost.services.renewal import Renewal
from sealhost.services.timers import Due
from sealhost.services.views import Views
from sealhost.signing import keys
from sealhost.store.database import Database
from sealhost.telling.teller import Pace, Teller
from sealhost.web.api import Export, create_app
from sealhost.web.pages import app_pages
from sealhost.web.relay import Broker, Relay
from sealhost.web.server import WebServer
from sealhost.web.watch import routes as watch_routes

RUN_FILE = "run.json"
BUILT_APP = Path(__file__).resolve().parents[2] / "build" / "app"
"""Where a checkout's own app is built."""
CONNECT_TIMEOUT_S = 15.0
MAX_UNDELIVERED = 500
MAX_RECEIVED_BYTES = 262_144
"""What is above a message's cap is refused by name, and its sender told; above this it is dropped unread."""

_log = structlog.get_logger(__name__)


class HostError(Exception):
    """The daemon cannot start or go on; the text says what to do."""


def configure_logging() -> None:
    """One line of key=value for each event, on standard error. Nothing in it is personal."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    for noisy in ("alembic", "uvicorn", "uvicorn.error", "uvicorn.access", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def open_context(settings: Settings, now: Callable[[], int] = lambda: int(time.time())) -> Context:
    """Database (brought up to date) and key of a host home. KeyFileError when the key cannot be used."""
    secret = settings.key_passphrase
    signer = keys.load(settings.key_file, None if secret is None else secret.get_secret_value())
    database = Database(settings.database)
    database.upgrade()
    return Context(database, signer, keys.verify, now)


class Daemon:
    """Everything that `sealhost run` starts. Call `start`, wait, `stop`."""

    def __init__(self, settings: Settings, context: Context, export: Export | None = None) -> None:
        self.settings = settings
        self.context = context
        self.host = Host(context)
        self._export = export
        self._broker: EmbeddedBroker | None = None
        self._link: MqttLink | SerialRoute | None = None
        self._fence: Keeper | None = None
        self._renewal = Renewal(context, self._open_ca, FenceError)
        self._tls: ssl.SSLContext | None = None
        self._certificate: OwnCertificate | None = None
        self._web: WebServer | None = None
        self._relay: Relay | None = None
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._timer: threading.Thread | None = None
        self._undelivered: dict[int, Delivery] = {}
        self._undelivered_lock = threading.Lock()
        self._teller = self._make_teller()
        self._lock_file: IO[str] | None = None
        self.broker_url = ""
        self.http_url = ""

    def start(self) -> None:
        """Start all parts and write run.json. Raises HostError, BrokerError, ServerError."""
        self._lock()
        self._make_fence()
        self._link = self._make_link()
        self._relay = self._make_relay()
        self._web = WebServer(
            create_app(
                self._make_access(),
                Views(self.context),
                self.health,
                self._export,
                self._relay,
                self._make_pages(),
                self.settings.app_origins,
                Enrolments(self.context),
                Cases(self.context),
                more=self._make_watch(),
            ),
            self.settings.listen_host,
            self.settings.listen_port,
        )
        for topic_filter, retained in self.host.filters():
            self._link.subscribe(topic_filter, self._on_message, retained=retained)
        self._link.on_connected(self._on_connected)
        self._web.start()
        self.http_url = self._web.url
        self._link.start()
        if not self._link.wait_connected(CONNECT_TIMEOUT_S):
            _log.warning(
                "the broker does not answer yet: trying on", broker=self._shown_broker(), reason=self._link.trouble
            )
        self._timer = threading.Thread(target=self._keep_time, name="timer", daemon=True)
        self._timer.start()
        self._teller.start()
        self._write_run_file()

    def stop(self) -> None:
        """End all parts in order. Safe to call twice, and after a start that failed halfway."""
        self._stopping.set()
        self._wake.set()
        if self._timer is not None:
            self._timer.join()
        self._teller.stop()
        if self._web is not None:
            self._web.stop()
        if self._link is not None:
            self._link.stop()
        if self._broker is not None:
            self._broker.stop()
        if self._lock_file is not None:
            (self.settings.home / RUN_FILE).unlink(missing_ok=True)
            self._lock_file.close()
            self._lock_file = None
        self.context.database.close()

    def health(self) -> dict[str, Any]:
        """What /healthz says."""
        link = self._link
        if isinstance(link, SerialRoute):
            return {"ok": link.connected, "broker_connected": link.broker_connected, "serial": link.boxes}
        connected = link is not None and link.connected
        return {"ok": connected, "broker_connected": connected}

    # --- starting ---

    def _lock(self) -> None:
        """One daemon for a home: two would sign in to the broker as the same client and throw each other out."""
        file = open(self.settings.home / "lock", "a", encoding="utf-8")  # noqa: SIM115 - held while running
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise HostError(f"another sealhost runs in {self.settings.home} already") from error
        self._lock_file = file

    def _make_fence(self) -> None:
        settings = self.settings
        if settings.broker_files is not None:
            broker = BrokerFiles.open(settings.broker_files, settings.home, settings.broker_reload)
            self._fence = Keeper(self.context, broker)
            self._fence.keep()
        if settings.broker_cert_file is not None:
            kid = self.context.signer.kid
            self._certificate = OwnCertificate(settings.home, kid, settings.broker_cert_file, self.context.now)

    def _make_access(self) -> Access:
        return Access(self.context, None if self._fence is None else self._fence.login)

    def _open_ca(self) -> CertificateAuthority | None:
        """The CA of this home, None without one."""
        folder = self.settings.home / CA_FOLDER
        return CertificateAuthority.load(folder, self.context.now) if (folder / "index.json").is_file() else None

    def _keep_fence(self) -> None:
        if self._fence is not None:
            self._fence.keep()
        if self._certificate is not None and self._tls is not None:
            self._certificate.keep(self._tls, self._load_certificate)

    def _load_certificate(self, context: ssl.SSLContext) -> None:
        assert self.settings.broker_cert_file is not None
        load_certificate(context, self.settings.broker_cert_file, self.settings.broker_key_file)

    def _make_link(self) -> MqttLink | SerialRoute:
        settings = self.settings
        if settings.broker is None:
            self._broker = self._start_broker()
            address = BrokerAddress(self._broker.host, self._broker.port)
            self.broker_url = f"mqtt://{address.host}:{address.port}"
        else:
            address = BrokerAddress.parse(settings.broker)
            self.broker_url = settings.broker
        if address.tls:
            self._tls = client_context(settings.broker_ca_file, settings.broker_cert_file, settings.broker_key_file)
        name = f"sealhost-{self.context.signer.kid.hex()[:12]}"
        link = MqttLink(address, name, tls=self._tls, max_received_bytes=MAX_RECEIVED_BYTES)
        if settings.serial is None:
            return link
        return SerialRoute(link, settings.serial, {bytes.fromhex(site["site"]) for site in Views(self.context).sites()})

    def _make_pages(self) -> Mount | None:
        """The app, when this host is to serve it. Raises HostError when it was not built."""
        if not self.settings.serve_app:
            return None
        folder = self.settings.app_files or BUILT_APP
        if not (folder / "index.html").is_file():
            raise HostError(f"no app in {folder}: build it with `make app`, or leave out --serve-app")
        return app_pages(folder)

    def _make_teller(self) -> Teller:
        settings = self.settings
        app_url = settings.app_url or next(iter(settings.app_origins), "")
        policy = Policy(settings.remind_minutes * 60, settings.report_hours * 3600, settings.silent_hours * 3600)
        pacing = Pace(settings.notify_most, settings.notify_minutes * 60, app_url)
        return Teller(self.context, settings.home, policy, pacing, lambda: bool(self._link and self._link.connected))

    def _make_watch(self) -> list[Route]:
        relay, token = self._relay, self.settings.metrics_token
        watch = Watch(self.context, self.health, lambda: 0 if relay is None else relay.clients)
        return watch_routes(watch, self.settings.metrics, None if token is None else token.get_secret_value())

    def _make_relay(self) -> Relay:
        """The browsers' way to the broker: with the same check of the broker, but no certificate of this host."""
        settings = self.settings
        address = BrokerAddress.parse(settings.relay_broker or self.broker_url)
        tls = None
        if address.tls:
            file = settings.broker_ca_file
            tls = ssl.create_default_context(cafile=None if file is None else str(file))
        if self._broker is not None and not settings.listens_here_only:
            _log.warning("whoever reaches the HTTP interface can use the embedded broker; --broker names a guarded one")
        return Relay(
            Broker(address.host, address.port, tls),
            settings.app_origins,
            settings.relay_clients,
            settings.relay_clients_per_address,
        )

    def _start_broker(self) -> EmbeddedBroker:
        """The embedded broker, without a wanted port on the one it had last time: boxes and people know that one."""
        folder = self.settings.home / "broker"
        folder.mkdir(mode=0o700, exist_ok=True)
        port_file = folder / "port"
        wanted = self.settings.broker_port or None
        if wanted is None and port_file.exists():
            try:
                return EmbeddedBroker(folder, int(port_file.read_text(encoding="utf-8"))).start()
            except (BrokerError, ValueError) as error:
                _log.warning("the embedded broker takes another port than last time", reason=str(error))
        broker = EmbeddedBroker(folder, wanted).start()
        port_file.write_text(f"{broker.port}\n", encoding="utf-8")
        return broker

    def _shown_broker(self) -> str:
        return self.broker_url.rpartition("@")[2]

    def _write_run_file(self) -> None:
        """Where this host is reached, for command-line tools and tests; whole or not there."""
        content = {
            "broker": self.broker_url,
            "http": self.http_url,
            "pid": os.getpid(),
            "host": self.context.signer.public_key.hex(),
            "sites": Views(self.context).sites(),
        }
        path = self.settings.home / RUN_FILE
        partial = path.with_suffix(".tmp")
        partial.touch(mode=0o600)  # the broker's URL may hold a password
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        partial.replace(path)

    # --- running ---

    def _on_message(self, message: Message) -> None:
        """On the link's thread. Returning means: committed, the broker may forget the message."""
        before = self.context.adoptions
        sends = self.host.handle(message.topic, message.payload, message.retained)
        if self._fence is not None and self.context.adoptions != before:
            self._fence.changed()  # first: what follows goes to whom the broker would not let hear it yet
        self._publish(sends)
        self._flush()

    def _on_connected(self) -> None:
        self._publish(self.host.reconnected())
        self._flush()

    def _publish(self, sends: Iterable[Send]) -> None:
        assert self._link is not None
        for send in sends:
            try:
                self._link.publish(send.topic, send.payload, retain=send.retain)
            except LinkError as error:
                _log.warning("not sent, will be asked for again", topic=send.topic, reason=str(error))

    def _flush(self) -> None:
        """Publish what is due in the outbox, if the broker is there."""
        assert self._link is not None
        if not self._link.connected or len(self._undelivered) > MAX_UNDELIVERED:
            return
        for due in self.host.due():
            self._publish_due(due)

    def _publish_due(self, due: Due) -> None:
        assert self._link is not None
        try:
            delivery = self._link.publish(due.topic, due.payload, retain=due.retain)
        except PayloadTooLargeError as error:
            _log.error("can never be sent", topic=due.topic, reason=str(error))
            return
        except LinkFullError as error:
            _log.warning("not sent yet", topic=due.topic, reason=str(error))
            return
        if due.until_delivered:
            with self._undelivered_lock:
                self._undelivered[due.row] = delivery

    def _keep_time(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(self.settings.tick_seconds)
            if self._stopping.is_set():
                return
            try:
                self._keep_fence()
                self._renewal.tick()
                self._publish(self.host.tick())
                self._flush()
                self._forget_delivered()
            except Exception:  # noqa: BLE001 - one failed tick must not end the clock; the next one tries again
                _log.exception("a tick failed")

    def _forget_delivered(self) -> None:
        with self._undelivered_lock:
            done = [row for row, delivery in self._undelivered.items() if delivery.acknowledged]
        if done:
            self.host.delivered(done)
            with self._undelivered_lock:
                for row in done:
                    self._undelivered.pop(row, None)


def run_info(home: Path) -> dict[str, Any] | None:
    """What a running daemon wrote into its home, None when none runs there."""
    try:
        content = json.loads((home / RUN_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
