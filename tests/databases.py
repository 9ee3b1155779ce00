"""Throw-away databases: a file of SQLite, or one of a PostgreSQL cluster that ends with the tests.

The cluster listens on a UNIX socket in its own folder only, so that tests that run at once do not meet.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

ACCOUNT = "postgres"  # PostgreSQL refuses to run as root
START_TIMEOUT_S = 60


class Cluster:
    """A PostgreSQL cluster in a folder of its own. Raises RuntimeError, which says what is missing or went wrong."""

    def __init__(self) -> None:
        self._binaries = _binaries()
        # Not pytest's folder: that one is root's alone, and too long a path for a socket.
        self._folder = Path(tempfile.mkdtemp(prefix="sealbox-pg-"))
        self._made = 0
        if os.geteuid() == 0:
            shutil.chown(self._folder, ACCOUNT, ACCOUNT)

    def start(self) -> Cluster:
        """Make it and start it. Safe against power cuts it is not: its data does not outlive the tests."""
        data, log = self._folder / "data", self._folder / "log"
        self._run("initdb", "--auth=trust", "--encoding=UTF8", "--no-sync", "--username=postgres", f"--pgdata={data}")
        options = f"-c listen_addresses='' -c unix_socket_directories='{self._folder}' -c fsync=off"
        self._run("pg_ctl", "start", "-w", "-t", str(START_TIMEOUT_S), "-D", str(data), "-l", str(log), "-o", options)
        return self

    def stop(self) -> None:
        """End it and forget everything."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-D", str(self._folder / "data"))
        shutil.rmtree(self._folder)

    def new_database(self) -> str:
        """SQLAlchemy's URL of a new, empty database."""
        self._made += 1
        name = f"test_{self._made}"
        with psycopg.connect(host=str(self._folder), user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql+psycopg://postgres@/{name}?host={self._folder}"

    def _run(self, program: str, *words: str) -> None:
        command = [str(self._binaries / program), *words]
        if os.geteuid() == 0:
            command = ["runuser", "-u", ACCOUNT, "--", *command]
        log = self._folder / "log"
        # No pipe: the server would inherit it, and reading it to its end would wait for ever.
        with (self._folder / "commands").open("w+") as output:
            done = subprocess.run(command, stdout=output, stderr=output, cwd=self._folder, check=False)
            if done.returncode:
                output.seek(0)
                said = output.read() + (log.read_text() if log.exists() else "")
                raise RuntimeError(f"{program} failed: {said}")


def _binaries() -> Path:
    """Where the server's programs are; the newest version. Debian keeps them out of the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        raise RuntimeError("PostgreSQL is missing: apt-get install postgresql")
    if os.geteuid() == 0:
        try:
            pwd.getpwnam(ACCOUNT)
        except KeyError:
            raise RuntimeError(f"PostgreSQL does not run as root, and there is no account {ACCOUNT}") from None
    return found[-1].parent if found else Path(str(on_path)).parent
