"""The export of a site as a bundle.

Guarantees: everything that was accepted is in it, sorted, so that equal histories make equal items; the file appears
whole or not at all. Leaves to others: that all of it is read in one transaction, and who may have it: rosters and
matter lists name people.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from sealwire import chain, messages

from sealhost.audit.bundle import (
    MANIFEST,
    RECEIPT,
    checkpoint_path,
    entries_path,
    matters_path,
    message_path,
    roster_path,
    write_bundle,
)
from sealhost.audit.evidence import write_evidence
from sealhost.audit.letters import EXPORTED
from sealhost.audit.log import write_entries
from sealhost.audit.manifest import build_manifest, build_receipt
from sealhost.store import export as store


class Source(Protocol):
    """What an export reads; every message and entry as the bytes that came."""

    def roster_messages(self) -> Iterable[bytes]:
        """All roster messages, each signature of a version."""

    def matters_messages(self) -> Iterable[bytes]:
        """All parts of all matter lists that were taken."""

    def messages(self) -> Iterable[bytes]:
        """All other messages that were taken or sent; the export leaves out the types that a bundle does not hold."""

    def set_aside(self) -> Iterable[tuple[bytes, bytes]]:
        """(reference, raw) of messages that the host refused; those that a box obeyed are exported."""

    def boxes(self) -> Iterable[bytes]:
        """The kids of the boxes with a log."""

    def entries(self, box: bytes) -> Iterable[bytes]:
        """A box's proven entries from seq 1, without a gap."""

    def checkpoints(self, box: bytes) -> Iterable[bytes]:
        """The checkpoints that proved them, the last one covering the last entry."""


class StoreSource:
    """A site of the host's store, seen by one connection (of `Database.read`) and so at one moment."""

    def __init__(self, tx: Any, site: bytes) -> None:
        self._tx = tx
        self._site = site

    def roster_messages(self) -> Iterable[bytes]:
        return (raw for _, _, raw in store.roster_messages(self._tx, self._site))

    def matters_messages(self) -> Iterable[bytes]:
        return (raw for _, _, raw in store.matters_messages(self._tx, self._site))

    def messages(self) -> Iterable[bytes]:
        return (raw for _, raw in store.messages(self._tx, self._site))

    def set_aside(self) -> Iterable[tuple[bytes, bytes]]:
        return store.set_aside(self._tx, self._site)

    def boxes(self) -> Iterable[bytes]:
        return store.boxes(self._tx, self._site)

    def entries(self, box: bytes) -> Iterable[bytes]:
        return (raw for _, raw in store.entries(self._tx, self._site, box))

    def checkpoints(self, box: bytes) -> Iterable[bytes]:
        return (raw for _, raw in store.checkpoints(self._tx, self._site, box))


def obeyed(entries: Iterable[bytes]) -> set[bytes]:
    """The references of the denials, withdrawals and finishes that a box's log names."""
    read = map(chain.read_entry, entries)
    return {entry["message"] for entry in read if entry.kind in (chain.DECISION, chain.FINISH)}


def collect_items(source: Source, site: bytes) -> dict[str, bytes]:
    """All items but the manifest and its receipt, by path. Raises DecodeError for a stored message that is none."""
    items = {}
    for raw in source.roster_messages():
        message = messages.read(raw, site, (messages.ROSTER,))
        items[roster_path(message["version"], message.kid)] = raw
    for raw in source.matters_messages():
        message = messages.read(raw, site, (messages.MATTERS,))
        items[matters_path(message["version"], message["part"], message.reference)] = raw
    for raw in source.messages():
        message = messages.read(raw, site)
        if message.number in EXPORTED:
            items[message_path(message.reference)] = raw
    aside = dict(source.set_aside())
    for box in source.boxes():
        for reference in obeyed(source.entries(box)) & aside.keys():
            items[message_path(reference)] = aside[reference]
        content = write_entries(chain.genesis(site), source.entries(box))
        if not content:
            continue  # listed by a roster, but nothing was heard of it yet
        items[entries_path(box)] = content
        for raw in source.checkpoints(box):
            message = messages.read(raw, site, (messages.CHECKPOINT,))
            items[checkpoint_path(box, message["seq"], message.reference)] = raw
    return items


def seal_items(
    items: dict[str, bytes], site: bytes, made: int, public_key: bytes, sign: Callable[[bytes], bytes]
) -> dict[str, bytes]:
    """The items with their manifest, and the host's receipt for it. ``made``: UTC seconds."""
    manifest = build_manifest(site, made, items)
    return {**items, MANIFEST: manifest, RECEIPT: build_receipt(manifest, site, made, public_key, sign)}


def export_bundle(
    path: Path, source: Source, site: bytes, made: int, public_key: bytes, sign: Callable[[bytes], bytes]
) -> int:
    """Write a site's bundle, readable by its owner only, and return the number of its items. Raises OSError,
    DecodeError.
    """
    items = seal_items(collect_items(source, site), site, made, public_key, sign)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        os.close(os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        write_bundle(scratch, items)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    return len(items)


def export_site(path: Path, database: Any, site: bytes, made: int, signer: Any) -> int:
    """Write the bundle of a site of the host's `Database`, under a receipt by its `Signer`; see
    :func:`export_bundle`.
    """
    with database.read() as tx:
        return export_bundle(path, StoreSource(tx, site), site, made, signer.public_key, signer.sign)


def export_evidence(path: Path, database: Any, site: bytes) -> int:
    """Write a site's details, reasons, photographs and attachments into a file of their own; how many."""
    with database.read() as tx:
        return write_evidence(path, store.blobs(tx, site))
