"""Matter lists from spreadsheets: taken whole or not at all, every wrong row named, nothing evaluated or blown up."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest
from sealhost import demo_seed
from sealhost.client import matter_list, matter_sheet
from sealhost.client.errors import ClientError

HEADING = ["编号", "事项", "印章", "所需材料", "需决议", "已取消", "责任人"]


def sheet(path: Path, *rows: Sequence[object], heading: list[str] = HEADING) -> Path:
    """An XLSX file with these rows."""
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (heading, *rows):
        book.active.append(list(row))
    book.save(path)
    return path


def refused(path: Path) -> ClientError:
    with pytest.raises(ClientError) as caught:
        matter_list.read(path)
    return caught.value


def test_a_sheet_says_the_same_as_a_csv(tmp_path: Path):
    csv = tmp_path / "list.csv"
    csv.write_text(
        ",".join(HEADING) + "\n102,甲,居委会,身份证,是,否,王芳\n101,乙,居委会,,否,是,派出所\n", encoding="utf-8"
    )
    rows = [[102, "甲", "居委会", "身份证", "是", "否", "王芳"], [101.0, "乙", "居委会", None, "否", "是", "派出所"]]
    assert matter_list.read(sheet(tmp_path / "list.xlsx", *rows)) == matter_list.read(csv)


def test_every_wrong_row_is_named_and_none_is_taken(tmp_path: Path):
    path = sheet(
        tmp_path / "list.xlsx",
        [101, "甲", "居委会"],
        ["x", "乙", "居委会", "", "也许"],
        [],
        [103, "", "居委会"],
        [101, "丙", "居委会"],
        [104, "=1+1", "居委会"],
        [105, "丁", "居委会", "", "", "", "", "多余"],
    )
    error = refused(path)
    assert error.key == "list_rows_wrong"
    lines = str(error).splitlines()[1:]
    assert [line.partition(":")[0] for line in lines] == [f"list.xlsx {number}" for number in (3, 5, 6, 7, 8)]
    for line, named in zip(lines, ("code = 'x'; resolution = '也许'", "wording", "x2 (2)", "=…", "多余"), strict=True):
        assert named in line


def test_the_same_holds_for_csv_and_toml(tmp_path: Path):
    csv = tmp_path / "list.csv"
    csv.write_text('code,wording,seal\n1,"a\nb",c\nx,a,b\n2,,b\n', encoding="utf-8")
    assert "list.csv 4" in str(refused(csv))  # by the line of the file, though a cell before has two
    toml = tmp_path / "list.toml"
    toml.write_text('[[matter]]\ncode = "x"\n[[matter]]\ncode = "y"\n', encoding="utf-8")
    assert "[[matter]] 2" in str(refused(toml))


def test_many_wrong_rows_are_counted_but_not_all_listed(tmp_path: Path):
    error = refused(sheet(tmp_path / "list.xlsx", *([["x", "a", "b"]] * 200)))
    assert error.values["count"] == 200
    assert len(str(error).splitlines()) == matter_list.MAX_SHOWN + 2


def rewritten(path: Path, part: str, content: bytes) -> Path:
    """The file with one part replaced or added."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = content
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def good(tmp_path: Path) -> Path:
    return sheet(tmp_path / "list.xlsx", [101, "甲", "居委会"])


def test_a_bomb_is_not_unpacked(tmp_path: Path):
    path = rewritten(good(tmp_path), "xl/worksheets/sheet1.xml", b" " * (matter_sheet.MAX_UNPACKED_BYTES + 1))
    assert path.stat().st_size < matter_sheet.MAX_FILE_BYTES
    assert "unpacked" in str(refused(path))


def test_a_bomb_that_lies_about_its_size_is_not_unpacked(tmp_path: Path):
    path = rewritten(good(tmp_path), "xl/worksheets/sheet1.xml", b" " * (matter_sheet.MAX_UNPACKED_BYTES + 1))
    size = (matter_sheet.MAX_UNPACKED_BYTES + 1).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (1000).to_bytes(4, "little")))
    assert refused(path).key == "list_wrong"


def test_declared_entities_are_refused(tmp_path: Path):
    with zipfile.ZipFile(good(tmp_path)) as archive:
        text = archive.read("xl/worksheets/sheet1.xml")
    bad = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + text
    assert "entities" in str(refused(rewritten(tmp_path / "list.xlsx", "xl/worksheets/sheet1.xml", bad)))


def test_a_formula_is_not_taken_by_its_saved_value(tmp_path: Path):
    path = good(tmp_path)
    with zipfile.ZipFile(path) as archive:
        text = archive.read("xl/worksheets/sheet1.xml").decode()
    assert "<v>101</v>" in text
    path = rewritten(path, "xl/worksheets/sheet1.xml", text.replace("<v>101</v>", "<f>100+1</f><v>101</v>").encode())
    assert "=…" in str(refused(path))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"code,wording,seal\n1,a,b\n", bytes(3_000_000)])
def test_what_is_no_sheet_is_named(tmp_path: Path, content: bytes):
    path = tmp_path / "list.xlsx"
    path.write_bytes(content)
    assert refused(path).key == "list_wrong"


def outcome(path: Path) -> str:
    """How reading a file ended."""
    try:
        matter_list.read(path)
    except ClientError as error:
        return error.key
    return "read"


@pytest.mark.filterwarnings("ignore:Workbook contains no stylesheet")
def test_any_damage_ends_in_a_refusal_or_a_list(tmp_path: Path):
    whole = good(tmp_path).read_bytes()
    path = tmp_path / "damaged.xlsx"
    outcomes = set()
    for place in range(0, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        outcomes.add(outcome(path))
    for part in zipfile.ZipFile(io.BytesIO(whole)).namelist():
        for content in (b"", b"<x/>", b"<x", bytes(range(256))):
            path.write_bytes(whole)
            outcomes.add(outcome(rewritten(path, part, content)))
    assert outcomes <= {"read", "list_wrong", "list_rows_wrong"}
    assert "list_wrong" in outcomes


def test_the_rows_have_a_bound(tmp_path: Path):
    book = openpyxl.Workbook(write_only=True)
    page = book.create_sheet()
    for _ in range(matter_sheet.MAX_ROWS + 1):
        page.append([1])
    book.save(tmp_path / "list.xlsx")
    assert str(matter_sheet.MAX_ROWS) in str(refused(tmp_path / "list.xlsx"))


def test_the_demos_list_is_a_committees():
    items = matter_list.read(demo_seed.MATTERS)
    assert len(items) >= 40
    abolished = [item for item in items if item.get("abolished")]
    assert len(abolished) >= 5
    assert all(item.get("responsible") for item in abolished)
    assert {item["seal"] for item in items} == set(demo_seed.SEALS.values())
    assert not {demo_seed.RESIDENCE, demo_seed.HARDSHIP, 201} & {item["code"] for item in abolished}
