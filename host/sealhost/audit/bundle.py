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

from sealwire import limits

MANIFEST = "manifest.json"
RECEIPT = "manifest.receipt"

FILE_BYTES = 512 << 20  # decades of a site: 100,000 uses take some 400 MiB as they stand
TOTAL_BYTES = 1 << 30  # the same before compression; what is held in memory at most
ITEMS = 1_000_000
MANIFEST_BYTES = 160 << 20  # ITEMS lines of 160 bytes
ENTRIES_BYTES = 512 << 20  # one box's log: a million entries of the largest size
_CHUNK = 1 << 16

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
        with zipfile.ZipFile(path) as archive:
            return _read_archive(path, archive)
    except OSError as error:
        raise UnusableError(f"{path} cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise UnusableError(f"{path} is no ZIP file, or only a part of one: fetch or export it again") from error


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
