"""Files of the fence: written whole, flushed to disk, with the mode they need from their first byte on."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from sealhost.fence import FenceError

PRIVATE = 0o600
PUBLIC = 0o644
MAX_FILE_BYTES = 4 * 1024 * 1024
"""An index of ten thousand certificates; nothing larger is read."""


Owner = tuple[int, int]
"""User and group, as numbers."""


def write_whole(path: Path, content: bytes, mode: int = PRIVATE, owner: Owner | None = None) -> bool:
    """Put `content` in place of a file, or leave the old one; False when it held that already.

    Without `owner`, a file that was there stays its owner's, if we may give it away. Raises FenceError.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        before = path.stat() if path.exists() else None
        own = owner or (None if before is None else (before.st_uid, before.st_gid))
        same = before is not None and (before.st_uid, before.st_gid, stat.S_IMODE(before.st_mode)) == (
            *(own or ()),
            mode,
        )
        if same and path.read_bytes() == content:
            return False
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
        with open(descriptor, "wb") as file:
            file.write(content)
            if own is not None and own != (os.geteuid(), os.getegid()):
                with contextlib.suppress(PermissionError):  # who is not root keeps it: broker and host are one account
                    os.fchown(file.fileno(), *own)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _flush_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise FenceError(f"{path} cannot be written: {error.strerror}") from error
    return True


def read(path: Path, *, private: bool = False) -> bytes:
    """A file's content. FenceError when it is not there, too large, or `private` and open to others."""
    try:
        with path.open("rb") as file:
            if private and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise FenceError(f"{path} can be read or changed by others: chmod 600 {path}")
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise FenceError(f"{path} is not there") from error
    except OSError as error:
        raise FenceError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise FenceError(f"{path} is larger than {MAX_FILE_BYTES} bytes: is it the right file?")
    return content


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time; others wait."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    except OSError as error:
        raise FenceError(f"{folder} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
