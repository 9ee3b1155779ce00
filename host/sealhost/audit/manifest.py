"""The manifest: every item of a bundle with its SHA-256, and the host's receipt for it.

The manifest shows what the bundle's maker put in; the proofs lie in the items themselves and hold or fail without it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sealwire import errors, messages
from sealwire.errors import SealwireError

from sealhost.audit.bundle import MANIFEST, RECEIPT, Bundle, UnusableError
from sealhost.audit.findings import Check, Findings, Rank

FORMAT = "sealbox-bundle/1"


@dataclass(frozen=True)
class Manifest:
    """site: 16 bytes; made: UTC seconds; listed: path and SHA-256; twice: paths listed more than once."""

    site: bytes
    made: int
    listed: dict[str, bytes]
    twice: tuple[str, ...]


def build_manifest(site: bytes, made: int, items: Mapping[str, bytes]) -> bytes:
    """The manifest of these items, as JSON."""
    listed = [{"path": path, "sha256": hashlib.sha256(items[path]).hexdigest()} for path in sorted(items)]
    value = {"format": FORMAT, "site": site.hex(), "made": made, "items": listed}
    return json.dumps(value, indent=1).encode() + b"\n"


def build_receipt(manifest: bytes, site: bytes, made: int, public_key: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """The host's receipt for a manifest."""
    fields = {"reference": hashlib.sha256(manifest).digest(), "result": errors.ACCEPTED, "at": made}
    return messages.build(messages.RECEIPT, fields, site, public_key, sign)


def read_manifest(raw: bytes) -> Manifest:
    """Read a manifest. Raises UnusableError when it has not exactly the form of one."""
    try:
        value = json.loads(raw, object_pairs_hook=_no_key_twice)
        if set(value) != {"format", "site", "made", "items"} or value["format"] != FORMAT:
            raise ValueError(f"it is not of the format {FORMAT}")
        site, made = _hexed(value["site"], 16), value["made"]
        if not isinstance(made, int) or isinstance(made, bool) or not 0 <= made < 1 << 32:
            raise ValueError("`made` is no time")
        listed: dict[str, bytes] = {}
        twice = []
        if not isinstance(value["items"], list):
            raise ValueError("`items` is no list")
        for item in value["items"]:
            if set(item) != {"path", "sha256"} or not isinstance(item["path"], str):
                raise ValueError("an item is not just a path and its sha256")
            if item["path"] in listed:
                twice.append(item["path"])
            listed[item["path"]] = _hexed(item["sha256"], 32)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UnusableError(f"manifest.json cannot be used: {error}") from error
    return Manifest(site, made, listed, tuple(twice))


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value


def _hexed(text: object, size: int) -> bytes:
    if not isinstance(text, str) or not re.fullmatch("[0-9a-f]*", text) or len(text) != 2 * size:
        raise ValueError("not the lower-case hex digits that belong there")
    return bytes.fromhex(text)


def check_receipt(
    bundle: Bundle,
    manifest: Manifest,
    host_key: Callable[[bytes], bytes | None],
    verify: Callable[[bytes, bytes, bytes], bool],
) -> str | None:
    """Why the host's receipt does not stand for the manifest; None when it does. ``host_key(kid)`` by the last
    roster.
    """
    raw = bundle.items.get(RECEIPT)
    if raw is None:
        return "the bundle has no receipt of a host for its manifest"
    try:
        receipt = messages.read(raw, manifest.site, (messages.RECEIPT,))
        public_key = host_key(receipt.kid)
        if public_key is None:
            return "no host of the last roster signed the receipt for the manifest"
        receipt.check(public_key, verify)
    except SealwireError as error:
        return f"the receipt for the manifest is refused: {error}"
    if receipt["reference"] != hashlib.sha256(bundle.items[MANIFEST]).digest():
        return "the host's receipt is for another manifest: this one was changed after the export"
    if receipt["result"] != errors.ACCEPTED or receipt["at"] != manifest.made:
        return "the host's receipt says another thing than the manifest"
    return None


def check_items(bundle: Bundle, manifest: Manifest, findings: Findings, receipt_holds: bool) -> None:
    """Compare the items with the manifest. Without a good receipt the manifest proves nothing, so it blames no item."""
    rank = Rank.FILE if receipt_holds else Rank.UNSIGNED_MANIFEST
    add = findings.add if receipt_holds else findings.report
    for path in manifest.twice:
        add(rank, MANIFEST, path, Check.ITEM_TWICE, "the manifest lists this path twice")
    here = set(bundle.items) - {MANIFEST, RECEIPT}
    gone = set(manifest.listed) - here - set(bundle.damaged)
    for path in sorted(gone):
        add(rank, path, _name_in(path), Check.ITEM_MISSING, "the manifest lists this item, and it is not there")
    for path in sorted(here - set(manifest.listed)):
        add(rank, path, _name_in(path), Check.ITEM_UNLISTED, "this item was added: the manifest does not list it")
    for path in sorted(here & set(manifest.listed)):
        if hashlib.sha256(bundle.items[path]).digest() != manifest.listed[path]:
            why = "this item was altered: its bytes are not those whose digest the manifest lists"
            add(rank, path, _name_in(path), Check.ITEM_DIGEST, why)


def check_archive(bundle: Bundle, findings: Findings) -> None:
    """What is wrong with the archive as such."""
    for path, why in sorted(bundle.damaged.items()):
        findings.add(Rank.FILE, path, _name_in(path), Check.ITEM_DAMAGED, f"this item cannot be read: {why}")
    for path in bundle.twice:
        why = "the archive has two items of this path, so that readers may see different ones"
        findings.add(Rank.FILE, path, _name_in(path), Check.ITEM_TWICE, why)
    for path in bundle.strange:
        findings.add(Rank.FILE, path, path, Check.ITEM_PATH, "a bundle has no item of this path")


def _name_in(path: str) -> str:
    """What a path is about: a message's reference, else the file's name."""
    return path.rpartition("/")[2].removesuffix(".cose")
