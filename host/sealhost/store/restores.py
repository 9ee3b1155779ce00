"""Whether this database came from a backup, and what that backup lacks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from sealhost.store.models import Restore, Session, SignIn

_LAST = select(Restore.__table__).order_by(Restore.restored.desc()).limit(1)


def last(tx: Connection) -> Row[Any] | None:
    """The newest restore (epoch, made, restored), None when there was none."""
    return tx.execute(_LAST).first()


def add(tx: Connection, epoch: bytes, made: int, restored: int) -> None:
    """This database was brought back just now: nobody is signed in any more."""
    tx.execute(delete(Session))
    tx.execute(delete(SignIn))
    tx.execute(insert(Restore).values(epoch=epoch, made=made, restored=restored))
