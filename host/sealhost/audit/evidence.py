"""Details, reasons, photographs and attachments, held against the digests that people signed.

They are personal data: never in a bundle, given to a verification only by who may have them, as a folder or a ZIP file
of files that are named by their SHA-256 in hex (any ending, any folder). Guarantees: each file is read in pieces and
capped, none is unpacked to disk, and each that does not fit is named together with the message that signed it. What
was not given is no finding: people's data may be deleted, every proof stays.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sealwire import limits
from sealwire.messages import DECISION, FINISH, REPORT, REQUEST

from sealhost.audit.bundle import UnusableError, directory_bytes, message_path
from sealhost.audit.findings import Check, Findings, Rank
from sealhost.audit.letters import Letters

BODY_BYTES = 8 << 20  # what a host takes
FILES = 300_000  # a use has about three
DIRECTORY_BYTES = 40 << 20  # a ZIP file's own list of them, which is parsed as a whole
_CHUNK = 1 << 16
_NAME = re.compile(r"([0-9a-f]{64})(?:\.[A-Za-z0-9]{1,8})?")

SIGNED_IN = {
    REQUEST: ("details",),
    DECISION: ("reason_digest",),
    FINISH: ("reason_digest",),
    REPORT: ("photographs",),
}
"""Which fields of which messages are digests of something that is kept apart."""

_WHAT = {"details": "details", "reason_digest": "reason", "photographs": "photograph", "attachments": "attachment"}


@dataclass(frozen=True)
class File:
    """A file that was given. name: its path as given; open: how to read it."""

    name: str
    open: Callable[[], IO[bytes]]

    @property
    def digest(self) -> str | None:
        """The SHA-256 that its name says, in hex."""
        found = _NAME.fullmatch(self.name.rpartition("/")[2])
        return found.group(1) if found else None


@dataclass(frozen=True)
class Signed:
    """Where a digest was signed: what it stands for, and in which message (its reference)."""

    what: str
    name: str
    reference: bytes


def check_evidence(path: Path, letters: Letters, findings: Findings) -> int:
    """Hold everything that was given against what was signed; how much of it fits.

    Raises UnusableError when there is nothing that can be read at a path.
    """
    signed = signed_digests(letters)
    archive = _open_zip(path) if path.is_file() else None
    try:
        files = sorted(_in_zip(archive) if archive else _in_folder(path), key=lambda file: file.name)
        return _Check(signed, findings).run(files)
    finally:
        if archive is not None:
            archive.close()


def signed_digests(letters: Letters) -> dict[str, Signed]:
    """Every digest that a message of the bundle names, in hex."""
    signed: dict[str, Signed] = {}
    for number, fields in SIGNED_IN.items():
        for message in letters.of(number):
            for name in fields:
                value = message.get(name)
                for digest in value if isinstance(value, list) else [value] if value else []:
                    signed.setdefault(bytes(digest).hex(), Signed(_WHAT[name], message.name, message.reference))
    return signed


class _Check:
    """Goes through the files; details that fit may name attachments."""

    def __init__(self, signed: dict[str, Signed], findings: Findings) -> None:
        self.signed = signed
        self.findings = findings
        self.fitting: set[str] = set()

    def run(self, files: list[File]) -> int:
        """The number of what fits."""
        named = [(file, file.digest) for file in files]
        for file, digest in named:
            if digest is None:
                self.findings.note(f"evidence {file.name[:200]!r} is not named by a digest: not looked at")
        strange = [(file, digest) for file, digest in named if digest and not self._fits(file, digest)]
        for file, digest in strange:  # once all details were read, the attachments are known
            if digest in self.signed:
                self.fitting.add(digest)
            else:
                why = "no message of the bundle, and no details that were given, name this digest"
                self.findings.add(Rank.EVIDENCE, file.name, digest, Check.EVIDENCE_UNSIGNED, why)
        missing = len(self.signed.keys() - self.fitting) - len(self.findings.blamed_below("evidence:"))
        if missing > 0:
            self.findings.note(f"{missing} of {len(self.signed)} details, reasons and photographs were not given")
        return len(self.fitting)

    def _fits(self, file: File, digest: str) -> bool:
        """False for a file that is what its name says, but that no message names so far; what is wrong is found."""
        wanted = self.signed.get(digest)
        body = self._read(file, digest, wanted)
        if body is None:
            return True
        found = hashlib.sha256(body).hexdigest()
        if found != digest:
            why = f"{_of(wanted)}: its SHA-256 is {found}, so it is not what was signed"
            self._blame(file, digest, Check.EVIDENCE_DIGEST, why, wanted)
            return True
        if wanted is None:
            return False
        self.fitting.add(digest)
        if wanted.what == "details":
            self._attachments(body[limits.SALT :], wanted)
        return True

    def _read(self, file: File, digest: str, wanted: Signed | None) -> bytes | None:
        body = bytearray()
        try:
            with file.open() as stream:
                while chunk := stream.read(_CHUNK):
                    body += chunk
                    if len(body) > BODY_BYTES:
                        raise ValueError(f"it has more than {BODY_BYTES >> 20} MiB")
        except (
            OSError,
            ValueError,
            EOFError,
            NotImplementedError,
            RuntimeError,
            zlib.error,
            zipfile.BadZipFile,
        ) as error:
            self._blame(file, digest, Check.EVIDENCE_DAMAGED, f"{_of(wanted)}: it cannot be read ({error})", wanted)
            return None
        return bytes(body)

    def _blame(self, file: File, digest: str, check: Check, why: str, wanted: Signed | None) -> None:
        subject = digest if wanted is None else f"{wanted.what} of {wanted.name} {wanted.reference.hex()}"
        self.findings.add(Rank.EVIDENCE, file.name, subject, check, why)
        if wanted is not None:
            self.findings.blame(f"evidence:{digest}")

    def _attachments(self, content: bytes, details: Signed) -> None:
        """Details are JSON; other content is not for the audit to judge."""
        try:
            value = json.loads(content)
            attachments = value.get("attachments", []) if isinstance(value, dict) else []
        except (ValueError, RecursionError):
            return
        for digest in attachments if isinstance(attachments, list) else []:
            if isinstance(digest, str) and _NAME.fullmatch(digest):
                self.signed.setdefault(digest, Signed("attachment", details.name, details.reference))


def _of(wanted: Signed | None) -> str:
    if wanted is None:
        return "this is named by no message of the bundle"
    return f"this is the {wanted.what} of the {wanted.name} at {message_path(wanted.reference)}"


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        with path.open("rb") as file:
            if directory_bytes(file) > DIRECTORY_BYTES:
                raise UnusableError(f"{path} lists more files than any evidence has")
        return zipfile.ZipFile(path)
    except OSError as error:
        raise UnusableError(f"{path} cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise UnusableError(f"{path} is neither a folder nor a ZIP file of evidence") from error


def _in_zip(archive: zipfile.ZipFile) -> Iterator[File]:
    infos = [info for info in archive.infolist() if not info.is_dir()]
    _few_enough(len(infos), "the ZIP file of evidence")
    for info in infos:
        yield File(info.filename, lambda info=info: archive.open(info))  # type: ignore[misc]


def _in_folder(path: Path) -> Iterator[File]:
    """The files below a folder; links are not followed."""
    if not path.is_dir():
        raise UnusableError(f"{path} is no folder and no ZIP file of evidence")
    count = 0
    for folder, _, names in os.walk(path):
        for name in names:
            file = Path(folder) / name
            if file.is_symlink() or not file.is_file():
                continue
            count += 1
            _few_enough(count, str(path))
            yield File(file.relative_to(path).as_posix(), lambda file=file: file.open("rb"))  # type: ignore[misc]


def _few_enough(count: int, where: str) -> None:
    if count > FILES:
        raise UnusableError(f"{where} holds more than {FILES:,} files")


def write_evidence(path: Path, blobs: Iterable[tuple[bytes, bytes]]) -> int:
    """Write (digest, body) pairs as a ZIP file, readable by its owner only; how many. Raises OSError."""
    count = 0
    scratch = path.with_name(f".{path.name}.part")
    scratch.unlink(missing_ok=True)
    try:
        scratch.touch(0o600, exist_ok=False)
        with zipfile.ZipFile(scratch, "w", zipfile.ZIP_STORED) as archive:
            for digest, body in blobs:
                archive.writestr(zipfile.ZipInfo(f"blobs/{digest.hex()}"), body)
                count += 1
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    return count
