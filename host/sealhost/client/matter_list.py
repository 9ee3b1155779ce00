"""The authority's list of matters: read from a spreadsheet's CSV or from TOML, cut into parts that fit a message
each.

A CSV has a heading line; its columns may be named in English or Chinese (`COLUMNS`). A TOML file has [[matter]]
tables with the English names.
"""

from __future__ import annotations

import csv
import io
import itertools
import tomllib
from pathlib import Path
from typing import Any

from sealwire import limits, messages
from sealwire.errors import SealwireError

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
ROOM = limits.MESSAGE - 256  # for the envelope and the part's own fields

Item = dict[str, Any]


def read(path: Path) -> list[Item]:
    """The items of a list file, sorted by code. ClientError: no_file, list_wrong."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets put a mark in front
    except OSError as error:
        raise ClientError("no_file", path=path, detail=error.strerror) from error
    except UnicodeDecodeError as error:
        raise ClientError("list_wrong", where=path, detail="UTF-8") from error
    rows = _toml_rows(path, text) if path.suffix == ".toml" else _csv_rows(path, text)
    items = [_item(f"{path.name} {number}", row) for number, row in enumerate(rows, 1)]
    items.sort(key=lambda item: int(item["code"]))
    for before, item in itertools.pairwise(items):
        if before["code"] == item["code"]:
            raise ClientError("list_wrong", where=path.name, detail=f"{item['code']} x2")
    if not items:
        raise ClientError("list_wrong", where=path.name, detail="0")
    return items


def _csv_rows(path: Path, text: str) -> list[dict[str, Any]]:
    names = {chinese: name for name, chinese in COLUMNS.items()}
    reader = csv.DictReader(io.StringIO(text))
    rows = []
    for line in reader:
        row = {}
        for heading, value in line.items():
            name = names.get((heading or "").strip(), (heading or "").strip())
            if name not in COLUMNS:
                raise ClientError("list_wrong", where=path.name, detail=f"{heading!r}: {', '.join(COLUMNS)}")
            row[name] = (value or "").strip()
        rows.append(row)
    return rows


def _toml_rows(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        rows = tomllib.loads(text).get("matter", [])
    except tomllib.TOMLDecodeError as error:
        raise ClientError("list_wrong", where=path.name, detail=error) from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) and set(row) <= set(COLUMNS) for row in rows):
        raise ClientError("list_wrong", where=path.name, detail=f"[[matter]]: {', '.join(COLUMNS)}")
    return rows


def _item(where: str, row: dict[str, Any]) -> Item:
    """One matter in the wire's form, checked by its definition."""
    code = str(row.get("code", ""))
    if not code.isdecimal():
        raise ClientError("list_wrong", where=where, detail=f"code = {code!r}")
    item: Item = {"code": int(code), "wording": str(row.get("wording", "")), "seal": str(row.get("seal", ""))}
    for name in ("attachments", "responsible"):
        if row.get(name):
            item[name] = str(row[name])
    for name in ("resolution", "abolished"):
        said = str(row.get(name, "")).strip().lower()
        if said in _YES:
            item[name] = 1
        elif said not in _NO:
            raise ClientError("list_wrong", where=where, detail=f"{name} = {said!r}")
    try:
        _payload(1, 0, 1, 1, [item])
    except SealwireError as error:
        raise ClientError("list_wrong", where=where, detail=error) from error
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
