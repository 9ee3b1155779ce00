"""Blobs, and who is signed in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from sealhost.store.models import Blob, Session, SignIn


def blob(tx: Connection, site: bytes, digest: bytes) -> bytes | None:
    """Salt and content by their digest."""
    return tx.execute(select(Blob.body).where(Blob.site == site, Blob.digest == digest)).scalar()


def has_blob(tx: Connection, site: bytes, digest: bytes) -> bool:
    """Whether a blob is here."""
    return tx.execute(select(Blob.digest).where(Blob.site == site, Blob.digest == digest)).first() is not None


def add_blob(tx: Connection, site: bytes, digest: bytes, body: bytes, kid: bytes, now: int) -> None:
    """Keep a blob."""
    tx.execute(insert(Blob).values(site=site, digest=digest, body=body, kid=kid, created=now))


def add_used(tx: Connection, challenge: bytes, site: bytes, kid: bytes, expires: int, now: int) -> None:
    """Somebody signed in by a challenge; forgets those that are over."""
    tx.execute(delete(SignIn).where(SignIn.expires < now))
    tx.execute(insert(SignIn).values(challenge=challenge, site=site, kid=kid, expires=expires))


def is_used(tx: Connection, challenge: bytes) -> bool:
    """Whether somebody signed in by a challenge."""
    return tx.execute(select(SignIn.kid).where(SignIn.challenge == challenge)).first() is not None


def add_session(tx: Connection, token_hash: bytes, site: bytes, kid: bytes, expires: int, now: int) -> None:
    """Somebody is signed in; forgets sessions that are over."""
    tx.execute(delete(Session).where(Session.expires < now))
    tx.execute(insert(Session).values(token_hash=token_hash, site=site, kid=kid, expires=expires))


def session(tx: Connection, token_hash: bytes, now: int) -> Row[Any] | None:
    """Who holds a token."""
    here = (Session.token_hash == token_hash, Session.expires >= now)
    return tx.execute(select(Session.__table__).where(*here)).first()
