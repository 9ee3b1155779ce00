"""Random and boundary values for the fields of messages, items and entries, made from their definitions."""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st
from sealwire import schema
from sealwire.schema import Field

_ALPHABET = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")).filter(
    lambda letter: not ("\u202a" <= letter <= "\u202e" or "\u2066" <= letter <= "\u2069")
)


def _sized(value: Any, size: int) -> Any:
    """As many bytes of the same kind of string."""
    return "a" * size if isinstance(value, str) else bytes(size)


def _texts(field: Field) -> st.SearchStrategy[str]:
    fitting = st.text(_ALPHABET, max_size=field.high).filter(lambda text: field.low <= len(text.encode()) <= field.high)
    return st.sampled_from(["a" * field.low, "a" * field.high]) | fitting


def values(field: Field) -> st.SearchStrategy[Any]:
    """Values of a field, in its range, the ends among them."""
    if field.kind == schema._UINT:
        mask = ~int(field.of or 0)
        between = st.sampled_from([field.low, field.high]) | st.integers(field.low, field.high)
        return between.map(lambda number: number & mask)
    if field.kind == schema._BYTES:
        ends = st.sampled_from([field.low, field.high])
        return (ends | st.integers(field.low, field.high)).flatmap(lambda size: st.binary(min_size=size, max_size=size))
    if field.kind == schema._TEXT:
        return _texts(field)
    if field.kind == schema._LIST:
        return st.lists(values(field.of), min_size=field.low, max_size=min(field.high, field.low + 3))
    return records(field.of())


def records(fields: tuple[Field, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Fields by name; optional ones may be missing."""
    needed = {field.name: values(field) for field in fields if field.required}
    free = {field.name: values(field) for field in fields if not field.required}
    return st.fixed_dictionaries(needed, optional=free)


def largest(field: Field) -> Any:
    """The value of a field that takes the most bytes."""
    if field.kind == schema._UINT:
        return field.high
    if field.kind == schema._BYTES:
        return bytes(field.high)
    if field.kind == schema._TEXT:
        return "a" * field.high
    if field.kind == schema._LIST:
        return [largest(field.of)] * field.high
    return {part.name: largest(part) for part in field.of()}


def outside(field: Field, value: Any) -> Iterator[Any]:
    """Values of a field that its definition refuses, made from a good one."""
    yield b"" if field.kind in (schema._UINT, schema._TEXT) else 0
    if field.kind == schema._UINT:
        yield field.high + 1
        if field.low:
            yield field.low - 1
        if field.of:
            yield field.of
    elif field.kind in (schema._BYTES, schema._TEXT):
        yield _sized(value, field.high + 1)
        if field.low:
            yield _sized(value, field.low - 1)
    elif field.kind == schema._LIST:
        item = value[0] if value else largest(field.of)
        yield [item] * (field.high + 1)
        if field.low:
            yield [item] * (field.low - 1)
        for bad in outside(field.of, item):
            yield [bad, *value[1:]]
    else:
        for part in field.of():
            for bad in outside(part, value[part.name]) if part.name in value else ():
                yield value | {part.name: bad}
