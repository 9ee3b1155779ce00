"""The app's own verifier and `sealhost verify` agree: on clean bundles, on a sample of everything that the tampering
generator alters, and on archives that are damaged or hostile as such.

Agreement means the same findings in the same order (check, path and subject), the same ledger, events, boxes and notes.
Node runs once over all bundles of a test.
"""

from __future__ import annotations

import functools
import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sealhost.audit.bundle import MANIFEST, RECEIPT, UnusableError, entries_path, read_bundle, write_bundle
from sealhost.audit.rosters import Trust
from sealhost.audit.verify import verify_bundle
from sealhost.signing import keys
from sealwire import chain, limits, messages

from tests.host.bundles import Village, begin, history, used
from tests.tampering import chains
from tests.tampering.chains import Logs
from tests.tampering.effort import INSTANCES, TIMEOUT_S, seeded
from tests.tampering.shelf import Shelf
from tests.tampering.town import few_entries_kept, town

pytestmark = pytest.mark.timeout(TIMEOUT_S * 2)

HERE = Path(__file__).parent
NODE = Path(sys.executable).with_name("node")
SAMPLE = 4 * (INSTANCES or 25)
"""Alterations of each type of message and each kind of entry; `SEALBOX_TAMPERING` makes it more."""

Items = dict[str, bytes]
verify = functools.lru_cache(maxsize=None)(keys.verify)  # most signatures are the same in every altered bundle


@functools.cache
def shelf() -> Shelf:
    """The bundle that everything is altered in."""
    return Shelf(town())


@functools.cache
def logs() -> Logs:
    """Its logs."""
    return Logs(shelf())


@pytest.fixture(autouse=True)
def _few_entries() -> Iterator[None]:
    with few_entries_kept():
        yield


class Compared:
    """Bundles that both verifiers are asked about."""

    def __init__(self, folder: Path, authority: list[bytes], threshold: int = 1) -> None:
        self.folder = folder
        self.trust = Trust(authority, threshold)
        self.paths: list[tuple[str, Path]] = []

    def add(self, name: str, items: Items) -> None:
        """One more bundle, of these items."""
        write_bundle(self.file(name), items)

    def file(self, name: str) -> Path:
        """A path for one more bundle, which the caller writes."""
        path = self.folder / f"{len(self.paths)}.zip"
        self.paths.append((name, path))
        return path

    def browser(self) -> list[dict[str, Any]]:
        """What the app's verifier says of each."""
        job = {
            "authority": [key.hex() for key in self.trust.authority],
            "threshold": self.trust.threshold,
            "keep_entries": limits.KEEP_ENTRIES,
            "bundles": [str(path) for _, path in self.paths],
        }
        command = [str(NODE), str(HERE / "verify_bundles.ts")]
        done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
        return [json.loads(line) for line in done.stdout.splitlines()]

    def sealhost(self, path: Path) -> dict[str, Any]:
        """What `sealhost verify` says of one."""
        try:
            return verify_bundle(read_bundle(path), self.trust, verify).as_json()
        except UnusableError as error:
            return {"error": str(error)}

    def differences(self) -> list[tuple[str, str, object, object]]:
        """(bundle, what, by sealhost, by the app) wherever they do not agree."""
        found: list[tuple[str, str, object, object]] = []
        answers = self.browser()
        assert len(answers) == len(self.paths) > 0
        for (name, path), answer in zip(self.paths, answers, strict=True):
            wanted, given = gist(self.sealhost(path)), gist(answer)
            found += [(name, what, wanted[what], given.get(what)) for what in wanted if wanted[what] != given.get(what)]
        return found


def gist(result: dict[str, Any]) -> dict[str, Any]:
    """What must be equal. The sentence of a finding is each verifier's own."""
    if "error" in result:
        return {"usable": False}
    findings = [(found["check"], found["path"], found["subject"]) for found in result["findings"]]
    whole = ("ok", "site", "made", "rosters", "messages", "boxes", "ledger", "events", "notes")
    return {"usable": True, "findings": findings, **{name: result[name] for name in whole}}


@pytest.fixture
def compared(tmp_path: Path) -> Compared:
    """Bundles of the town."""
    return Compared(tmp_path, [town().key("authority").public_key])


# Clean bundles


def test_both_hold_a_clean_town_with_every_kind_of_entry(compared: Compared) -> None:
    compared.add("town", shelf().items)
    (answer,) = compared.browser()
    assert answer["ok"]
    assert answer["messages"] > 200
    assert compared.differences() == []


def test_both_read_the_same_ledger_from_a_whole_history(tmp_path: Path) -> None:
    village = history()
    compared = Compared(tmp_path, [village.key("authority").public_key])
    compared.add("history", village.items())
    compared.add("of strangers' keys", village.items())
    assert compared.differences() == []
    (first, _) = compared.browser()
    assert {line["state"] for line in first["ledger"]} >= {"used", "denied", "finished", "waiting"}
    assert any(case for line in first["ledger"] for case in line["cases"])


def test_both_refuse_what_other_authority_keys_signed(tmp_path: Path) -> None:
    village = history()
    for threshold, names in ((1, ["authority2"]), (2, ["authority", "authority2"])):
        folder = tmp_path / str(threshold)
        folder.mkdir()
        compared = Compared(folder, [village.key(name).public_key for name in names], threshold)
        compared.add("history", village.items())
        assert compared.differences() == []
        assert not compared.browser()[0]["ok"]


# Messages and entries, by a dishonest host that makes manifest and receipt anew


def exported() -> list[int]:
    """The types that the town's bundle holds."""
    return sorted({message.number for message in shelf().messages.values()})


def test_both_agree_on_a_sample_of_altered_messages_of_every_type(compared: Compared) -> None:
    for number in exported():
        rng = seeded("verifier", number)
        made = list(shelf().choose(number, rng, 1))
        for path, forgery in rng.sample(made, min(SAMPLE, len(made))):
            compared.add(f"{path} {forgery.name}", shelf().put(path, forgery).items)
    assert len(compared.paths) > 40
    assert compared.differences() == []


def test_both_agree_on_a_sample_of_altered_entries_of_every_kind_under_every_chain(compared: Compared) -> None:
    for kind in chain.names():
        rng = seeded("verifier entry", kind)
        made = [*logs().of_fields(kind, rng, 1), *logs().of_places(kind, rng, 1)]
        for change in rng.sample(made, min(SAMPLE, len(made))):
            how = rng.choice(chains.CHAINS)
            compared.add(f"{change.name}, {how}", logs().put(change, how).items)
    assert len(compared.paths) > 40
    assert compared.differences() == []


def test_both_name_logs_of_two_boxes_that_were_exchanged(compared: Compared) -> None:
    first, second = (entries_path(box.key.kid) for box in town().both)
    items = {**shelf().items, first: shelf().items[second], second: shelf().items[first]}
    compared.add("exchanged", shelf().seal(items))
    assert compared.differences() == []


# Items, by somebody on the way


def some_paths(rng: random.Random) -> list[str]:
    """Some items of every folder."""
    folders: dict[str, list[str]] = {}
    for path in sorted(shelf().items):
        folders.setdefault(path.rpartition("/")[0], []).append(path)
    return [path for found in folders.values() for path in rng.sample(found, min(3, len(found)))]


def test_both_agree_on_items_that_were_altered_dropped_added_or_exchanged(compared: Compared) -> None:
    items = shelf().items
    rng = seeded("verifier items")
    paths = [path for path in some_paths(rng) if path != MANIFEST]
    for path, other in zip(paths, [*paths[1:], paths[0]], strict=True):
        flipped = items[path][:-1] + bytes([items[path][-1] ^ 1])
        without = {name: content for name, content in items.items() if name != path}
        compared.add(f"altered {path}", {**items, path: flipped})
        compared.add(f"dropped {path}", without)
        compared.add(f"dropped by the host {path}", shelf().seal(without))
        compared.add(f"exchanged {path}", {**items, path: items[other], other: items[path]})
        compared.add(f"under another's name {path}", shelf().seal({**items, other: items[path]}))
    assert compared.differences() == []


def test_both_agree_on_every_sort_of_change_to_the_manifest(compared: Compared) -> None:
    items = shelf().items
    manifest = items[MANIFEST]
    rng = seeded("verifier manifest")
    for at in rng.sample([at for at in range(len(manifest)) if manifest[at : at + 1].isalnum()], SAMPLE * 3):
        digit = b"1" if manifest[at : at + 1] == b"0" else b"0"
        compared.add(f"digit {at}", {**items, MANIFEST: manifest[:at] + digit + manifest[at + 1 :]})
    whole = json.loads(manifest)
    for name, value in {
        "no list": {**whole, "items": 7},
        "a word more": {**whole, "more": 1},
        "no time": {**whole, "made": 1.5},
        "true": {**whole, "made": True},
        "a time too late": {**whole, "made": 1 << 32},
        "upper case": {**whole, "site": whole["site"].upper()},
        "short": {**whole, "site": whole["site"][2:]},
        "listed twice": {**whole, "items": [*whole["items"], whole["items"][0]]},
        "none": [],
    }.items():
        compared.add(name, {**items, MANIFEST: json.dumps(value).encode()})
    compared.add("key twice", {**items, MANIFEST: manifest.replace(b'"made"', b'"made": 1, "made"', 1)})
    compared.add("cut", {**items, MANIFEST: manifest[:-3]})
    compared.add("another site's", {**items, MANIFEST: manifest.replace(bytes(range(16)).hex().encode(), b"ab" * 16)})
    assert compared.differences() == []


# Archives that are no bundle, or hostile


def twice(path: Path, items: Items) -> None:
    write_bundle(path, [*items.items(), (min(items), b"another")])


def strange(path: Path, items: Items) -> None:
    write_bundle(path, {**items, "../../evil": b"", "messages/x.cose": b"", "boxes/..": b"", "Manifest.json": b"{}"})


def no_manifest(path: Path, items: Items) -> None:
    write_bundle(path, {name: content for name, content in items.items() if name != MANIFEST})


def no_receipt(path: Path, items: Items) -> None:
    write_bundle(path, {name: content for name, content in items.items() if name != RECEIPT})


def bomb(path: Path, items: Items) -> None:
    write_bundle(path, {**items, f"messages/{'0' * 64}.cose": bytes(50 << 20)})


def no_zip(path: Path, _: Items) -> None:
    path.write_bytes(b"PK" + bytes(1000))


def empty(path: Path, _: Items) -> None:
    path.write_bytes(b"")


def cut(path: Path, items: Items) -> None:
    write_bundle(path, items)
    path.write_bytes(path.read_bytes()[:-4000])


def stored(path: Path, items: Items) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in items.items():
            archive.writestr(name, content)


def other_compression(path: Path, items: Items) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        for name, content in items.items():
            method = zipfile.ZIP_DEFLATED if name == MANIFEST else zipfile.ZIP_BZIP2
            archive.writestr(name, content, compress_type=method)


def prefixed(path: Path, items: Items) -> None:
    write_bundle(path, items)
    path.write_bytes(b"#!/bin/sh\n" + path.read_bytes())


def commented(path: Path, items: Items) -> None:
    write_bundle(path, items)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"a comment " * 1000


def flipped(path: Path, items: Items) -> None:
    """A byte in the middle of an item's compressed bytes."""
    write_bundle(path, items)
    with zipfile.ZipFile(path) as archive:
        info = max(archive.infolist(), key=lambda one: one.compress_size)
    raw = bytearray(path.read_bytes())
    raw[info.header_offset + 30 + len(info.filename) + info.compress_size // 2] ^= 0xFF
    path.write_bytes(raw)


def other_name_inside(path: Path, items: Items) -> None:
    """An item whose own header names another file than the directory."""
    write_bundle(path, items)
    with zipfile.ZipFile(path) as archive:
        info = archive.infolist()[3]
    raw = bytearray(path.read_bytes())
    raw[info.header_offset + 30] ^= 0x20
    path.write_bytes(raw)


ARCHIVES: list[Callable[[Path, Items], None]] = [
    twice, strange, no_manifest, no_receipt, bomb, no_zip, empty, cut, stored, other_compression, prefixed, commented,
    flipped, other_name_inside,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_both_agree_on_archives_that_are_hostile_or_damaged(compared: Compared) -> None:
    village = begin()
    used(village, "used")
    for write in ARCHIVES:
        write(compared.file(write.__name__), village.items())
    assert compared.differences() == []


def test_archive_with_more_than_65535_items_is_read(tmp_path: Path) -> None:
    village = Village()
    compared = Compared(tmp_path, [village.key("authority").public_key])
    with zipfile.ZipFile(compared.file("many"), "w") as archive:
        for name, content in village.items().items():
            archive.writestr(name, content)
        for number in range(66_000):
            archive.writestr(f"messages/{number:064x}.cose", b"")
    (answer,) = compared.browser()
    assert len(answer["findings"]) > 66_000


def test_comparison_finds_a_verifier_that_sees_nothing(compared: Compared, monkeypatch: pytest.MonkeyPatch) -> None:
    path, forgery = next(iter(shelf().choose(messages.DECISION, seeded("skip"), 1)))
    compared.add("clean", shelf().items)
    compared.add("altered", shelf().put(path, forgery).items)
    clean = compared.browser()[0]
    monkeypatch.setattr(compared, "browser", lambda: [clean, clean])
    assert {(name, what) for name, what, *_ in compared.differences()} >= {("altered", "ok"), ("altered", "findings")}
