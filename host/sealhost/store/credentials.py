"""The credentials for TLS that this host sent to boxes, and which of them a box has taken."""

from __future__ import annotations

from typing import Any

from sealwire import chain, messages
from sealwire.messages import Message as Letter
from sqlalchemy import Connection, Row, select

from sealhost.store.models import Entry, Message


def newest(tx: Connection, site: bytes, box: bytes) -> tuple[Letter, int] | None:
    """The last message made for a box, and when it was made."""
    here = (Message.site == site, Message.type == messages.CREDENTIALS)
    for row in tx.execute(select(Message.raw, Message.received).where(*here).order_by(Message.id.desc())):
        letter = messages.read(row.raw, site, (messages.CREDENTIALS,))
        if letter["box"] == box:
            return letter, row.received
    return None


def was_taken(tx: Connection, site: bytes, box: bytes, reference: bytes) -> bool:
    """Whether a `link` entry under a checkpoint names this message."""
    return any(entry["message"] == reference for entry in _links(tx, site, box))


def last_issued(tx: Connection, site: bytes, box: bytes) -> int:
    """`issued` of what the box took last by any host's message, 0 for nothing."""
    return max((entry["issued"] for entry in _links(tx, site, box)), default=0)


def _links(tx: Connection, site: bytes, box: bytes) -> list[chain.Entry]:
    here = (Entry.site == site, Entry.kind == chain.LINK, Entry.box == box)
    rows: list[Row[Any]] = list(tx.execute(select(Entry.raw).where(*here).order_by(Entry.seq.desc()).limit(100)))
    return [chain.read_entry(row.raw) for row in rows]
