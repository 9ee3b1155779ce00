"""The authority's list of matters: read from XLSX, CSV or TOML, cut into parts that fit a message each.

XLSX (its first sheet) and CSV have a heading line; the columns may be named in English or Chinese (`COLUMNS`). A TOML
file has [[matter]] tables with the English names. A list with a wrong row is not taken, and all wrong rows are named.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sealwire import limits, messages
from sealwire.errors import SealwireError

from sealhost.client import matter_sheet
from sealhost.client.errors import ClientError

COLUMNS = {
    "code": "编号",
    "wording": "事项",
    "seal": "印章",
    "attachments": "所需材料",
    "resolution": "需决议",
    "abolished": "已取消",
    "responsible": "责任人",
}
_YES = ("1", "yes", "true", "y", "是", "√")
_NO = ("", "0", "no", "false", "n", "否")
MAX_SHOWN = 50  # wrong rows in one message
ROOM = limits.MESSAGE - 256  # for the envelope and the part's own fields

Item = dict[str, Any]


def read(path: Path) -> list[Item]:
    """The items of a list file, sorted by code; all or none of them.

    ClientError: no_file, list_wrong (the file, or its one wrong row), list_rows_wrong (each wrong row with its place).
    """
    rows = _rows(path)
    items: list[Item] = []
    wrong: list[str] = []
    first: dict[int, str] = {}
    for where, row in rows:
        item = _item(row, wrong, f"{path.name} {where}")
        if item is None:
            continue
        if item["code"] in first:
            wrong.append(f"{path.name} {where}: code {item['code']} x2 ({first[item['code']]})")
            continue
        first[item["code"]] = where
        items.append(item)
    if len(wrong) == 1:
        where, _, detail = wrong[0].partition(": ")
        raise ClientError("list_wrong", where=where, detail=detail)
    if wrong:
        shown = "\n".join(wrong[:MAX_SHOWN]) + (f"\n… +{len(wrong) - MAX_SHOWN}" if len(wrong) > MAX_SHOWN else "")
        raise ClientError("list_rows_wrong", count=len(wrong), rows=shown)
    if not items:
        raise ClientError("list_wrong", where=path.name, detail="0")
    return sorted(items, key=lambda item: int(item["code"]))


def _rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """(place in the file, fields by name) of each row. ClientError: no_file, list_wrong."""
    try:
        with path.open("rb") as file:
            content = file.read(matter_sheet.MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ClientError("no_file", path=path, detail=error.strerror) from error
    if len(content) > matter_sheet.MAX_FILE_BYTES:
        raise ClientError("list_wrong", where=path.name, detail=f"> {matter_sheet.MAX_FILE_BYTES >> 20} MiB")
    if path.suffix.lower() == ".xlsx":
        try:
            return _table(path, enumerate(matter_sheet.rows(content), 1))
        except matter_sheet.SheetError as error:
            raise ClientError("list_wrong", where=path.name, detail=error) from error
    try:
        text = content.decode("utf-8-sig")  # spreadsheets put a mark in front
    except UnicodeDecodeError as error:
        raise ClientError("list_wrong", where=path.name, detail="UTF-8") from error
    if path.suffix == ".toml":
        return [(f"[[matter]] {number}", row) for number, row in enumerate(_toml_rows(path, text), 1)]
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        return _table(path, [(reader.line_num, line) for line in reader])
    except csv.Error as error:
        raise ClientError("list_wrong", where=f"{path.name} {reader.line_num}", detail=error) from error


def _table(path: Path, lines: Iterable[tuple[int, list[str]]]) -> list[tuple[str, dict[str, Any]]]:
    """Rows of a table with a heading line; a cell beyond the heading belongs to no column and is kept as wrong."""
    names = {chinese: name for name, chinese in COLUMNS.items()}
    columns: list[str] = []
    found = []
    for number, line in lines:
        cells = [cell.strip() for cell in line]
        if not any(cells):
            continue
        if not columns:
            while cells and not cells[-1]:
                cells.pop()
            columns = [names.get(cell, cell) for cell in cells]
            unknown = [cell for cell in columns if cell not in COLUMNS]
            if unknown or len(set(columns)) != len(columns):
                detail = f"{unknown or columns!r}: {', '.join(COLUMNS)}"
                raise ClientError("list_wrong", where=path.name, detail=detail)
            continue
        row: dict[str, Any] = dict(zip(columns, cells, strict=False))
        if any(cells[len(columns) :]):
            row["?"] = next(cell for cell in cells[len(columns) :] if cell)
        found.append((str(number), row))
    return found


def _toml_rows(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        rows = tomllib.loads(text).get("matter", [])
    except tomllib.TOMLDecodeError as error:
        raise ClientError("list_wrong", where=path.name, detail=error) from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) and set(row) <= set(COLUMNS) for row in rows):
        raise ClientError("list_wrong", where=path.name, detail=f"[[matter]]: {', '.join(COLUMNS)}")
    return rows


def _item(row: dict[str, Any], wrong: list[str], where: str) -> Item | None:
    """One matter in the wire's form, checked by its definition; else all that is wrong with it is added to `wrong`."""
    problems = [f"{name} = {value!r}" for name, value in row.items() if name == "?" or value == matter_sheet.FORMULA]
    item: Item = {"wording": str(row.get("wording", "")), "seal": str(row.get("seal", ""))}
    code = str(row.get("code", ""))
    if code.isascii() and code.isdecimal() and len(code) < 10:
        item["code"] = int(code)
    else:
        problems.append(f"code = {code!r}")
        item["code"] = 1
    for name in ("attachments", "responsible"):
        if row.get(name):
            item[name] = str(row[name])
    for name in ("resolution", "abolished"):
        said = str(row.get(name, "")).strip().lower()
        if said in _YES:
            item[name] = 1
        elif said not in _NO:
            problems.append(f"{name} = {said!r}")
    try:
        _payload(1, 0, 1, 1, [item])
    except (SealwireError, ValueError) as error:  # ValueError: text with control characters
        problems.append(str(error))
    if problems:
        wrong.append(f"{where}: {'; '.join(problems)}")
        return None
    return item


def _payload(version: int, issued: int, part: int, parts: int, items: list[Item]) -> bytes:
    return messages.payload(messages.MATTERS, part_fields(version, issued, part, parts, items))


def part_fields(version: int, issued: int, part: int, parts: int, items: list[Item]) -> dict[str, Any]:
    """The fields of one part."""
    return {"version": version, "issued": issued, "part": part, "parts": parts, "items": items}


def parts(items: list[Item]) -> list[list[Item]]:
    """The items cut into as few parts as fit. ClientError: list_too_long."""
    cut: list[list[Item]] = [[]]
    for item in items:
        longer = [*cut[-1], item]
        if cut[-1] and (len(longer) > limits.MATTERS_PER_PART or _too_large(longer)):
            cut.append([item])
        else:
            cut[-1] = longer
    if len(cut) > limits.MATTER_PARTS:
        raise ClientError("list_too_long", parts=len(cut), most=limits.MATTER_PARTS)
    return cut


def _too_large(items: list[Item]) -> bool:
    try:
        return len(_payload(2**31 - 1, 2**32 - 1, limits.MATTER_PARTS, limits.MATTER_PARTS, items)) > ROOM
    except SealwireError:
        return True
