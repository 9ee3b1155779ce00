"""What an export reads. Each function is given one connection, so that all of them see the same moment."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, select

from sealhost.store.models import Blob, Box, Checkpoint, Entry, MattersMessage, Message, RosterMessage, SetAside


def messages(tx: Connection, site: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(reference, raw) of every accepted message of people, of resets, and of the host's grants and times."""
    query = select(Message.reference, Message.raw).where(Message.site == site).order_by(Message.id)
    for row in tx.execute(query):
        yield row.reference, row.raw


def set_aside(tx: Connection, site: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(reference, raw) of the messages that were refused here but may have been obeyed by a box."""
    for row in tx.execute(select(SetAside.reference, SetAside.raw).where(SetAside.site == site)):
        yield row.reference, row.raw


def roster_messages(tx: Connection, site: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(version, kid, raw) of the adopted rosters' messages, by version and kid."""
    here = (RosterMessage.site == site, RosterMessage.adopted.is_(True))
    query = select(RosterMessage.version, RosterMessage.kid, RosterMessage.raw).where(*here)
    for row in tx.execute(query.order_by(RosterMessage.version, RosterMessage.kid)):
        yield row.version, row.kid, row.raw


def matters_messages(tx: Connection, site: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(version, part, raw) of the matter lists."""
    query = select(MattersMessage.version, MattersMessage.part, MattersMessage.raw).where(MattersMessage.site == site)
    for row in tx.execute(query.order_by(MattersMessage.version, MattersMessage.part)):
        yield row.version, row.part, row.raw


def boxes(tx: Connection, site: bytes) -> list[bytes]:
    """The kids of the site's boxes."""
    return list(tx.execute(select(Box.kid).where(Box.site == site).order_by(Box.kid)).scalars())


def entries(tx: Connection, site: bytes, box: bytes) -> Iterator[tuple[int, bytes]]:
    """(seq, raw) of a box's proven log entries, in order from 1."""
    query = select(Entry.seq, Entry.raw).where(Entry.site == site, Entry.box == box).order_by(Entry.seq)
    for row in tx.execute(query):
        yield row.seq, row.raw


def checkpoints(tx: Connection, site: bytes, box: bytes) -> Iterator[tuple[int, bytes]]:
    """(seq, raw) of the checkpoints that prove them, in order."""
    here = (Checkpoint.site == site, Checkpoint.box == box)
    for row in tx.execute(select(Checkpoint.seq, Checkpoint.raw).where(*here).order_by(Checkpoint.seq)):
        yield row.seq, row.raw


def blobs(tx: Connection, site: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(digest, salt and content) of all that is kept apart from what was signed, one at a time."""
    digests = tx.execute(select(Blob.digest).where(Blob.site == site).order_by(Blob.digest)).scalars().all()
    for digest in digests:
        body = tx.execute(select(Blob.body).where(Blob.site == site, Blob.digest == digest)).scalar()
        if body is not None:
            yield digest, body
