"""New keys that ask to be listed, kept until the authority has looked at them; and rosters that wait for signatures.

Guarantees: whoever sends an enrolment holds the key in it, learns nothing from the answer, and can fill no more than
`MAX_WAITING` rows of a site; only an authority key reads them. None of it is believed: that key and person belong
together, the authority sees by comparing the key's code with the person.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from sealwire import errors, messages
from sealwire.cose import key_id
from sealwire.errors import Refused

from sealhost.core.limiter import Limiter, network
from sealhost.services.access import Caller
from sealhost.services.context import Context, Turn
from sealhost.store import enrolments, sites

MAX_WAITING = 64
"""Of a site: as many as a roster has people."""
KEEP_S = 30 * 86400
BURST = 10  # from one address: a village hall's people share one
PER_SECOND = 1 / 20
TOTAL_BURST = 60
TOTAL_PER_SECOND = 1.0


class Enrolments:
    """Takes them from anybody, shows them to the authority."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._limiter = Limiter(BURST, PER_SECOND, TOTAL_BURST, TOTAL_PER_SECOND)

    def admit(self, address: str) -> None:
        """Count one more from an address. Raises Refused: too_fast."""
        if self._limiter.allow(network(address), self._context.now()) is None:
            raise Refused(errors.TOO_FAST)

    def take(self, site: bytes, raw: bytes) -> None:
        """Keep an enrolment; the same key again, or one that is listed, changes nothing.

        Raises Refused: wrong_site, unsupported_key_kind, unknown_signer, weak_key, bad_signature, too_fast (too many
        wait), and what is wrong with its form.
        """
        message = messages.read(raw, site, (messages.ENROL,))
        if message["kind"] != messages.ED25519:
            raise Refused(errors.UNSUPPORTED_KEY_KIND)
        with self._context.turn() as turn:
            if sites.get(turn.tx, site) is None:
                raise Refused(errors.WRONG_SITE)
            turn.check(message, message["public"])
            if enrolments.find(turn.tx, site, message.kid) is not None or _is_listed(turn, site, message.kid):
                return
            enrolments.drop_before(turn.tx, site, turn.now - KEEP_S)
            if enrolments.count(turn.tx, site) >= MAX_WAITING:
                raise Refused(errors.TOO_FAST, "the authority must look at those that wait first")
            enrolments.add(turn.tx, site, message.kid, raw, turn.now)
            turn.record(site, "enrolment", message.reference, message.kid)

    def waiting(self, caller: Caller) -> list[dict[str, Any]]:
        """Those that wait, oldest first. Raises Refused: wrong_role, for whoever is not the authority."""
        with self._context.view() as turn:
            _check_authority(turn, caller)
            rows = enrolments.waiting(turn.tx, caller.site)
        return [{"kid": row.kid.hex(), "message": _text(row.raw), "received": row.received} for row in rows]

    def refuse(self, caller: Caller, kid: bytes) -> None:
        """Forget one, if it is there. Raises Refused: wrong_role."""
        with self._context.turn() as turn:
            _check_authority(turn, caller)
            enrolments.drop(turn.tx, caller.site, [kid])
            turn.record(caller.site, "enrolment_refused", None, caller.kid, kid.hex())

    def rosters(self, caller: Caller) -> list[str]:
        """Signed rosters that wait for other authority keys, oldest first. Raises Refused: wrong_role."""
        with self._context.view() as turn:
            _check_authority(turn, caller)
            return [_text(row.raw) for row in sites.waiting_rosters(turn.tx, caller.site)]


def _is_listed(turn: Turn, site: bytes, kid: bytes) -> bool:
    keys, _ = turn.authority(site)
    if kid in [key_id(key) for key in keys]:
        return True
    roster = turn.roster(site)
    try:
        return roster is not None and roster.signer(kid) is not None
    except Refused:
        return False


def _check_authority(turn: Turn, caller: Caller) -> None:
    keys, _ = turn.authority(caller.site)
    if caller.kid not in [key_id(key) for key in keys]:
        raise Refused(errors.WRONG_ROLE)


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()
