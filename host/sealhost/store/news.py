"""News, to whom they are still to be told, and reminders."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from sealhost.store.models import News, Reminder, Telling

BATCH = 200
MAX_WAITING = 20_000
"""Tellings kept; what would come above is not told. As many as a large site has events in a month."""

EVENTS = frozenset(
    [
        *("request", "request_approved", "request_denied", "request_expired", "request_failed"),
        *("request_open", "request_finished", "report", "case_opened", "case_closed"),
        *("other_chain", "foreign_grant", "tamper", "forced", "jam"),
    ]
)
"""The audit records that are news."""

_ADD = insert(News)
_NEXT = select(News.__table__).order_by(News.id).limit(BATCH)
_DUE_ROUTES = (
    select(Telling.route, Telling.urgent)
    .where(Telling.sent.is_(None), Telling.due <= bindparam("now"))
    .group_by(Telling.route, Telling.urgent)
    .order_by(Telling.route, Telling.urgent)
)


def add(
    tx: Connection, site: bytes, at: int, event: str, reference: bytes | None, kid: bytes | None, detail: str = ""
) -> None:
    """Something happened."""
    values = {"site": site, "at": at, "event": event, "reference": reference, "kid": kid, "detail": detail}
    tx.execute(_ADD, values)


def take(tx: Connection) -> list[Row[Any]]:
    """The oldest news, which are gone with this transaction; whoever gets a row is the only one."""
    found = []
    for row in tx.execute(_NEXT).all():
        if tx.execute(delete(News).where(News.id == row.id)).rowcount:
            found.append(row)
    return found


def waits(tx: Connection) -> bool:
    """Whether there are news to look at."""
    return tx.execute(select(News.id).limit(1)).first() is not None


def tell(tx: Connection, site: bytes, route: str, urgent: bool, content: str, now: int) -> None:
    """One route is to be told something."""
    values = {"site": site, "route": route, "urgent": urgent, "content": content, "made": now, "due": now}
    tx.execute(insert(Telling).values(**values, attempts=0, sent=None))


def is_full(tx: Connection) -> bool:
    """Whether as many tellings wait as are kept."""
    return tx.execute(select(Telling.id).offset(MAX_WAITING).limit(1)).first() is not None


def due_routes(tx: Connection, now: int) -> list[tuple[str, bool]]:
    """(route, urgent) for which something is due."""
    return [(row.route, row.urgent) for row in tx.execute(_DUE_ROUTES, {"now": now})]


def due(tx: Connection, route: str, urgent: bool, now: int) -> list[Row[Any]]:
    """What is due for a route, oldest first."""
    here = (Telling.route == route, Telling.urgent.is_(urgent), Telling.sent.is_(None), Telling.due <= now)
    return list(tx.execute(select(Telling.__table__).where(*here).order_by(Telling.id).limit(BATCH)))


def sent_since(tx: Connection, route: str, urgent: bool, since: int) -> list[int]:
    """When messages went to a route, in order; a digest counts once."""
    here = (Telling.route == route, Telling.urgent.is_(urgent), Telling.sent > since)
    return list(tx.execute(select(Telling.sent).where(*here).order_by(Telling.sent)).scalars())  # type: ignore[arg-type]


def claim(tx: Connection, row: Row[Any], until: int) -> bool:
    """Take a telling for sending; False when another host was faster. It is due again `until`, if nothing is said."""
    here = (Telling.id == row.id, Telling.attempts == row.attempts, Telling.due == row.due, Telling.sent.is_(None))
    changed = tx.execute(update(Telling).where(*here).values(due=until, attempts=row.attempts + 1))
    return bool(changed.rowcount)


def postpone(tx: Connection, rows: list[int], due_at: int) -> None:
    """These are due later."""
    tx.execute(update(Telling).where(Telling.id.in_(rows)).values(due=due_at))


def told(tx: Connection, rows: list[int], now: int) -> None:
    """One message told all of these: the first stays for a while, to count it."""
    tx.execute(update(Telling).where(Telling.id == rows[0]).values(sent=now))
    drop(tx, rows[1:])


def drop(tx: Connection, rows: list[int]) -> None:
    """These need no more sending."""
    tx.execute(delete(Telling).where(Telling.id.in_(rows)))


def forget(tx: Connection, sent_before: int, made_before: int) -> int:
    """Clear away what was sent long ago; how many were never told since `made_before` and are given up."""
    tx.execute(delete(Telling).where(Telling.sent <= sent_before))
    return int(tx.execute(delete(Telling).where(Telling.sent.is_(None), Telling.made <= made_before)).rowcount)


def remind(tx: Connection, site: bytes, reference: bytes, what: str, at: int) -> None:
    """Look at a request again then; a later word replaces an earlier one."""
    here = (Reminder.site == site, Reminder.reference == reference, Reminder.what == what)
    if not tx.execute(update(Reminder).where(*here).values(at=at)).rowcount:
        tx.execute(insert(Reminder).values(site=site, reference=reference, what=what, at=at))


def take_reminders(tx: Connection, now: int) -> list[Row[Any]]:
    """The reminders that are due, which are gone with this transaction."""
    query = select(Reminder.__table__).where(Reminder.at <= now).order_by(Reminder.at).limit(BATCH)
    found = []
    for row in tx.execute(query).all():
        here = (Reminder.site == row.site, Reminder.reference == row.reference, Reminder.what == row.what)
        if tx.execute(delete(Reminder).where(*here)).rowcount:
            found.append(row)
    return found
