"""Sites, rosters, matter lists."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from sealhost.store.models import MattersMessage, Roster, RosterMessage, Site

# Built once, as every message asks for it.
_NEWEST = select(Roster.version).where(Roster.site == bindparam("site")).order_by(Roster.version.desc()).limit(1)


def add(tx: Connection, site: bytes, name: str, authority: Iterable[bytes], threshold: int, now: int) -> None:
    """A new site."""
    row = {"site": site, "name": name, "authority": b"".join(authority), "threshold": threshold, "created": now}
    tx.execute(insert(Site).values(row))


def all_sites(tx: Connection) -> list[Row[Any]]:
    """Every site of this host."""
    return list(tx.execute(select(Site.__table__).order_by(Site.created)))


def get(tx: Connection, site: bytes) -> Row[Any] | None:
    """One site; `authority` holds its configured keys, see `authority_keys`."""
    return tx.execute(select(Site.__table__).where(Site.site == site)).first()


def authority_keys(row: Row[Any]) -> list[bytes]:
    """The authority keys that a site was set up with."""
    return [row.authority[at : at + 32] for at in range(0, len(row.authority), 32)]


def newest_version(tx: Connection, site: bytes) -> int:
    """The version of the adopted roster, 0 without one."""
    return tx.execute(_NEWEST, {"site": site}).scalar() or 0


def roster_payload(tx: Connection, site: bytes, version: int) -> bytes | None:
    """The payload of an adopted roster."""
    return tx.execute(select(Roster.payload).where(Roster.site == site, Roster.version == version)).scalar()


def adopted_versions(tx: Connection, site: bytes) -> list[int]:
    """All adopted versions, oldest first."""
    return list(tx.execute(select(Roster.version).where(Roster.site == site).order_by(Roster.version)).scalars())


def add_roster_message(tx: Connection, **values: Any) -> None:
    """Keep one signed roster message."""
    tx.execute(insert(RosterMessage).values(values))


def find_roster_message(tx: Connection, site: bytes, reference: bytes) -> Row[Any] | None:
    """A roster message by its reference."""
    query = select(RosterMessage.__table__).where(RosterMessage.site == site, RosterMessage.reference == reference)
    return tx.execute(query).first()


def signers(tx: Connection, site: bytes, digest: bytes) -> list[bytes]:
    """The kids whose checked signatures over one roster are here."""
    query = select(RosterMessage.kid).where(RosterMessage.site == site, RosterMessage.digest == digest)
    return list(tx.execute(query).scalars())


def adopt(tx: Connection, site: bytes, version: int, payload: bytes, digest: bytes, now: int) -> None:
    """Make a roster the site's, and forget what was staged up to its version."""
    tx.execute(insert(Roster).values(site=site, version=version, payload=payload, adopted=now))
    here = (RosterMessage.site == site, RosterMessage.version <= version)
    tx.execute(update(RosterMessage).where(*here, RosterMessage.digest == digest).values(adopted=True))
    tx.execute(delete(RosterMessage).where(*here, RosterMessage.adopted.is_(False)))


def staged_rosters(tx: Connection, site: bytes, kid: bytes) -> list[Row[Any]]:
    """What one authority key signed and too few others did, oldest first."""
    mine = (RosterMessage.site == site, RosterMessage.kid == kid, RosterMessage.adopted.is_(False))
    return list(tx.execute(select(RosterMessage.__table__).where(*mine).order_by(RosterMessage.received)))


def waiting_rosters(tx: Connection, site: bytes) -> list[Row[Any]]:
    """Rosters that too few keys have signed, by whichever key, oldest first."""
    here = (RosterMessage.site == site, RosterMessage.adopted.is_(False))
    query = select(RosterMessage.__table__).where(*here)
    return list(tx.execute(query.order_by(RosterMessage.received, RosterMessage.kid)))


def drop_roster_message(tx: Connection, site: bytes, reference: bytes) -> None:
    """Forget a staged roster message."""
    here = (RosterMessage.site == site, RosterMessage.reference == reference, RosterMessage.adopted.is_(False))
    tx.execute(delete(RosterMessage).where(*here))


def messages_of_version(tx: Connection, site: bytes, version: int) -> list[Row[Any]]:
    """The messages of an adopted roster: one for each key that signed it."""
    here = (RosterMessage.site == site, RosterMessage.version == version, RosterMessage.adopted.is_(True))
    return list(tx.execute(select(RosterMessage.__table__).where(*here).order_by(RosterMessage.kid)))


def add_matters(tx: Connection, **values: Any) -> None:
    """Keep one part of a matter list."""
    tx.execute(insert(MattersMessage).values(values))


def find_matters(tx: Connection, site: bytes, reference: bytes) -> Row[Any] | None:
    """A part by its reference."""
    query = select(MattersMessage.__table__).where(MattersMessage.site == site, MattersMessage.reference == reference)
    return tx.execute(query).first()


def matters(tx: Connection, site: bytes) -> list[Row[Any]]:
    """All parts of all versions, in order."""
    query = select(MattersMessage.__table__).where(MattersMessage.site == site)
    return list(tx.execute(query.order_by(MattersMessage.version, MattersMessage.part, MattersMessage.received)))
