"""Boxes' certificates and CA set, renewed over their own links before they end.

Guarantees: what a box should have is compared with what it was last sent, so a restart between making a certificate and
sending it loses nothing; the message is in the outbox, which repeats it until the box's `link` entry is proven; newer
credentials take the place of older ones that still wait. A CA that cannot be used is one log line, and stops nothing.
Leaves to others: making certificates, and the first ones, which a box is given over USB with its key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import structlog
from sealwire import limits, messages
from sqlalchemy import Row

from sealhost.services.context import Context, Turn
from sealhost.store import boxes, outbox, sites
from sealhost.store import credentials as credentials_store
from sealhost.store import messages as message_store

_log = structlog.get_logger(__name__)

LOOK_S = 60
"""How often certificates are looked at, in seconds."""
AGAIN_S = 6 * 3600
"""What a box refused is made anew after so long: a clock that was wrong is right by then, or somebody has come."""
BOX = "box"


class Issued(Protocol):
    """A certificate in the CA's index."""

    @property
    def name(self) -> str:
        """The kid in hex."""

    @property
    def kind(self) -> str:
        """BOX for a box's."""

    @property
    def public_key(self) -> str:
        """Which key it is for."""


class Certificates(Protocol):
    """What the renewal needs of the CA; what it raises is given to `Renewal` besides."""

    def ca_set(self) -> list[bytes]:
        """The CA certificates to trust, DER."""

    def issued(self) -> Sequence[Issued]:
        """All that was ever issued, oldest first."""

    def current(self, name: str) -> Issued | None:
        """The newest certificate of a kid in hex that is not revoked."""

    def due(self) -> Sequence[Issued]:
        """Which must be renewed."""

    def renew(self, name: bytes) -> object:
        """Make a new certificate for the key of a kid."""

    def certificate(self, issued: Any) -> bytes:
        """The certificate itself, DER."""


class Renewal:
    """Call `tick` often; it looks every LOOK_S. `certificates` opens the CA, None when there is none on this machine.

    It and what it gives raise `unusable`, whose text says why.
    """

    def __init__(
        self, context: Context, certificates: Callable[[], Certificates | None], unusable: type[Exception]
    ) -> None:
        self._context = context
        self._certificates = certificates
        self._unusable = unusable
        self._look_at = 0

    def tick(self) -> None:
        """Put what boxes lack into the outbox."""
        now = self._context.now()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_S
        try:
            ca = self._certificates()
            if ca is not None:
                self._look(ca)
        except self._unusable as error:
            _log.error("the certificates of boxes are not renewed: trying again", reason=str(error))

    def _look(self, ca: Certificates) -> None:
        with self._context.view() as turn:
            known = [box for site in sites.all_sites(turn.tx) for box in boxes.all_boxes(turn.tx, site.site)]
        for box in known:
            try:
                wanted = _wanted(ca, box.kid)
            except self._unusable as error:
                _log.error("a box's certificate is not renewed", box=box.kid.hex(), reason=str(error))
                continue
            if wanted is not None:
                with self._context.turn() as turn:
                    _bring(turn, box, *wanted)


def _wanted(ca: Certificates, kid: bytes) -> tuple[list[bytes], bytes, bool] | None:
    """CA set and certificate that a box should have, renewed when due; and whether it may have them over USB already.

    None for a box that has no certificate of this CA. Raises what the CA raises.
    """
    current = ca.current(kid.hex())
    if current is None or current.kind != BOX:
        return None
    if current in ca.due():
        ca.renew(kid)
        current = ca.current(kid.hex())
        assert current is not None
    # A key comes with its first certificate over USB; what was made for it later can only come by message.
    of_key = [one for one in ca.issued() if one.name == current.name and one.public_key == current.public_key]
    ca_set = ca.ca_set()
    return ca_set, ca.certificate(current), len(of_key) == 1 and len(ca_set) == 1


def _bring(turn: Turn, box: Row[Any], ca_set: list[bytes], certificate: bytes, by_usb: bool) -> None:
    """Make the message that a box lacks, unless it has it, or waits for it."""
    found = credentials_store.newest(turn.tx, box.site, box.kid)
    if found is None and by_usb:
        return
    least = credentials_store.last_issued(turn.tx, box.site, box.kid) + 1
    if found is not None:
        newest, made = found
        if newest["ca"] == ca_set and newest.get("certificate") == certificate:
            taken = credentials_store.was_taken(turn.tx, box.site, box.kid, newest.reference)
            waits = outbox.waits_for(turn.tx, box.site, newest.reference)
            if taken or waits or turn.now < made + AGAIN_S:
                return
        elif by_usb:
            return  # the box was given another key since: what it was sent before was for the old one
        outbox.answered(turn.tx, box.site, newest.reference)
        least = max(least, newest["issued"] + 1)
    _send(turn, box, ca_set, certificate, max(turn.now, least))


def _send(turn: Turn, box: Row[Any], ca_set: list[bytes], certificate: bytes, issued: int) -> None:
    if issued > turn.now + limits.CLOCK_AHEAD:
        _log.error("a box took credentials from the future: wait, or give it new ones over USB", box=box.kid.hex())
        return
    fields = {"box": box.kid, "issued": issued, "ca": ca_set, "certificate": certificate}
    raw = turn.sign(messages.CREDENTIALS, fields, box.site)
    own = messages.read(raw, box.site)
    message_store.add(turn.tx, box.site, own.reference, messages.CREDENTIALS, own.kid, raw, turn.now)
    turn.record(box.site, "credentials", own.reference, box.kid)
    topic = turn.to_box(box.site, box.kid)
    outbox.put(turn.tx, box.site, topic, raw, turn.now, answer=own.reference, box=box.kid)
    _log.info("new credentials for a box", box=box.kid.hex(), issued=issued, reference=own.reference.hex())
