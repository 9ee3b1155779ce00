"""Cases: opened once for each subject, closed by a person."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from sealhost.store.models import Case

MAX_SHOWN = 500


def case_id(site: bytes, kind: str, subject: str) -> bytes:
    """8 bytes that name a case."""
    return hashlib.sha256(site + f"/{kind}/{subject}".encode()).digest()[:8]


def find(tx: Connection, site: bytes, number: bytes) -> Row[Any] | None:
    """A case by its id."""
    return tx.execute(select(Case.__table__).where(Case.site == site, Case.id == number)).first()


def open_of_box(tx: Connection, site: bytes, kind: str, box: bytes) -> Row[Any] | None:
    """A case of a kind about a box that nobody has closed."""
    here = (Case.site == site, Case.kind == kind, Case.box == box, Case.closed.is_(None))
    return tx.execute(select(Case.__table__).where(*here)).first()


def add(tx: Connection, **values: Any) -> None:
    """A new case. IntegrityError when it is there already."""
    tx.execute(insert(Case).values(closed=None, closed_by=None, session=None, reason="", **values))


def close(tx: Connection, site: bytes, number: bytes, now: int, kid: bytes, session: bytes, reason: str) -> bool:
    """Close a case; False when it was closed already."""
    here = (Case.site == site, Case.id == number, Case.closed.is_(None))
    closing = update(Case).where(*here).values(closed=now, closed_by=kid, session=session, reason=reason)
    return bool(tx.execute(closing).rowcount)


def listed(tx: Connection, site: bytes, open_only: bool = False) -> list[Row[Any]]:
    """The newest cases, the open ones first."""
    query = select(Case.__table__).where(Case.site == site)
    if open_only:
        query = query.where(Case.closed.is_(None))
    order = (Case.closed.is_not(None), Case.opened.desc(), Case.id)
    return list(tx.execute(query.order_by(*order).limit(MAX_SHOWN)))


def of_requests(tx: Connection, site: bytes, references: list[bytes]) -> dict[bytes, list[Row[Any]]]:
    """The cases of these requests, oldest first."""
    found: dict[bytes, list[Row[Any]]] = {}
    query = select(Case.__table__).where(Case.site == site, Case.request.in_(references))
    for row in tx.execute(query.order_by(Case.opened, Case.kind)):
        found.setdefault(row.request, []).append(row)
    return found
