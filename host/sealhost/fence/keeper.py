"""The fence of a running host: the broker's files follow the rosters, certificates are renewed before they end.

Guarantees: after an adopted roster the files are written before anything that follows from it is published; what fails
is logged in one line and tried again, and never stops the host.
Leaves to others: the certificates of boxes, which travel over their own links.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from sealhost.fence import FenceError, files
from sealhost.fence import x509 as build
from sealhost.fence.broker import CA_FOLDER, BrokerFiles
from sealhost.fence.ca import CertificateAuthority
from sealhost.fence.places import places
from sealhost.services.context import Context

_log = structlog.get_logger(__name__)

RETRY_S = 30
SETTLE_S = 0.2
"""Mosquitto looks for signals ten times a second: what is published sooner is still judged by the old list."""
CERTIFICATES_S = 3600
"""How often certificates are looked at, in seconds."""


class Keeper:
    """Call `changed` after a roster was adopted, and `keep` often: it acts only when there is something to do.

    Both may be called from any thread.
    """

    def __init__(self, context: Context, broker: BrokerFiles) -> None:
        self._context = context
        self._broker = broker
        self._lock = threading.Lock()
        self._dirty = True
        self._reload_due = False
        self._not_before = 0
        self._look_at = 0

    def login(self, kid: bytes) -> dict[str, str]:
        """User name and password of a key at the broker."""
        return {"user": kid.hex(), "password": self._broker.passwords.of(kid.hex())}

    def changed(self) -> None:
        """The rosters have changed, and that was committed: write the files now."""
        self._dirty = True
        self.keep()

    def keep(self) -> None:
        """Write what has changed and have the broker read it."""
        with self._lock:
            now = self._context.now()
            if now < self._not_before or not (self._dirty or now >= self._look_at):
                return
            self._dirty = False
            try:
                self._write(now >= self._look_at)
            except FenceError as error:
                self._dirty, self._not_before = True, now + RETRY_S
                _log.error("the broker's files are not up to date: trying again", reason=str(error))
                return
            self._not_before, self._look_at = 0, now + CERTIFICATES_S

    def _write(self, certificates: bool) -> None:
        if certificates:
            self._reload_due |= self._broker.renew_server()
        self._reload_due |= self._broker.refresh(places(self._context))
        if self._reload_due:
            if self._broker.reload():
                time.sleep(SETTLE_S)
            else:
                _log.info("no Mosquitto runs in the broker's folder: it reads the files when it starts")
        self._reload_due = False


class OwnCertificate:
    """The certificate that this host shows to the broker: renewed in its file and in the context before it ends."""

    def __init__(self, home: Path, kid: bytes, file: Path, now: Callable[[], int]) -> None:
        self._folder = home / CA_FOLDER
        self._kid = kid
        self._file = file
        self._now = now
        self._look_at = 0

    def keep(self, context: ssl.SSLContext, load: Callable[[ssl.SSLContext], None]) -> None:
        """Renew it when it is due and this home's CA issued it; `load` puts the file's content into the context."""
        if self._now() < self._look_at or not (self._folder / "index.json").is_file():
            return
        self._look_at = self._now() + CERTIFICATES_S
        try:
            ca = CertificateAuthority.load(self._folder)
            issued = ca.current(self._kid.hex())
            if issued is None or files.read(self._file) != build.pem(ca.certificate(issued)):
                return  # another's, or one that was put there by hand
            if issued in ca.due():
                files.write_whole(self._file, build.pem(ca.renew(self._kid).certificate))
                load(context)
                _log.info("this host's certificate for the broker was renewed")
        except FenceError as error:
            _log.error("this host's certificate for the broker is not renewed", reason=str(error))
