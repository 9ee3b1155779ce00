"""Signed messages that were accepted, and requests with where they stand."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sealwire.messages import Message as Letter
from sqlalchemy import Connection, Row, bindparam, func, insert, or_, select, update

from sealhost.core.lifecycle import LIVE
from sealhost.store import news
from sealhost.store.models import Audit, Message, Request, SetAside

_LIVE = [str(state) for state in LIVE]

# Statements of every message are built once: building one costs as much as running it.
_SITE = Message.site == bindparam("site")
_FIND = select(Message.__table__).where(_SITE, Message.reference == bindparam("reference"))
_OF_TYPE = select(Message.raw).where(_SITE, Message.type == bindparam("type")).order_by(Message.id)
_OF_REQUEST = _OF_TYPE.where(Message.request == bindparam("request"))
_REQUEST = select(Request.__table__).where(
    Request.site == bindparam("site"), Request.reference == bindparam("reference")
)
_ADD = insert(Message)
_RECORD = insert(Audit)


def add(
    tx: Connection,
    site: bytes,
    reference: bytes,
    number: int,
    kid: bytes,
    raw: bytes,
    now: int,
    request: bytes | None = None,
) -> None:
    """Keep a message. IntegrityError when it is there already."""
    values = {"site": site, "reference": reference, "type": number, "kid": kid, "request": request}
    tx.execute(_ADD, {**values, "raw": raw, "received": now})


def find(tx: Connection, site: bytes, reference: bytes) -> Row[Any] | None:
    """A message by its reference."""
    return tx.execute(_FIND, {"site": site, "reference": reference}).first()


def set_aside(tx: Connection, message: Letter, now: int, most: int) -> None:
    """Keep a refused message, once, and at most so many of one key."""
    of_kid = select(func.count()).where(SetAside.site == message.site, SetAside.kid == message.kid)
    here = (SetAside.site == message.site, SetAside.reference == message.reference)
    if tx.execute(select(SetAside.kid).where(*here)).first() or tx.execute(of_kid).scalar_one() >= most:
        return
    values = {"site": message.site, "reference": message.reference, "kid": message.kid, "raw": message.raw}
    tx.execute(insert(SetAside).values(**values, received=now))


def of_request(tx: Connection, site: bytes, request: bytes, number: int) -> list[bytes]:
    """The messages of one type about a request, in the order they came."""
    return list(tx.execute(_OF_REQUEST, {"site": site, "type": number, "request": request}).scalars())


def about_request(tx: Connection, site: bytes, request: bytes) -> list[Row[Any]]:
    """The request and every message about it, in the order they came."""
    named = or_(Message.request == request, Message.reference == request)
    return list(tx.execute(select(Message.__table__).where(Message.site == site, named).order_by(Message.id)))


def of_type(tx: Connection, site: bytes, number: int) -> list[bytes]:
    """All messages of one type, in the order they came."""
    return list(tx.execute(_OF_TYPE, {"site": site, "type": number}).scalars())


def add_request(tx: Connection, **values: Any) -> None:
    """A new request."""
    tx.execute(insert(Request).values(values))


def request(tx: Connection, site: bytes, reference: bytes) -> Row[Any] | None:
    """Where a request stands."""
    return tx.execute(_REQUEST, {"site": site, "reference": reference}).first()


def update_request(tx: Connection, site: bytes, reference: bytes, **values: Any) -> None:
    """Change where a request stands."""
    tx.execute(update(Request).where(Request.site == site, Request.reference == reference).values(values))


def requests(tx: Connection, site: bytes, states: Collection[str] | None = None, limit: int = 500) -> list[Row[Any]]:
    """The newest requests, of some states if given."""
    query = select(Request.__table__).where(Request.site == site)
    if states is not None:
        query = query.where(Request.live_state.in_(states))
    return list(tx.execute(query.order_by(Request.received.desc(), Request.reference).limit(limit)))


def live_requests(tx: Connection, site: bytes) -> list[Row[Any]]:
    """Requests in which something may still happen, oldest first."""
    query = select(Request.__table__).where(Request.site == site, Request.state.in_(_LIVE))
    return list(tx.execute(query.order_by(Request.received, Request.reference)))


def of_bay(tx: Connection, site: bytes, box: bytes, bay: int | None = None) -> list[Row[Any]]:
    """The live requests of a bay, or of all bays of a box, oldest first."""
    query = select(Request.__table__).where(Request.site == site, Request.box == box, Request.state.in_(_LIVE))
    if bay is not None:
        query = query.where(Request.bay == bay)
    return list(tx.execute(query.order_by(Request.received, Request.reference)))


def due_asks(tx: Connection, now: int) -> list[Row[Any]]:
    """Requests for which a challenge is to be asked for now."""
    return list(tx.execute(select(Request.__table__).where(Request.ask_at <= now).order_by(Request.ask_at)))


def due_endings(tx: Connection, now: int) -> list[Row[Any]]:
    """Requests whose waiting time or time of use is over."""
    waiting = (Request.state == "waiting") & (Request.expires < now)
    approved = Request.state.in_(("approved", "granted")) & (Request.until < now)
    return list(tx.execute(select(Request.__table__).where(or_(waiting, approved))))


def hurry(
    tx: Connection, now: int, site: bytes | None = None, box: bytes | None = None, bay: int | None = None
) -> None:
    """Ask now, and from the shortest delay on, wherever a challenge is to be asked for."""
    change = update(Request).where(Request.ask_at.is_not(None))
    if site is not None:
        change = change.where(Request.site == site)
    if box is not None:
        change = change.where(Request.box == box)
    if bay is not None:
        change = change.where(Request.bay == bay)
    tx.execute(change.values(ask_at=now, asks=0))


def record(
    tx: Connection, site: bytes, at: int, event: str, reference: bytes | None, kid: bytes | None, detail: str = ""
) -> None:
    """Write down what was done, in the same transaction; what people may want to be told is news as well."""
    values = {"site": site, "at": at, "event": event, "reference": reference, "kid": kid, "detail": detail}
    tx.execute(_RECORD, values)
    if event in news.EVENTS:
        news.add(tx, site, at, event, reference, kid, detail)
