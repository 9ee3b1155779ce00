"""One file that holds a host: its settings, key, CA, the secret of the broker's passwords, and its database.

Guarantees: it can be made while the host runs; it has mode 0600 and is whole or not there; a restore looks at every
checksum before it puts anything in place, writes over nothing, and leaves a mark in the database, by which the host
asks boxes and people for what the backup lacks.
Leaves to others: what stands in the environment, and the broker's own folder, which `sealhost broker config` writes.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from sqlalchemy import make_url

from sealhost.config import FILE_NAME, Settings
from sealhost.fence import files as fence_files
from sealhost.store import restores
from sealhost.store.database import Database
from sealhost.upkeep import UpkeepError, dumps, settings_of
from sealhost.upkeep.sealed import MAGIC, SealedReader, SealedWriter

FORMAT = "sealhost-backup/1"
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 8 * 1024 * 1024
"""A CA with ten thousand certificates has some 3 MB of lines here."""
SINGLE = (FILE_NAME, "host.key", "host.pub", "broker.secret", "broker/port")
CA = "ca"
_NAME = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,3}")
_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup says of itself. `made` is in UTC seconds, before the first byte of the database was read."""

    made: int
    host: str
    database: str
    files: dict[str, tuple[str, int]]
    """Path to (SHA-256 in hex, size)."""

    def as_json(self) -> dict[str, Any]:
        """The manifest."""
        listed = [{"path": path, "sha256": digest, "size": size} for path, (digest, size) in self.files.items()]
        return {"format": FORMAT, "made": self.made, "host": self.host, "database": self.database, "files": listed}

    @classmethod
    def from_json(cls, text: bytes) -> Backup:
        """The reverse. UpkeepError for anything else."""
        try:
            fields = json.loads(text)
            listed = {str(one["path"]): (str(one["sha256"]), int(one["size"])) for one in fields["files"]}
            made = cls(int(fields["made"]), str(fields["host"]), str(fields["database"]), listed)
            known = fields["format"] == FORMAT
        except (ValueError, KeyError, TypeError) as error:
            raise UpkeepError("the backup's manifest cannot be read") from error
        if not known:
            raise UpkeepError("this is a backup of another version of sealhost")
        if made.database not in (dumps.SQLITE, dumps.POSTGRESQL) or not {made.database, FILE_NAME} <= set(listed):
            raise UpkeepError("the backup lacks its database or its settings")
        if not all(_NAME.fullmatch(path) and ".." not in path.split("/") for path in listed):
            raise UpkeepError("the backup names files that no host has")
        return made


def create(settings: Settings, host: str, out: Path, passphrase: str | None, now: int) -> Backup:
    """Write a backup to a new file. `host` is the public key in hex. Raises UpkeepError, FenceError, OSError."""
    if out.exists():
        raise UpkeepError(f"{out} is there already and is not written over")
    # Not beside `out`: what is to be sealed must not lie there in the clear, not even for a moment.
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=settings.home) as name:
        folder = Path(name)
        database = dumps.dump(settings.database, folder)
        _gather(settings.home, folder)
        found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        backup = Backup(now, host, database, {path: _digest(folder / path) for path in found})
        partial = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
        try:
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                _write(file, backup, folder, passphrase)
                file.flush()
                os.fsync(file.fileno())
            check(partial, passphrase)
            partial.replace(out)
        finally:
            partial.unlink(missing_ok=True)
    return backup


def check(file: Path, passphrase: str | None) -> Backup:
    """Read a whole backup and hold every file against its checksum. UpkeepError says what is wrong."""
    with _opened(file, passphrase) as (backup, members):
        for path, content in members:
            _hold(backup, path, _digest_of(content))
    return backup


def restore(file: Path, home: Path, passphrase: str | None, database_url: str | None, now: int) -> Backup:
    """Bring a host back into an empty folder, and an empty database when it had PostgreSQL.

    Raises UpkeepError, OSError; then neither folder nor database was changed, but for a PostgreSQL database that was
    filled before the folder could be put in place.
    """
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise UpkeepError(f"{home} is not empty: a restore writes over nothing")
    home.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".restore-", dir=home.parent))
    try:
        backup = _extract(file, folder, passphrase)
        if database_url is not None:
            _set_database(folder / FILE_NAME, database_url)
        _put_database(settings_of(folder), folder / backup.database, backup, now)
        folder.replace(home)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return backup


def _put_database(settings: Settings, file: Path, backup: Backup, now: int) -> None:
    url = make_url(settings.database)
    kind = dumps.SQLITE if url.get_backend_name() == "sqlite" else dumps.POSTGRESQL
    if kind != backup.database:
        raise UpkeepError(f"the backup holds {backup.database}: give --database-url of an empty database of that kind")
    if kind == dumps.SQLITE:
        dumps.check_sqlite(file)
        target = Path(str(url.database))
        if target.resolve() != file.resolve():
            if target.exists():
                raise UpkeepError(f"{target} is there already: a restore writes over nothing")
            shutil.move(file, target)
    else:
        dumps.load(settings.database, file)
        file.unlink()
    database = Database(settings.database)
    try:
        database.upgrade()
        with database.write() as tx:
            restores.add(tx, secrets.token_bytes(8), backup.made, now)
    finally:
        database.close()


def _gather(home: Path, folder: Path) -> None:
    for name in SINGLE:
        if (home / name).is_file():
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy2(home / name, folder / name)
    if (home / CA / "index.json").is_file():
        with fence_files.locked(home / CA):  # nobody issues in between: index and certificates fit
            shutil.copytree(home / CA, folder / CA, ignore=shutil.ignore_patterns("lock", ".*"))


def _set_database(path: Path, url: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not re.match(r"\s*database_url\s*=", line)]
    path.write_text("".join([f"database_url = {json.dumps(url)}\n", *kept]), encoding="utf-8")


# --- the file ---


def _write(file: BinaryIO, backup: Backup, folder: Path, passphrase: str | None) -> None:
    sealed = None if passphrase is None else SealedWriter(file, passphrase)
    target: Any = file if sealed is None else sealed
    with tarfile.open(fileobj=target, mode="w|gz") as tar:
        manifest = json.dumps(backup.as_json(), indent=1).encode()
        tar.addfile(_member(MANIFEST, len(manifest), backup.made), io.BytesIO(manifest))
        for path, (_, size) in backup.files.items():
            with (folder / path).open("rb") as content:
                tar.addfile(_member(path, size, backup.made), content)
    if sealed is not None:
        sealed.close()


def _member(path: str, size: int, made: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.size, member.mtime, member.mode = size, made, 0o600
    return member


@contextlib.contextmanager
def _opened(file: Path, passphrase: str | None) -> Iterator[tuple[Backup, Iterator[tuple[str, IO[bytes]]]]]:
    """The manifest and the files, each listed and of its size, in order; leaves checksums to the caller."""
    try:
        with file.open("rb") as raw:
            sealed = raw.read(len(MAGIC)) == MAGIC
            raw.seek(0)
            if sealed and passphrase is None:
                raise UpkeepError("this backup is sealed: give its passphrase")
            source: Any = SealedReader(raw, passphrase) if sealed and passphrase is not None else raw
            with tarfile.open(fileobj=source, mode="r|gz") as tar:
                first = tar.next()
                content = None if first is None or first.name != MANIFEST else tar.extractfile(first)
                if content is None:
                    raise UpkeepError("this is no backup of sealhost")
                backup = Backup.from_json(content.read(MAX_MANIFEST_BYTES))
                yield backup, _members(tar, backup)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UpkeepError(f"{file} cannot be read: is it a whole backup? ({error})") from error


def _members(tar: tarfile.TarFile, backup: Backup) -> Iterator[tuple[str, IO[bytes]]]:
    left = dict(backup.files)
    while (member := tar.next()) is not None:
        listed = left.pop(member.name, None)
        content = tar.extractfile(member) if member.isreg() else None
        if listed is None or content is None or member.size != listed[1]:
            raise UpkeepError(f"the backup holds {member.name[:80]!r}, which its manifest does not list so")
        yield member.name, content
    if left:
        raise UpkeepError(f"the backup lacks {min(left)}")


def _extract(file: Path, folder: Path, passphrase: str | None) -> Backup:
    with _opened(file, passphrase) as (backup, members):
        for path, content in members:
            target = folder / path
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                shutil.copyfileobj(content, out, _BLOCK)
                out.flush()
                os.fsync(out.fileno())
            _hold(backup, path, _digest(target)[0])
    return backup


def _hold(backup: Backup, path: str, digest: str) -> None:
    if backup.files[path][0] != digest:
        raise UpkeepError(f"the backup is damaged: {path} has another checksum than its manifest says")


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as content:
        return _digest_of(content), path.stat().st_size


def _digest_of(content: IO[bytes]) -> str:
    found = hashlib.sha256()
    while block := content.read(_BLOCK):
        found.update(block)
    return found.hexdigest()
