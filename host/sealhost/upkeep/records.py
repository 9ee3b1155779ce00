"""What the doctor sees in the database: whether it can be used, whom the roster lists, what the boxes' clocks say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sealwire import cbor, messages
from sealwire.errors import SealwireError
from sealwire.roster import Roster
from sealwire.schema import from_map
from sqlalchemy import Connection, func, make_url, select, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from sealhost.config import Settings
from sealhost.signing import keys
from sealhost.store import boxes, figures, sites
from sealhost.store.database import Database
from sealhost.store.migrate import newest
from sealhost.store.models import Audit
from sealhost.upkeep.findings import Finding, bad, fine, warning

CLOCK_S = 120
"""A box's clock is set from the host's and drifts by some minutes a year; a message takes seconds."""


def look_at_database(settings: Settings, now: int) -> Iterator[Finding]:
    """Reachable, of this version, writable; then what is in it."""
    database, problem = _open(settings)
    if database is None:
        assert problem is not None
        yield problem
        return
    try:
        with database.read() as tx:
            found = figures.revision(tx)
        if found != newest():
            what = f"its tables are of version {found}, this program wants {newest()}"
            yield bad("database_version", what, "start the host, which brings them forward, or use the newer program")
            return
        with database.read() as tx:
            records = [*_look_at_rosters(tx, settings), *_look_at_clocks(tx, now)]
        yield from _try_writing(database)
        yield from records
    except SQLAlchemyError as error:
        yield bad("database", f"the database cannot be used: {_line(error)}", "look at its log and its permissions")
    finally:
        database.close()


def usable_database(settings: Settings) -> Database | None:
    """The database, when its tables are as this program wants them."""
    database, _ = _open(settings)
    if database is None:
        return None
    try:
        with database.read() as tx:
            if figures.revision(tx) == newest():
                return database
    except SQLAlchemyError:
        pass
    database.close()
    return None


def _open(settings: Settings) -> tuple[Database | None, Finding | None]:
    try:
        url = make_url(settings.database)
    except ArgumentError:
        return None, bad("database", "database_url is no URL", "write it like postgresql+psycopg://user@host/name")
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        what = f"{url.database} is not there"
        return None, bad("database", what, "bring it back with `sealhost restore`; `sealhost init` makes an empty one")
    database = Database(settings.database)
    try:
        with database.read() as tx:
            figures.revision(tx)
    except SQLAlchemyError as error:
        database.close()
        what = f"the database {url.render_as_string()} cannot be used: {_line(error)}"
        return None, bad("database", what, "start it, and look at name, account and permissions in database_url")
    return database, None


def _try_writing(database: Database) -> Iterator[Finding]:
    try:
        with database.write() as tx:
            tx.execute(text("UPDATE alembic_version SET version_num = version_num"))
    except SQLAlchemyError as error:
        mend = "give this account the right to write it, and room on its disk"
        yield bad("database_read_only", f"the database cannot be written: {_line(error)}", mend)
    else:
        yield fine("database", "the database answers, is of this version and can be written")


def _look_at_rosters(tx: Connection, settings: Settings) -> Iterator[Finding]:
    secret = settings.key_passphrase
    try:
        public = keys.load(settings.key_file, None if secret is None else secret.get_secret_value()).public_key
    except keys.KeyFileError:
        public = None  # named already
    rows = sites.all_sites(tx)
    if not rows:
        yield bad("no_site", "this host serves no site", "`sealhost init --site-name … --authority …`")
    for row in rows:
        version = sites.newest_version(tx, row.site)
        payload = sites.roster_payload(tx, row.site, version) if version else None
        if payload is None:
            mend = "have the authority sign and publish one"
            yield warning("no_roster", f"site {row.site.hex()} has no roster yet", mend)
            continue
        roster = Roster(from_map(messages.fields_of(messages.ROSTER), cbor.decode(payload)))
        if public is not None and public not in roster.fields["hosts"]:
            what = f"the roster of site {row.site.hex()} does not list this host's key: boxes will not obey it"
            yield bad("not_in_roster", what, f"have the authority list the host key {public.hex()}")


def _look_at_clocks(tx: Connection, now: int) -> Iterator[Finding]:
    last = tx.execute(select(func.max(Audit.at))).scalar()
    if last is not None and last > now + CLOCK_S:
        what = f"this machine's clock is {last - now} s behind the newest record of this host"
        yield bad("clock_behind", what, "set the clock, and keep it with NTP")
    differing, looked_at = [], 0
    for site in sites.all_sites(tx):
        for box in boxes.all_boxes(tx, site.site):
            if box.checkpoint is None or not box.clock_set:
                continue
            try:
                said = messages.read(box.checkpoint, site.site, (messages.CHECKPOINT,))["clock"]
            except SealwireError:
                continue
            looked_at += 1
            if abs(said - box.seen) > CLOCK_S:
                differing.append((box.kid.hex(), said - box.seen))
    if looked_at > 1 and len(differing) == looked_at:
        what = f"the clocks of all {looked_at} boxes differ from this machine's, by {differing[0][1]} s and the like"
        yield bad("clock_differs", what, "look at this machine's clock first, and keep it with NTP")
        return
    for kid, seconds in differing:
        what = f"the clock of box {kid} differs from this machine's by {seconds} s"
        yield bad("clock_differs", what, "if this machine's clock is right, the authority's reset sets the box's")
    if looked_at and not differing:
        yield fine("clock_differs", f"the clocks of {looked_at} boxes agree with this machine's")


def _line(error: SQLAlchemyError) -> str:
    """The first line, without the statement and its values."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
