"""Reading and writing the bundle, one ZIP file. Nothing is ever unpacked to disk.

Guarantees against a hostile file: every length is capped before anything is allocated for it, what is read is counted
as it comes and not as the archive claims, no path leads anywhere, and what cannot be read is named. Leaves to others:
what the items mean.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from sealwire import limits

MANIFEST = "manifest.json"
RECEIPT = "manifest.receipt"

FILE_BYTES = 256 << 20  # a use takes some 3 KiB: decades of a busy site
TOTAL_BYTES = 512 << 20  # the same before compression; what is held in memory at most
ITEMS = 300_000  # a use makes about five
DIRECTORY_BYTES = 40 << 20  # the archive's own list, which is parsed as a whole: ITEMS of some 123 bytes
MANIFEST_BYTES = 64 << 20  # ITEMS of some 180 bytes
ENTRIES_BYTES = 256 << 20  # one box's log: a million entries of a usual size
_CHUNK = 1 << 16
_TAIL = 22 + 0xFFFF + 20 + 56  # the end record, its longest comment, and both records of ZIP64 before it

_HEX16 = "[0-9a-f]{32}"
_HEX32 = "[0-9a-f]{64}"
_PATHS = (
    (re.compile(rf"rosters/([0-9]{{6,10}})-({_HEX16})\.cose"), limits.MESSAGE),
    (re.compile(r"matters/([0-9]{6,10})-([0-9]{2})-([0-9a-f]{16})\.cose"), limits.MESSAGE),
    (re.compile(rf"messages/({_HEX32})\.cose"), limits.MESSAGE),
    (re.compile(rf"boxes/({_HEX16})/entries\.cbor"), ENTRIES_BYTES),
    (re.compile(rf"boxes/({_HEX16})/checkpoints/([0-9]{{8,10}})-([0-9a-f]{{16}})\.cose"), limits.MESSAGE),
    (re.compile(re.escape(MANIFEST)), MANIFEST_BYTES),
    (re.compile(re.escape(RECEIPT)), limits.MESSAGE),
)


class UnusableError(Exception):
    """No bundle that could be verified; the text says in one line why, and what to do."""


@dataclass
class Bundle:
    """What the archive holds: items by path; damaged: path and why; twice and strange: paths."""

    items: dict[str, bytes] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    def below(self, folder: str) -> list[str]:
        """The paths that start with this, sorted."""
        return sorted(path for path in self.items if path.startswith(folder))


def roster_path(version: int, kid: bytes) -> str:
    """Where a roster message lies."""
    return f"rosters/{version:06d}-{kid.hex()}.cose"


def matters_path(version: int, part: int, reference: bytes) -> str:
    """Where a part of a matter list lies."""
    return f"matters/{version:06d}-{part:02d}-{reference.hex()[:16]}.cose"


def message_path(reference: bytes) -> str:
    """Where any other message lies."""
    return f"messages/{reference.hex()}.cose"


def entries_path(box: bytes) -> str:
    """Where a box's log lies."""
    return f"boxes/{box.hex()}/entries.cbor"


def checkpoint_path(box: bytes, seq: int, reference: bytes) -> str:
    """Where a checkpoint lies. A box may sign one seq several times: after each start, and daily."""
    return f"boxes/{box.hex()}/checkpoints/{seq:08d}-{reference.hex()[:16]}.cose"


def cap_of(path: str) -> int | None:
    """The most bytes an item of this path may have; None for no path of a bundle."""
    for pattern, cap in _PATHS:
        if pattern.fullmatch(path):
            return cap
    return None


def read_bundle(path: Path) -> Bundle:
    """Read a bundle into memory. Raises UnusableError when it is no bundle at all."""
    try:
        if path.stat().st_size > FILE_BYTES:
            raise UnusableError(f"{path} has more than {FILE_BYTES >> 20} MiB: no bundle is that large")
        with path.open("rb") as file:
            if directory_bytes(file) > DIRECTORY_BYTES:
                raise UnusableError(f"{path} lists more items than any bundle has")
            with zipfile.ZipFile(file) as archive:
                return _read_archive(path, archive)
    except OSError as error:
        raise UnusableError(f"{path} cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise UnusableError(f"{path} is no ZIP file, or only a part of one: fetch or export it again") from error


def directory_bytes(file: BinaryIO) -> int:
    """How large the archive says its list of items is, where `zipfile` looks (APPNOTE 4.3.14 to 4.3.16)."""
    file.seek(0, 2)
    file.seek(max(0, file.tell() - _TAIL))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + 22 > len(tail):
        return 0  # no archive: `zipfile` says so
    size = int.from_bytes(tail[at + 12 : at + 16], "little")
    record = at - 20 - 56
    if record >= 0 and tail[record : record + 4] == b"PK\x06\x06":
        size = max(size if size != 0xFFFFFFFF else 0, int.from_bytes(tail[record + 40 : record + 48], "little"))
    return size


def _read_archive(path: Path, archive: zipfile.ZipFile) -> Bundle:
    infos = archive.infolist()
    if len(infos) > ITEMS:
        raise UnusableError(f"{path} lists more than {ITEMS:,} items: no bundle has that many")
    bundle = Bundle()
    left = TOTAL_BYTES
    for info in infos:
        name = info.filename
        cap = cap_of(name)
        if name in bundle.items or name in bundle.damaged:
            bundle.twice.append(name)
        elif cap is None:
            bundle.strange.append(name[:200])
        else:
            content = _read_item(archive, info, min(cap, left), bundle)
            if content is not None:
                bundle.items[name] = content
                left -= len(content)
    if MANIFEST not in bundle.items:
        why = bundle.damaged.get(MANIFEST)
        raise UnusableError(f"{path} has no manifest.json{f' that can be read: {why}' if why else ''}: is it a bundle?")
    return bundle


def _read_item(archive: zipfile.ZipFile, info: zipfile.ZipInfo, cap: int, bundle: Bundle) -> bytes | None:
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        bundle.damaged[info.filename] = "it is encrypted, or compressed in another way than deflate"
        return None
    content = bytearray()
    try:
        with archive.open(info) as item:
            while chunk := item.read(_CHUNK):
                content += chunk
                if len(content) > cap:
                    bundle.damaged[info.filename] = f"it has more than {cap:,} bytes"
                    return None
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
        bundle.damaged[info.filename] = f"the archive does not give it back ({error})"
        return None
    return bytes(content)


def write_bundle(path: Path, items: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> None:
    """Write items into a new archive: sorted, with no time of their own, so that equal items make equal files."""
    pairs = items.items() if isinstance(items, Mapping) else items
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(pairs):
            info = zipfile.ZipInfo(name)  # dated 1980-01-01
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
