"""Who may use the HTTP interface, and the files that go over it.

Guarantees: only a key of the current roster (a person's, or the authority's) signs in, at the host that it meant, each
challenge works once, and a token is stored only as its SHA-256. A person sees their own site and nothing of another.
Nothing is stored for who has not signed in, so nobody can use up the challenges of somebody else's key.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from sealwire import errors, limits
from sealwire.cose import key_id
from sealwire.errors import Refused
from sealwire.strict import strict

from sealhost.core.limiter import Limiter, network
from sealhost.services.context import Context, Turn
from sealhost.store import access, restores, sites

CHALLENGE_S = 120
SESSION_S = 3600
LACKS_BEFORE_S = 3600
"""People's clocks may be that wrong."""
_MAC_BYTES = 16
MAX_BLOB_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who is signed in."""

    site: bytes
    kid: bytes


class Access:
    """Sign-in and blobs."""

    def __init__(self, context: Context, broker_login: Callable[[bytes], dict[str, str]] | None = None) -> None:
        self._context = context
        self._broker_login = broker_login
        self._secret = secrets.token_bytes(32)
        # A village hall's people share one address; each signs in with two calls, and again every hour.
        self._sign_ins = Limiter(burst=120, per_second=1, total_burst=1200, total_per_second=50)
        self._files = Limiter(burst=60, per_second=0.2, total_burst=600, total_per_second=20)

    @property
    def host(self) -> bytes:
        """The kid of this host, which a sign-in names."""
        return self._context.signer.kid

    def admit(self, address: str) -> None:
        """Count one more call of a sign-in from an address. Raises Refused: too_fast."""
        if self._sign_ins.allow(network(address), time.monotonic()) is None:
            raise Refused(errors.TOO_FAST, "too many sign-ins from this address: try again in a minute")

    def challenge(self, kid: bytes, site: bytes | None = None) -> bytes:
        """A challenge for a key to sign: 12 random bytes, its end, a MAC. Raises Refused: unknown_signer."""
        with self._context.view() as turn:
            found = self._site_of(turn, kid, site)
        text = secrets.token_bytes(12) + (turn.now + CHALLENGE_S).to_bytes(4, "big")
        return text + self._mac(found, kid, text)

    def sign_in(self, kid: bytes, challenge: bytes, signature: bytes) -> tuple[str, int]:
        """(token, when it ends) for a signed challenge. Raises Refused: bad_token, bad_signature, unknown_signer."""
        with self._context.turn() as turn:
            ends = int.from_bytes(challenge[12:16], "big")
            site = self._given_for(turn, kid, challenge)
            if site is None or ends < turn.now or access.is_used(turn.tx, challenge):
                raise Refused(errors.BAD_TOKEN, "no such challenge: ask for a new one")
            public_key = _public_key(turn, site, kid)
            signed = b"sealbox/1/sign-in/" + site.hex().encode() + b"/" + self.host.hex().encode() + b"/" + challenge
            if not strict(public_key, signature) or not self._context.verify(public_key, signed, signature):
                raise Refused(errors.BAD_SIGNATURE)
            access.add_used(turn.tx, challenge, site, kid, ends, turn.now)
            token, expires = secrets.token_urlsafe(32), turn.now + SESSION_S
            access.add_session(turn.tx, _hash(token), site, kid, expires, turn.now)
        return token, expires

    def broker_login(self, kid: bytes) -> dict[str, str] | None:
        """User name and password at the broker for a key that has signed in; None when this host gives none out."""
        return None if self._broker_login is None else self._broker_login(kid)

    def refused(self, name: str) -> None:
        """Count a refusal."""
        self._context.tally.count("refused_over_http", name)

    def lacks(self) -> dict[str, str | int] | None:
        """What this host lost and wants again; None when its database never came from a backup, or long ago.

        `epoch` differs for each restore; what was signed at `since` (UTC seconds) or later may be missing.
        """
        with self._context.view() as turn:
            last = restores.last(turn.tx)
            if last is None or not turn.may_be_lost():
                return None
            return {"epoch": last.epoch.hex(), "since": max(0, last.made - LACKS_BEFORE_S)}

    def _given_for(self, turn: Turn, kid: bytes, challenge: bytes) -> bytes | None:
        """The site for which this process gave a challenge to a key; None when it did not."""
        text, mac = challenge[:-_MAC_BYTES], challenge[-_MAC_BYTES:]
        for row in sites.all_sites(turn.tx):
            if hmac.compare_digest(self._mac(row.site, kid, text), mac):
                return bytes(row.site)
        return None

    def _mac(self, site: bytes, kid: bytes, text: bytes) -> bytes:
        return hmac.digest(self._secret, site + kid + text, "sha256")[:_MAC_BYTES]

    def caller(self, token: str) -> Caller:
        """Who holds a token. Raises Refused: bad_token, or unknown_signer when the roster lists the key no more."""
        with self._context.view() as turn:
            row = access.session(turn.tx, _hash(token), turn.now)
            if row is None:
                raise Refused(errors.BAD_TOKEN)
            _public_key(turn, row.site, row.kid)
            return Caller(row.site, row.kid)

    def blob(self, site: bytes, digest: bytes) -> bytes:
        """Salt and content. Raises Refused: unknown_details."""
        with self._context.view() as turn:
            body = access.blob(turn.tx, site, digest)
        if body is None:
            raise Refused(errors.UNKNOWN_DETAILS)
        return body

    def put_blob(self, caller: Caller, digest: bytes, body: bytes) -> None:
        """Keep a blob; the same again changes nothing.

        Raises Refused: too_large, unknown_details (another digest), too_fast.
        """
        if not limits.SALT <= len(body) <= MAX_BLOB_BYTES:
            raise Refused(errors.TOO_LARGE if body else errors.TRUNCATED)
        if hashlib.sha256(body).digest() != digest:
            raise Refused(errors.UNKNOWN_DETAILS, "the body has another digest")
        if self._files.allow(caller.kid, time.monotonic()) is None:
            raise Refused(errors.TOO_FAST, "too many files of this key: try again in a minute")
        with self._context.turn() as turn:
            if not access.has_blob(turn.tx, caller.site, digest):
                access.add_blob(turn.tx, caller.site, digest, body, caller.kid, turn.now)

    def _site_of(self, turn: Turn, kid: bytes, site: bytes | None) -> bytes:
        for row in sites.all_sites(turn.tx):
            if site in (None, row.site):
                try:
                    _public_key(turn, row.site, kid)
                except Refused:
                    continue
                return bytes(row.site)
        raise Refused(errors.UNKNOWN_SIGNER)


def _public_key(turn: Turn, site: bytes, kid: bytes) -> bytes:
    keys, _ = turn.authority(site)
    for key in keys:
        if key_id(key) == kid:
            return key
    roster = turn.roster(site)
    if roster is None:
        raise Refused(errors.UNKNOWN_SIGNER)
    person, public_key = roster.signer(kid)
    if not person["from"] <= turn.now <= person["until"]:
        raise Refused(errors.SIGNER_NOT_VALID)
    return public_key


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
