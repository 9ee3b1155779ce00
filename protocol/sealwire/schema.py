"""How a message's fields are defined, and the one way through a definition: map to fields and back, checked both ways.

On the wire a record is a map with keys 0..23 (or, where a roster repeats it, an array in the order of its fields); in
memory it is a dict by field name.
"""

from sealwire import cbor, errors, limits
from sealwire.errors import DecodeError

MYPY = False
if MYPY:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

_UINT = 0
_BYTES = 1
_TEXT = 2
_LIST = 3
_RECORD = 4
_ROW = 5


class Field:
    """A field: its key on the wire, its name, its kind, and the range of its value (integers) or length."""

    def __init__(self, number: int, name: str, kind: int, low: int, high: int, of: "Any" = None) -> None:
        self.number = number
        self.name = name
        self.kind = kind
        self.low = low
        self.high = high
        self.of = of  # the Field of a list's items, the fields of a record, or the bits that an integer must not have
        self.required = True


def uint(number: int, name: str, low: int = 0, high: int = limits.INTEGER) -> Field:
    """An integer of low..high."""
    return Field(number, name, _UINT, low, high)


def data(number: int, name: str, low: int, high: int = 0) -> Field:
    """A byte string of exactly ``low`` bytes, or of low..high."""
    return Field(number, name, _BYTES, low, high or low)


def text(number: int, name: str, high: int, low: int = 1) -> Field:
    """Text of low..high bytes of UTF-8."""
    return Field(number, name, _TEXT, low, high)


def many(number: int, name: str, low: int, high: int, of: Field) -> Field:
    """An array of low..high items."""
    return Field(number, name, _LIST, low, high, of)


def record(fields: "Callable[[], tuple[Field, ...]]") -> Field:
    """A map with fields of its own, as item of an array; ``fields`` makes them when they are needed."""
    return Field(0, "", _RECORD, 0, 0, fields)


def row(fields: "Callable[[], tuple[Field, ...]]") -> Field:
    """An array with exactly these fields in order, as item of an array: what a roster repeats must be short."""
    return Field(0, "", _ROW, 0, 0, fields)


def bits(number: int, name: str, highest: int) -> Field:
    """A set of numbers 1..highest as an integer: bit n (of value 2^n) stands for n."""
    return Field(number, name, _UINT, 0, (2 << highest) - 2, 1)


def optional(field: Field) -> Field:
    """The same field, which may be missing."""
    field.required = False
    return field


def seconds(number: int, name: str) -> Field:
    """A point in time: UTC seconds since 1970-01-01, below 2^32 (the year 2106)."""
    return Field(number, name, _UINT, 0, (1 << 32) - 1)


def reference(number: int, name: str) -> Field:
    """The reference of another message."""
    return Field(number, name, _BYTES, limits.HASH, limits.HASH)


def from_map(schema: "tuple[Field, ...]", value: "Any") -> "dict[str, Any]":
    """Fields by name from a decoded map.

    Raises DecodeError: not_a_map, missing_field, unknown_field, wrong_field_type, value_range, length_range.
    """
    if not isinstance(value, dict):
        raise DecodeError(errors.NOT_A_MAP)
    fields = {}
    for field in schema:
        if field.number in value:
            fields[field.name] = _take(field, value[field.number], True)
        elif field.required:
            raise DecodeError(errors.MISSING_FIELD, field.name)
    if len(fields) != len(value):
        raise DecodeError(errors.UNKNOWN_FIELD)
    return fields


def to_map(schema: "tuple[Field, ...]", fields: "dict[str, Any]") -> "dict[int, Any]":
    """The reverse of :func:`from_map`, with the same checks; a field of None is left out."""
    value = {}
    used = 0
    for field in schema:
        item = fields.get(field.name)
        if field.name in fields:
            used += 1
        if item is not None:
            value[field.number] = _give(field, item)
        elif field.required:
            raise DecodeError(errors.MISSING_FIELD, field.name)
    if used != len(fields):
        raise DecodeError(errors.UNKNOWN_FIELD)
    return value


def _take(field: Field, value: "Any", outermost: bool = False) -> "Any":
    """A field's value, each part checked. Rows stay lazy in the outermost map only: what is in a row is short."""
    _check(field, value)
    if field.kind == _RECORD:
        return from_map(field.of(), value)
    if field.kind == _ROW:
        return _from_row(field.of(), value)
    if field.kind != _LIST:
        return value
    if outermost and isinstance(value, cbor.Items) and field.of.kind == _ROW:
        rows = Rows(field.of, value)
        for _ in rows:
            pass  # each is checked as it is read
        return rows
    return list(_each(field.of, value))


def _each(of: Field, items: "Iterable[Any]") -> "Iterator[Any]":
    """The items of an array, each checked. The definition of a row or record is made once for all of them."""
    if of.kind != _ROW:
        for item in items:
            yield _take(of, item)
        return
    schema = of.of()
    for item in items:
        _check(of, item)
        yield _from_row(schema, item)


class Rows:
    """Rows that were checked, read one by one each time they are gone through: see :class:`sealwire.cbor.Items`."""

    def __init__(self, of: Field, items: "cbor.Items") -> None:
        self._of = of
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> "Iterator[dict[str, Any]]":
        return _each(self._of, self._items)


def _give(field: Field, value: "Any") -> "Any":
    if field.kind in (_RECORD, _ROW) and not isinstance(value, dict):
        raise DecodeError(errors.WRONG_FIELD_TYPE, field.name)
    if field.kind == _RECORD:
        return to_map(field.of(), value)
    if field.kind == _ROW:
        return to_row(field.of(), value)
    _check(field, value)
    if field.kind == _LIST:
        return [_give(field.of, item) for item in value]
    return value


def _from_row(schema: "tuple[Field, ...]", value: "Any") -> "dict[str, Any]":
    if len(value) < len(schema):
        raise DecodeError(errors.MISSING_FIELD)
    if len(value) > len(schema):
        raise DecodeError(errors.UNKNOWN_FIELD)
    return {field.name: _take(field, item) for field, item in zip(schema, value)}


def to_row(schema: "tuple[Field, ...]", fields: "dict[str, Any]") -> "list[Any]":
    """Fields as an array in the order of their definition."""
    value = to_map(schema, fields)
    return [value[field.number] for field in schema]


_ARRAYS = (list, tuple, cbor.Items)
_PYTHON_TYPES: "Any" = (int, (bytes, bytearray, memoryview), str, _ARRAYS, dict, _ARRAYS)


def _check(field: Field, value: "Any") -> None:
    """Raises DecodeError: wrong_field_type, value_range, length_range."""
    if not isinstance(value, _PYTHON_TYPES[field.kind]) or isinstance(value, bool):
        raise DecodeError(errors.WRONG_FIELD_TYPE, field.name)
    if field.kind in (_RECORD, _ROW):
        return
    if field.kind == _UINT:
        if not field.low <= value <= field.high or (field.of and value & field.of):
            raise DecodeError(errors.VALUE_RANGE, field.name)
        return
    size = len(value.encode()) if field.kind == _TEXT else len(value)
    if not field.low <= size <= field.high:
        raise DecodeError(errors.LENGTH_RANGE, field.name)
