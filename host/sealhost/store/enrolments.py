"""Enrolments that wait for the authority, one for each new key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select

from sealhost.store.models import Enrolment


def find(tx: Connection, site: bytes, kid: bytes) -> Row[Any] | None:
    """The enrolment of a key."""
    return tx.execute(select(Enrolment.__table__).where(Enrolment.site == site, Enrolment.kid == kid)).first()


def count(tx: Connection, site: bytes) -> int:
    """How many wait."""
    return tx.execute(select(func.count()).where(Enrolment.site == site)).scalar_one()


def add(tx: Connection, site: bytes, kid: bytes, raw: bytes, now: int) -> None:
    """Keep one."""
    tx.execute(insert(Enrolment).values(site=site, kid=kid, raw=raw, received=now))


def waiting(tx: Connection, site: bytes) -> list[Row[Any]]:
    """All of a site, oldest first."""
    query = select(Enrolment.__table__).where(Enrolment.site == site)
    return list(tx.execute(query.order_by(Enrolment.received, Enrolment.kid)))


def drop(tx: Connection, site: bytes, kids: Iterable[bytes]) -> None:
    """Forget those of these keys."""
    tx.execute(delete(Enrolment).where(Enrolment.site == site, Enrolment.kid.in_(list(kids))))


def drop_before(tx: Connection, site: bytes, moment: int) -> None:
    """Forget those that came before a moment."""
    tx.execute(delete(Enrolment).where(Enrolment.site == site, Enrolment.received < moment))
