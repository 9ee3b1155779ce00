"""Reads a matter list's rows from an XLSX file.

Guarantees: no formula is evaluated, and none is taken by what a program last saved as its value; nothing large is
unpacked: sizes are looked at before and while reading (`MAX_…`), and XML that declares entities is refused.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

MAX_FILE_BYTES = 2 * 1024 * 1024
MAX_UNPACKED_BYTES = 32 * 1024 * 1024
"""Some thirty times of what a list of the greatest length takes: a sheet is wordy."""
MAX_PARTS = 200  # files inside it
MAX_ROWS = 5_000
MAX_COLUMNS = 50
MAX_CELL = 2_000  # characters
FORMULA = "=…"
"""What stands for a formula: nothing that a matter list takes."""

_BROKEN = (
    *(InvalidFileException, zipfile.BadZipFile, ParseError, EOFError, zlib.error, struct.error, NotImplementedError),
    *(KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError, RuntimeError, OSError),
)
"""All that openpyxl raises at files that are none, or were altered."""


class SheetError(Exception):
    """The file cannot be read as a sheet; the text says why."""


def rows(content: bytes) -> list[list[str]]:
    """The cells of the first sheet as text, heading first; empty rows are kept, so that numbers stay right."""
    _check_size(content)
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
        try:
            return list(_cells(book.worksheets[0]))
        finally:
            book.close()
    except _BROKEN as error:
        raise SheetError(f"not a sheet that can be read ({type(error).__name__})") from error


def _check_size(content: bytes) -> None:
    if len(content) > MAX_FILE_BYTES:
        raise SheetError(f"over {MAX_FILE_BYTES >> 20} MiB")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
                raise SheetError(f"over {MAX_UNPACKED_BYTES >> 20} MiB when unpacked, or over {MAX_PARTS} parts")
            left = MAX_UNPACKED_BYTES
            for part in parts:
                with archive.open(part) as file:
                    text = file.read(left + 1)  # what the archive says of its sizes may be untrue
                left -= len(text)
                if left < 0:
                    raise SheetError(f"over {MAX_UNPACKED_BYTES >> 20} MiB when unpacked")
                if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
                    raise SheetError("it declares XML entities")
    except _BROKEN as error:
        raise SheetError("not an XLSX file") from error


def _cells(sheet: Any) -> Iterator[list[str]]:
    sheet.reset_dimensions()  # what the sheet says of its size is not to be relied on
    for number, row in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS), 1):
        if number > MAX_ROWS:
            raise SheetError(f"over {MAX_ROWS} rows")
        yield [_text(cell) for cell in row]


def _text(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f" or (isinstance(value, str) and value.startswith("=")):
        return FORMULA
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a number that somebody typed: 101, not 101.0
    text = str(value).strip()
    if len(text) > MAX_CELL:
        raise SheetError(f"a cell has over {MAX_CELL} characters")
    return text
