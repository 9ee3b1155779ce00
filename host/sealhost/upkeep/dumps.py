"""A database as one file: a copy by SQLite's online backup, or a dump by PostgreSQL's own pg_dump.

Guarantees: the file shows one moment, also while a host is writing; nobody waits for it. A password goes to pg_dump by
its environment, never by its command line.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

from sqlalchemy import URL, create_engine, inspect, make_url
from sqlalchemy.exc import SQLAlchemyError

from sealhost.upkeep import UpkeepError

SQLITE, POSTGRESQL = "sealbox.db", "database.pgdump"
_TIMEOUT_S = 6 * 3600


def dump(url: str, folder: Path) -> str:
    """Write the database into a folder; the file's name says its kind."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        _copy_sqlite(Path(str(parsed.database)), folder / SQLITE)
        return SQLITE
    _postgresql("pg_dump", parsed, "--format=custom", "--no-owner", "--no-acl", f"--file={folder / POSTGRESQL}")
    return POSTGRESQL


def load(url: str, file: Path) -> None:
    """Fill an empty PostgreSQL database from a dump, wholly or not at all. UpkeepError when it holds tables."""
    engine = create_engine(url)
    try:
        if inspect(engine).get_table_names():
            raise UpkeepError("the database is not empty: a restore writes over nothing. Make a new one for it")
    except SQLAlchemyError as error:
        raise UpkeepError(f"the database cannot be used: {str(error).splitlines()[0]}") from error
    finally:
        engine.dispose()
    words = ("--no-owner", "--no-acl", "--single-transaction", "--exit-on-error", str(file))
    _postgresql("pg_restore", make_url(url), *words)


def check_sqlite(file: Path) -> None:
    """UpkeepError when a copy is damaged."""
    connection = sqlite3.connect(file)
    try:
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        found = str(error)
    finally:
        connection.close()
    if found != "ok":
        raise UpkeepError(f"the database in the backup is damaged: {found}")


def _copy_sqlite(source: Path, target: Path) -> None:
    if not source.is_file():
        raise UpkeepError(f"{source} is not there: has this host a database?")
    reading, writing = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True), sqlite3.connect(target)
    try:
        reading.execute("PRAGMA busy_timeout=20000")
        reading.backup(writing)  # all pages in one step: one moment, and in WAL mode writers go on
        writing.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    except sqlite3.Error as error:
        raise UpkeepError(f"{source} cannot be copied: {error}") from error
    finally:
        reading.close()
        writing.close()


def _postgresql(program: str, url: URL, *words: str) -> None:
    found = shutil.which(program) or _newest(program)
    if found is None:
        raise UpkeepError(
            f"{program} is missing: install PostgreSQL's client programs, of the server's version or newer"
        )
    named = {"host": url.host, "port": url.port, "user": url.username, "dbname": url.database}
    options = {**url.query, **{name: str(value) for name, value in named.items() if value}}
    text = " ".join(f"{name}='{_escaped(str(value))}'" for name, value in sorted(options.items()) if name != "password")
    password = url.password or url.query.get("password")
    environment = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    command = [found, f"--dbname={text}", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise UpkeepError(f"{program} failed: {said[-1] if said else done.returncode}")


def _newest(program: str) -> str | None:
    """Where Debian keeps it."""
    paths = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda path: int(path.parts[-3]))
    return str(paths[-1]) if paths else None


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
