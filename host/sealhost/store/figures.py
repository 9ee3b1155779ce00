"""Numbers about everything that this host holds, in a few cheap queries: what ended long ago is not counted."""

from __future__ import annotations

from sqlalchemy import Connection, Integer, case, cast, func, select, text

from sealhost.core.lifecycle import LIVE
from sealhost.store.models import Box, Outbox, Request, Site, Waiting

_LIVE = (
    select(Request.state, func.count())
    .where(Request.site.in_(select(Site.site)), Request.state.in_([str(state) for state in LIVE]))
    .group_by(Request.state)
)
_BOXES = select(
    func.count(),
    func.sum(cast(Box.online, Integer)),
    func.sum(case((Box.checkpoint_seq > Box.seq, 1), else_=0)),
    func.sum(case((Box.push_at.is_not(None), 1), else_=0)),
    func.sum(case((Box.clock_set.is_(False), 1), else_=0)),
)
_OUTBOX = select(func.count(), func.min(Outbox.due))


def live_requests(tx: Connection) -> dict[str, int]:
    """How many requests are in each state in which something may still happen."""
    found = {str(state): 0 for state in LIVE}
    found.update({str(state): int(count) for state, count in tx.execute(_LIVE)})
    return found


def boxes(tx: Connection) -> dict[str, int]:
    """How many boxes there are, and how many are not as they should be."""
    names = ("known", "online", "unproven", "roster_behind", "clock_lost")
    return {name: int(value or 0) for name, value in zip(names, tx.execute(_BOXES).one(), strict=True)}


def outbox(tx: Connection) -> tuple[int, int | None]:
    """(rows, when the first of them is or was due)."""
    count, due = tx.execute(_OUTBOX).one()
    return int(count), None if due is None else int(due)


def inboxes(tx: Connection) -> int:
    """How many requests are retained in inboxes, each key's counted."""
    return int(tx.execute(select(func.count()).select_from(Waiting)).scalar_one())


def revision(tx: Connection) -> str | None:
    """The migration that the tables are at; an error when there are none."""
    return tx.execute(text("SELECT version_num FROM alembic_version")).scalar()
