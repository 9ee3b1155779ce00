"""Grants, what is to be sent, and what waits in inboxes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from sealhost.store.models import Grant, Outbox, Waiting

BATCH = 200  # rows sent in one turn

# Statements of every message are built once: building one costs as much as running it.
_SITE = Grant.site == bindparam("site")
_GRANT = select(Grant.__table__).where(_SITE, Grant.reference == bindparam("reference"))
_GRANTS = select(Grant.__table__).where(_SITE, Grant.request == bindparam("request")).order_by(Grant.id)
_ALIVE = (
    select(Grant.__table__)
    .where(_SITE, Grant.request == bindparam("request"), Grant.state == "alive")
    .order_by(Grant.id.desc())
)
_PUT = insert(Outbox)
_DUE = select(Outbox.__table__).where(Outbox.due <= bindparam("now")).order_by(Outbox.id).limit(BATCH)
_NEXT_DUE = select(Outbox.due).order_by(Outbox.due).limit(1)
_POSTPONE = (
    update(Outbox)
    .where(Outbox.id == bindparam("row"))
    .values(due=bindparam("due_at"), attempts=bindparam("attempts_so_far"))
)
_DONE = delete(Outbox).where(Outbox.id == bindparam("row"))
_WAITING_KIDS = select(Waiting.kid).where(
    Waiting.site == bindparam("site"), Waiting.reference == bindparam("reference")
)


def add_grant(tx: Connection, **values: Any) -> None:
    """A new grant. IntegrityError when another one is alive for its nonce."""
    tx.execute(insert(Grant).values(values))


def grant(tx: Connection, site: bytes, reference: bytes) -> Row[Any] | None:
    """A grant by its reference."""
    return tx.execute(_GRANT, {"site": site, "reference": reference}).first()


def alive_grant(tx: Connection, site: bytes, request: bytes) -> Row[Any] | None:
    """The grant of a request that the box may still take."""
    return tx.execute(_ALIVE, {"site": site, "request": request}).first()


def alive_for_nonce(tx: Connection, site: bytes, nonce: bytes) -> Row[Any] | None:
    """The one grant that is alive for a challenge."""
    here = (Grant.site == site, Grant.nonce == nonce, Grant.state == "alive")
    return tx.execute(select(Grant.__table__).where(*here)).first()


def grants(tx: Connection, site: bytes, request: bytes) -> list[Row[Any]]:
    """All grants of a request, oldest first."""
    return list(tx.execute(_GRANTS, {"site": site, "request": request}))


def set_grant(tx: Connection, site: bytes, reference: bytes, state: str, reason: int = 0) -> None:
    """What became of a grant."""
    here = (Grant.site == site, Grant.reference == reference)
    tx.execute(update(Grant).where(*here).values(state=state, reason=reason))


def put(
    tx: Connection,
    site: bytes,
    topic: str,
    payload: bytes,
    now: int,
    *,
    retain: bool = False,
    answer: bytes | None = None,
    box: bytes | None = None,
) -> None:
    """Something to send from now on: until `answer` is answered, or (without) until the broker has it."""
    values = {"site": site, "topic": topic, "payload": payload, "retain": retain, "due": now, "attempts": 0}
    tx.execute(_PUT, {**values, "answer": answer, "box": box})


def due(tx: Connection, now: int) -> list[Row[Any]]:
    """What is to be sent now, oldest first."""
    return list(tx.execute(_DUE, {"now": now}))


def next_due(tx: Connection) -> int | None:
    """When the next row is due."""
    return tx.execute(_NEXT_DUE).scalar()


def postpone(tx: Connection, row: int, due_at: int, attempts: int) -> None:
    """A row was sent: when again."""
    tx.execute(_POSTPONE, {"row": row, "due_at": due_at, "attempts_so_far": attempts})


def done(tx: Connection, row: int) -> None:
    """A row needs no more sending."""
    tx.execute(_DONE, {"row": row})


def answered(tx: Connection, site: bytes, answer: bytes) -> None:
    """The answer came: stop sending."""
    tx.execute(delete(Outbox).where(Outbox.site == site, Outbox.answer == answer))


def waits_for(tx: Connection, site: bytes, answer: bytes) -> bool:
    """Whether something is still sent until this answer."""
    return tx.execute(select(Outbox.id).where(Outbox.site == site, Outbox.answer == answer)).first() is not None


def hold(tx: Connection, site: bytes, answer: bytes, due_at: int) -> None:
    """The answer seems to be there, but is not proven: send again only much later."""
    tx.execute(update(Outbox).where(Outbox.site == site, Outbox.answer == answer).values(due=due_at))


def hurry(tx: Connection, now: int, site: bytes | None = None, box: bytes | None = None) -> None:
    """Send now what waits for a box, or everything."""
    change = update(Outbox).where(Outbox.due > now)
    if box is not None:
        change = change.where(Outbox.site == site, Outbox.box == box)
    tx.execute(change.values(due=now, attempts=0))


def waiting_kids(tx: Connection, site: bytes, reference: bytes) -> set[bytes]:
    """The keys in whose inbox a request is retained."""
    return set(tx.execute(_WAITING_KIDS, {"site": site, "reference": reference}).scalars())


def waiting(tx: Connection, site: bytes) -> list[Row[Any]]:
    """Everything retained in inboxes."""
    return list(tx.execute(select(Waiting.__table__).where(Waiting.site == site)))


def set_waiting(
    tx: Connection, site: bytes, reference: bytes, added: Collection[bytes], cleared: Collection[bytes]
) -> None:
    """Write down in whose inboxes a request is now retained, and in whose no longer."""
    if added:
        tx.execute(insert(Waiting), [{"site": site, "reference": reference, "kid": kid} for kid in added])
    if cleared:
        here = (Waiting.site == site, Waiting.reference == reference, Waiting.kid.in_(cleared))
        tx.execute(delete(Waiting).where(*here))


def put_retained(tx: Connection, site: bytes, letters: Iterable[tuple[str, bytes]], now: int) -> None:
    """Retained messages (topic, payload) to send from now on until the broker has them.

    What was to be retained there before is dropped, so that no late repetition brings it back.
    """
    letters = list(letters)
    named = Outbox.topic.in_([topic for topic, _ in letters])
    tx.execute(delete(Outbox).where(Outbox.site == site, Outbox.retain.is_(True), named))
    shared = {"site": site, "retain": True, "due": now, "attempts": 0, "answer": None, "box": None}
    tx.execute(insert(Outbox), [{"topic": topic, "payload": payload, **shared} for topic, payload in letters])
