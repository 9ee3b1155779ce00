"""Hostile and broken files: each is refused in one line, or the item is named; none costs memory or writes anything."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest
from sealhost.audit import bundle as bundles_file
from sealhost.audit.bundle import Bundle, UnusableError, read_bundle, write_bundle
from sealhost.audit.manifest import read_manifest
from sealhost.audit.rosters import Trust
from sealhost.audit.verify import verify_bundle
from sealhost.signing.keys import verify

from tests.host import bundles

VILLAGE = bundles.history()
ITEMS = VILLAGE.items()
SOME = next(path for path in sorted(ITEMS) if path.startswith("messages/"))


def found(path: Path) -> list[tuple[str, str]]:
    """(check, path) of what is found in a file."""
    result = verify_bundle(read_bundle(path), Trust([VILLAGE.key("authority").public_key], 1), verify)
    return [(finding.check, finding.path) for finding in result.findings]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bundle.zip"
    write_bundle(path, ITEMS)
    return path


def test_what_is_written_is_read_again(file: Path):
    assert read_bundle(file) == Bundle(ITEMS)
    assert found(file) == []


def test_equal_items_make_equal_files(tmp_path: Path, file: Path):
    write_bundle(tmp_path / "again.zip", dict(reversed(ITEMS.items())))
    assert (tmp_path / "again.zip").read_bytes() == file.read_bytes()


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip at all" * 100, b"PK\x05\x06" + bytes(18)])
def test_what_is_no_bundle_is_refused_in_one_line(tmp_path: Path, content: bytes):
    path = tmp_path / "bundle.zip"
    path.write_bytes(content)
    with pytest.raises(UnusableError) as refusal:
        read_bundle(path)
    assert "\n" not in str(refusal.value)


def test_a_file_cut_short_is_refused(file: Path):
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UnusableError, match="only a part"):
        read_bundle(file)


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path):
    for path in (tmp_path, tmp_path / "nothing.zip"):
        with pytest.raises(UnusableError, match="cannot be read"):
            read_bundle(path)


def test_a_file_that_is_too_large_is_not_opened(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bundles_file, "FILE_BYTES", 1000)
    with pytest.raises(UnusableError, match="no bundle is that large"):
        read_bundle(file)


def test_a_file_of_too_many_items_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bundles_file, "ITEMS", 10)
    with pytest.raises(UnusableError, match="more than 10 items"):
        read_bundle(file)


def test_a_list_of_items_that_is_too_long_is_not_parsed(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bundles_file, "DIRECTORY_BYTES", 1000)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(UnusableError, match="more items than any bundle"):
        read_bundle(file)


def test_the_length_of_a_list_in_zip64_form_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "bundle.zip"
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 3)
    write_bundle(path, ITEMS)
    assert b"PK\x06\x06" in path.read_bytes()
    assert found(path) == []
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x05\x06") + 12
    content[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert found(path) == []
    monkeypatch.setattr(bundles_file, "DIRECTORY_BYTES", 1000)
    with pytest.raises(UnusableError, match="more items than any bundle"):
        read_bundle(path)


def test_an_item_that_unpacks_to_more_than_its_cap_is_named(file: Path):
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("messages/" + "0" * 64 + ".cose", bytes(50_000_000))
    assert ("item_damaged", "messages/" + "0" * 64 + ".cose") in found(file)
    assert len(read_bundle(file).items) == len(ITEMS)


def test_all_items_together_are_capped(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bundles_file, "TOTAL_BYTES", 20_000)
    loaded = None
    try:
        loaded = read_bundle(file)
    except UnusableError:
        return
    assert sum(len(content) for content in loaded.items.values()) <= 20_000


def test_an_item_that_lies_about_its_size_is_read_by_what_comes(file: Path):
    """The central directory says 1 byte: what comes is checked, and the archive is found out."""
    content = bytearray(file.read_bytes())
    name = SOME.encode()
    at = content.rindex(name) - 46
    assert content[at : at + 4] == b"PK\x01\x02"
    content[at + 24 : at + 28] = struct.pack("<I", 1)
    file.write_bytes(content)
    assert SOME in [path for _, path in found(file)]


def test_a_flipped_bit_in_the_archive_names_its_item(file: Path):
    content = bytearray(file.read_bytes())
    at = content.index(SOME.encode()) + len(SOME) + 40
    content[at] ^= 4
    file.write_bytes(content)
    assert {path for _, path in found(file)} == {SOME}
    assert found(file)[0][0] in ("item_damaged", "item_digest")


def test_an_item_that_stands_twice_is_named(file: Path):
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(file, "a") as archive:
        archive.writestr(SOME, b"another")
    assert found(file) == [("item_twice", SOME)]


@pytest.mark.parametrize(
    "name",
    [
        *("../../etc/passwd", "/etc/passwd", "messages/../x.cose", "MESSAGES/" + "0" * 64 + ".cose", "readme.txt"),
        *("messages/", "boxes/00/entries.cbor", "messages/" + "0" * 63 + ".cose", "messages/" + "0" * 64 + ".cose\n"),
    ],
)
def test_an_item_of_a_strange_path_is_named_and_not_looked_at(file: Path, name: str):
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(name, b"x")
    assert found(file) == [("item_path", name)]


def test_an_encrypted_item_is_named(file: Path):
    content = bytearray(file.read_bytes())
    at = content.rindex(SOME.encode()) - 46
    content[at + 8] |= 1
    file.write_bytes(content)
    assert found(file)[0] == ("item_damaged", SOME)


def test_a_bundle_without_manifest_is_refused(tmp_path: Path):
    path = tmp_path / "bundle.zip"
    write_bundle(path, {SOME: ITEMS[SOME]})
    with pytest.raises(UnusableError, match=r"no manifest\.json"):
        read_bundle(path)


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"[]", b"{}", b"null", b"\xff", b"[" * 100_000, b'{"format": "sealbox-bundle/2"}'),
        b'{"format":"sealbox-bundle/1","site":"%s","made":1,"items":[],"made":2}' % (b"0" * 32),
        b'{"format":"sealbox-bundle/1","site":"%s","made":1,"items":[]}' % (b"0" * 31),
        b'{"format":"sealbox-bundle/1","site":"%s","made":1,"items":[]}' % (b"A" * 32),
        b'{"format":"sealbox-bundle/1","site":"%s","made":-1,"items":[]}' % (b"0" * 32),
        b'{"format":"sealbox-bundle/1","site":"%s","made":true,"items":[]}' % (b"0" * 32),
        b'{"format":"sealbox-bundle/1","site":"%s","made":1,"items":[{"path":"x"}]}' % (b"0" * 32),
        b'{"format":"sealbox-bundle/1","site":"%s","made":1,"items":[3]}' % (b"0" * 32),
        b'{"format":"sealbox-bundle/1","site":"%s","made":1,"items":7}' % (b"0" * 32),
        b'{"format":"sealbox-bundle/1","site":"%s","made":1,"items":[],"more":1}' % (b"0" * 32),
    ],
    ids=range(16),
)
def test_a_manifest_of_another_form_is_refused(raw: bytes):
    with pytest.raises(UnusableError, match="cannot be used"):
        read_manifest(raw)


def test_reading_leaves_nothing_behind(tmp_path: Path, file: Path):
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("../escaped", b"x")
    read_bundle(file)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle.zip"]
    assert not (tmp_path.parent / "escaped").exists()


@pytest.mark.parametrize("path", ["rosters/evil", "rosters/x-y.cose", "rosters/-.cose", "messages/evil", "boxes/evil"])
def test_item_with_a_name_that_none_has_is_named_and_ends_nothing(tmp_path: Path, path: str):
    write_bundle(tmp_path / "odd.zip", ITEMS | {path: b"anything"})
    assert path in [place for _, place in found(tmp_path / "odd.zip")]


def test_manifest_whose_items_are_no_list_or_whose_digests_are_no_hex_is_refused(tmp_path: Path):
    manifest = ITEMS["manifest.json"]
    digest = next(text for text in manifest.decode().split('"') if len(text) == 64)
    for other in (
        manifest.replace(b'"items": [', b'"items": {}, "more": ['),
        manifest.replace(digest.encode(), b" " * 64),
    ):
        with pytest.raises(UnusableError):
            read_manifest(other)
