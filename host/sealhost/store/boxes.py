"""Boxes, their logs, checkpoints and challenges."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sealwire import chain
from sqlalchemy import Connection, Row, bindparam, delete, insert, or_, select, update

from sealhost.store.models import Box, Challenge, Checkpoint, Entry, Staged

_CLOCK = (chain.TIME, chain.RESET)

# Statements of every message are built once: building one costs as much as running it.
_GET = select(Box.__table__).where(Box.site == bindparam("site"), Box.kid == bindparam("kid"))
_LAST_STAGED = (
    select(Staged.__table__)
    .where(Staged.site == bindparam("site"), Staged.box == bindparam("box"))
    .order_by(Staged.seq.desc())
    .limit(1)
)
_CHALLENGES = (
    select(Challenge.__table__)
    .where(Challenge.site == bindparam("site"), Challenge.box == bindparam("box"))
    .order_by(Challenge.bay)
)
_HEADS = [
    select(table.head).where(
        table.site == bindparam("site"), table.box == bindparam("box"), table.seq == bindparam("seq")
    )
    for table in (Entry, Staged)
]
_HISTORIES = [
    select(table.raw)
    .where(
        table.site == bindparam("site"),
        table.box == bindparam("box"),
        table.seq > bindparam("after"),
        or_(table.request == bindparam("request"), table.kind.in_(_CLOCK)),
    )
    .order_by(table.seq)
    for table in (Entry, Staged)
]
"""Proven entries, then staged ones."""


def add(tx: Connection, site: bytes, kid: bytes, public: bytes, head: bytes) -> None:
    """A box that a roster lists for the first time; `head` is the genesis of its log."""
    tx.execute(
        insert(Box).values(
            site=site, kid=kid, public=public, seq=0, head=head, checkpoint=None, checkpoint_seq=0, boot=0,
            clock_set=True, roster=0, firmware="", online=False, seen=0, push_at=None, pushes=0, time_at=None, times=0,
        )
    )  # fmt: skip


def get(tx: Connection, site: bytes, kid: bytes) -> Row[Any] | None:
    """A box."""
    return tx.execute(_GET, {"site": site, "kid": kid}).first()


def all_boxes(tx: Connection, site: bytes) -> list[Row[Any]]:
    """The boxes that any roster of the site listed."""
    return list(tx.execute(select(Box.__table__).where(Box.site == site).order_by(Box.kid)))


def update_box(tx: Connection, site: bytes, kid: bytes, **values: Any) -> None:
    """Change what is known of a box."""
    tx.execute(update(Box).where(Box.site == site, Box.kid == kid).values(values))


def due(tx: Connection, now: int) -> list[Row[Any]]:
    """Boxes that need a newer roster or the time now."""
    return list(tx.execute(select(Box.__table__).where(or_(Box.push_at <= now, Box.time_at <= now))))


def stage(tx: Connection, site: bytes, box: bytes, rows: Iterable[dict[str, Any]]) -> None:
    """Keep entries that are not proven yet."""
    values = [{"site": site, "box": box, **row} for row in rows]
    if values:
        tx.execute(insert(Staged), values)


def unstage(tx: Connection, site: bytes, box: bytes, first: int = 0, last: int | None = None) -> None:
    """Forget staged entries from `first` (to `last`)."""
    change = delete(Staged).where(Staged.site == site, Staged.box == box, Staged.seq >= first)
    tx.execute(change if last is None else change.where(Staged.seq <= last))


def staged(tx: Connection, site: bytes, box: bytes, last: int | None = None) -> list[Row[Any]]:
    """Staged entries in order, up to `last` if given."""
    query = select(Staged.__table__).where(Staged.site == site, Staged.box == box)
    return list(tx.execute((query if last is None else query.where(Staged.seq <= last)).order_by(Staged.seq)))


def last_staged(tx: Connection, site: bytes, box: bytes) -> Row[Any] | None:
    """The newest staged entry."""
    return tx.execute(_LAST_STAGED, {"site": site, "box": box}).first()


def staged_at(tx: Connection, site: bytes, box: bytes, seq: int) -> Row[Any] | None:
    """A staged entry."""
    here = (Staged.site == site, Staged.box == box, Staged.seq == seq)
    return tx.execute(select(Staged.__table__).where(*here)).first()


def prove(tx: Connection, site: bytes, box: bytes, rows: Iterable[Row[Any]]) -> None:
    """Move staged entries to the proven ones."""
    values = [dict(row._mapping) for row in rows]
    if values:
        tx.execute(insert(Entry), values)
        unstage(tx, site, box, 0, values[-1]["seq"])


def head_at(tx: Connection, site: bytes, box: bytes, seq: int) -> bytes | None:
    """The head of the log after entry `seq`, proven or staged; None when that entry is not here."""
    for query in _HEADS:
        head = tx.execute(query, {"site": site, "box": box, "seq": seq}).scalar()
        if head is not None:
            return head
    return None


def history(tx: Connection, site: bytes, box: bytes, after: int, request: bytes, live: bool) -> list[bytes]:
    """The entries after an anchor that say something about a request; with the staged ones when `live`."""
    found: list[bytes] = []
    for query in _HISTORIES if live else _HISTORIES[:1]:
        found += tx.execute(query, {"site": site, "box": box, "after": after, "request": request}).scalars()
    return found


def entries(tx: Connection, site: bytes, box: bytes) -> list[Row[Any]]:
    """All proven entries of a box, in order."""
    query = select(Entry.__table__).where(Entry.site == site, Entry.box == box)
    return list(tx.execute(query.order_by(Entry.seq)))


def stretch(tx: Connection, site: bytes, box: bytes, first: int, last: int) -> list[bytes]:
    """The entries from `first` to `last` that are here, proven ones and then staged ones."""
    found: list[bytes] = []
    for table in (Entry, Staged):
        here = (table.site == site, table.box == box, table.seq.between(first, last))
        found += tx.execute(select(table.raw).where(*here).order_by(table.seq)).scalars()
    return found


def put_checkpoint(tx: Connection, site: bytes, box: bytes, seq: int, raw: bytes, now: int) -> None:
    """Keep the checkpoint that proves entry `seq`; the newest when there are several."""
    tx.execute(delete(Checkpoint).where(Checkpoint.site == site, Checkpoint.box == box, Checkpoint.seq == seq))
    tx.execute(insert(Checkpoint).values(site=site, box=box, seq=seq, raw=raw, received=now))


def checkpoints(tx: Connection, site: bytes, box: bytes) -> list[Row[Any]]:
    """All checkpoints of a box, in order."""
    query = select(Checkpoint.__table__).where(Checkpoint.site == site, Checkpoint.box == box)
    return list(tx.execute(query.order_by(Checkpoint.seq)))


def challenge(tx: Connection, site: bytes, box: bytes, bay: int) -> Row[Any] | None:
    """The newest challenge of a bay."""
    here = (Challenge.site == site, Challenge.box == box, Challenge.bay == bay)
    return tx.execute(select(Challenge.__table__).where(*here)).first()


def challenges(tx: Connection, site: bytes, box: bytes) -> list[Row[Any]]:
    """The newest challenge of each bay of a box."""
    return list(tx.execute(_CHALLENGES, {"site": site, "box": box}))


def put_challenge(tx: Connection, **values: Any) -> None:
    """Make a challenge the newest of its bay."""
    drop_challenges(tx, values["site"], values["box"], bay=values["bay"])
    tx.execute(insert(Challenge).values(values))


def drop_challenges(
    tx: Connection, site: bytes, box: bytes, *, bay: int | None = None, nonce: bytes | None = None, before_boot: int = 0
) -> None:
    """Forget challenges that the box no longer honours."""
    change = delete(Challenge).where(Challenge.site == site, Challenge.box == box)
    if bay is not None:
        change = change.where(Challenge.bay == bay)
    if nonce is not None:
        change = change.where(Challenge.nonce == nonce)
    if before_boot:
        change = change.where(Challenge.boot < before_boot)
    tx.execute(change)
