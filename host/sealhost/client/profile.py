"""A person's or an authority's folder: key, settings, the roster held, and every message signed, sent or not yet.

Guarantees: files are written whole or not at all, readable by their owner only; a message is on disk before it is
first sent and
stays until the host's receipt, which is then kept with it.
Leaves to others: whether what it holds is true (`sealhost.client.trust`), and the sending (`sealhost.client.post`).
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sealwire.errors import ACCEPTED

from sealhost.client.errors import ClientError
from sealhost.signing import keys

KEY_FILE = "key.pem"
SETTINGS_FILE = "profile.toml"
PASSPHRASE_VARIABLE = "SEALBOX_PASSPHRASE"
KEEP_FILES_S = 14 * 86400
"""So long details and photographs stay here after the host took them, for a host that comes back from a backup."""


@dataclass(frozen=True, slots=True)
class Settings:
    """profile.toml: whom this folder trusts and where the site is reached. `timezone` "" is this machine's own."""

    site: bytes
    authority: tuple[bytes, ...]
    threshold: int
    broker: str = ""
    host_url: str = ""
    name: str = ""
    timezone: str = ""
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A signed message in the folder: where it is published, which files precede it, and its receipt's result."""

    reference: bytes
    kind: str
    raw: bytes
    topics: tuple[str, ...]
    made: int
    blobs: tuple[str, ...] = ()
    about: bytes = b""
    notes: dict[str, Any] = field(default_factory=dict)
    result: int | None = None

    def as_json(self) -> str:
        """The file's text."""
        fields = {
            "reference": self.reference.hex(),
            "kind": self.kind,
            "message": base64.b64encode(self.raw).decode(),
            "topics": list(self.topics),
            "made": self.made,
            "blobs": list(self.blobs),
            "about": self.about.hex(),
            "notes": self.notes,
            "result": self.result,
        }
        return json.dumps(fields, ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Kept:
        """The reverse of `as_json`. ValueError, KeyError or TypeError for anything else."""
        fields = json.loads(text)
        return cls(
            bytes.fromhex(fields["reference"]),
            fields["kind"],
            base64.b64decode(fields["message"]),
            tuple(fields["topics"]),
            fields["made"],
            tuple(fields["blobs"]),
            bytes.fromhex(fields["about"]),
            fields["notes"],
            fields["result"],
        )


class Profile:
    """One folder. `open` reads an existing one, `make` sets one up."""

    def __init__(self, home: Path, settings: Settings, signer: keys.Signer) -> None:
        self.home = home
        self.settings = settings
        self.signer = signer
        self.site = settings.site

    @classmethod
    def open(cls, home: Path) -> Profile:
        """Read a folder. ClientError: no_profile, bad_profile; KeyFileError for its key."""
        path = home / SETTINGS_FILE
        if not path.is_file():
            raise ClientError("no_profile", home=home)
        try:
            settings = _read_settings(tomllib.loads(path.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, KeyError, ValueError, TypeError) as error:
            raise ClientError("bad_profile", path=path, detail=error) from error
        return cls(home, settings, keys.load(home / KEY_FILE, os.environ.get(PASSPHRASE_VARIABLE)))

    @staticmethod
    def own_key(home: Path) -> keys.Signer:
        """A folder's key, made if there is none yet."""
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        passphrase = os.environ.get(PASSPHRASE_VARIABLE)
        path = home / KEY_FILE
        return keys.load(path, passphrase) if path.exists() else keys.create(path, passphrase)

    @classmethod
    def make(cls, home: Path, settings: Settings) -> Profile:
        """Set up a folder with a new key, or give one that is there its settings anew; its key stays."""
        signer = cls.own_key(home)
        if (home / SETTINGS_FILE).is_file() and cls.open(home).site != settings.site:
            raise ClientError("other_site", home=home)
        write_whole(home / SETTINGS_FILE, _settings_text(settings).encode())
        return cls(home, settings, signer)

    # --- time ---

    @property
    def zone(self) -> tzinfo | None:
        """The time zone for people's eyes; None is this machine's own."""
        if not self.settings.timezone:
            return None
        try:
            return ZoneInfo(self.settings.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ClientError("unknown_timezone", name=self.settings.timezone) from error

    def local(self, seconds: int) -> str:
        """A point in time as people read it."""
        return datetime.fromtimestamp(seconds, self.zone).strftime("%Y-%m-%d %H:%M")

    # --- the roster held ---

    def held_roster(self) -> list[bytes]:
        """The messages of the roster accepted last; empty before the first."""
        return [path.read_bytes() for path in sorted((self.home / "roster").glob("*.cose"))]

    def hold_roster(self, messages: list[bytes], version: int) -> None:
        """Keep the messages of an accepted roster in place of the one before."""
        folder = self.home / "roster"
        folder.mkdir(exist_ok=True)
        old = set(folder.glob("*.cose"))
        new = [folder / f"{version:010d}-{index:02d}.cose" for index in range(len(messages))]
        for path, message in zip(new, messages, strict=True):
            write_whole(path, message)
        for path in old - set(new):
            path.unlink()

    # --- files that are remembered ---

    def recall(self, name: str) -> bytes | None:
        """A small remembered file, such as a box's last checkpoint; None when there is none."""
        path = self.home / "seen" / name
        return path.read_bytes() if path.is_file() else None

    def remember(self, name: str, content: bytes) -> None:
        """Keep a small file for `recall`."""
        folder = self.home / "seen"
        folder.mkdir(exist_ok=True)
        write_whole(folder / name, content)

    # --- messages ---

    def queue(self, kept: Kept, blobs: dict[str, bytes] | None = None) -> None:
        """Put a signed message and the files it needs into the outbox; on disk when this returns."""
        folder = self._folder("outbox")
        for digest, body in (blobs or {}).items():
            write_whole(folder / f"{digest}.blob", body)
        write_whole(folder / f"{kept.reference.hex()}.json", kept.as_json().encode())

    def waiting(self) -> list[Kept]:
        """What has no receipt yet, oldest first."""
        return sorted(self._read("outbox"), key=lambda kept: kept.made)

    def signed(self) -> list[Kept]:
        """Everything signed here, sent or not, oldest first."""
        # What is sent once more lies in both folders: its receipt still counts.
        known = {kept.reference: kept for kept in (*self._read("outbox"), *self._read("sent"))}
        return sorted(known.values(), key=lambda kept: kept.made)

    def settle(self, kept: Kept, result: int) -> Kept:
        """The host has answered: move a message from the outbox to what was sent, with the answer.

        A message that it had accepted before stays accepted, whatever it says when it is sent again.
        """
        name = f"{kept.reference.hex()}.json"
        before = self.home / "sent" / name
        if before.is_file() and Kept.from_json(before.read_text(encoding="utf-8")).result == ACCEPTED:
            result = ACCEPTED
        settled = replace(kept, result=result)
        write_whole(self._folder("sent") / name, settled.as_json().encode())
        (self.home / "outbox" / name).unlink(missing_ok=True)
        needed = {digest for other in self._read("outbox") for digest in other.blobs}
        for digest in set(kept.blobs) - needed:
            path = self.home / "outbox" / f"{digest}.blob"
            if path.is_file():
                path.replace(self.home / "sent" / path.name)
        self._forget_files()
        return settled

    def again(self, since: int) -> list[Kept]:
        """Have what was signed since then and accepted sent once more, with its files: the host may have lost it.

        Not a `ready`, which speaks of a moment that has passed.
        """
        self._folder("outbox")
        found = []
        for kept in sorted(self._read("sent"), key=lambda kept: kept.made):
            if kept.made >= since and kept.result == ACCEPTED and kept.kind != "ready":
                for digest in kept.blobs:
                    path = self.home / "sent" / f"{digest}.blob"
                    if path.is_file():
                        path.replace(self.home / "outbox" / path.name)
                found.append(replace(kept, result=None))
                self.queue(found[-1])
        return found

    def _forget_files(self) -> None:
        """Drop the files of what was sent long ago: no host asks for them any more, and they are personal data."""
        for path in (self.home / "sent").glob("*.blob"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - KEEP_FILES_S:
                    path.unlink()

    def blob(self, digest: str) -> bytes | None:
        """A file that waits in the outbox, None when it was sent."""
        path = self.home / "outbox" / f"{digest}.blob"
        return path.read_bytes() if path.is_file() else None

    def _folder(self, name: str) -> Path:
        folder = self.home / name
        folder.mkdir(exist_ok=True, mode=0o700)
        return folder

    def _read(self, name: str) -> Iterator[Kept]:
        for path in (self.home / name).glob("*.json"):
            try:
                yield Kept.from_json(path.read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue  # another command has just settled it
            except (ValueError, KeyError, TypeError) as error:
                raise ClientError("bad_kept_message", path=path) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 whole and flushed, or leave the old one."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def _read_settings(values: dict[str, Any]) -> Settings:
    site = bytes.fromhex(values["site"])
    if len(site) != 16:
        raise ValueError("a site has 32 hex digits")
    authority = tuple(keys.read_public(key) for key in values["authority"])
    threshold = int(values["threshold"])
    if not 1 <= threshold <= len(authority):
        raise ValueError("threshold must be 1 to the number of authority keys")
    texts = {name: str(values.get(name, "")) for name in ("broker", "host_url", "name", "timezone", "ca_file")}
    return Settings(site, authority, threshold, **texts)


def _settings_text(settings: Settings) -> str:
    quoted = json.dumps  # JSON strings are TOML strings
    authority = ", ".join(quoted(key.hex()) for key in settings.authority)
    lines = [
        "# Whom this folder trusts and where it reaches the site. key.pem beside it is secret: give it to nobody.",
        f"site = {quoted(settings.site.hex())}",
        f"authority = [{authority}]",
        f"threshold = {settings.threshold}",
    ]
    for name in ("broker", "host_url", "name", "timezone", "ca_file"):
        lines.append(f"{name} = {quoted(getattr(settings, name), ensure_ascii=False)}")
    return "\n".join(lines) + "\n"
