"""Alterations of one payload or entry, made from its definition in `sealwire`.

They work on the value as it is on the wire (maps by number, rows as arrays), so that they can also leave out what the
definition demands. A kind of field that no alteration is known for raises :class:`NoCaseError`.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sealwire import chain, messages, schema
from sealwire.schema import Field

Definition = Sequence[Field]


class NoCaseError(Exception):
    """The schema has something that nothing here alters: add a case."""


@dataclass(frozen=True)
class Change:
    """field: dotted, as in "rules.groups.least"; how: what was done to it; value: the whole altered value."""

    field: str
    how: str
    value: Any


@dataclass(frozen=True)
class _Place:
    """A field of one value: where it stands, and what is there (None for an optional field that is missing)."""

    field: Field
    name: str
    steps: tuple[Any, ...]
    value: Any


def message_fields() -> Iterator[tuple[int, str]]:
    """Every (type number, field) of every message type."""
    for number in messages.names():
        for name in names_of(messages.fields_of(number)):
            yield number, name


def entry_fields() -> Iterator[tuple[int, str]]:
    """Every (kind, field) of every kind of log entry; the kind itself is a field too."""
    for kind in chain.names():
        yield kind, "kind"
        for name in names_of(entry_definition(kind)):
            yield kind, name


def entry_definition(kind: int) -> Definition:
    """The fields of a kind of entry, those of every kind among them."""
    return (*chain._HEAD, *chain.fields_of(kind))


def names_of(definition: Definition, before: str = "") -> Iterator[str]:
    """The dotted names of all fields, those inside rows and records too."""
    for field in definition:
        yield before + field.name
        if field.kind == schema._LIST and field.of.kind in (schema._RECORD, schema._ROW):
            yield from names_of(field.of.of(), before + field.name + ".")


def changes(definition: Definition, value: Any, others: Sequence[Any], rng: random.Random) -> Iterator[Change]:
    """Every alteration of every field of a value; ``others`` are values of the same definition to take fields from.

    Which bit is flipped, and what is taken from where, the generator of random numbers decides.
    """
    elsewhere = [{place.name: place for place in _places(definition, other)} for other in others]
    for place in _places(definition, value):
        taken = [there[place.name] for there in elsewhere if place.name in there]
        for how, new in _of_field(place, taken, rng):
            yield Change(place.name, how, _with(value, place.steps, new))
        if place.value is not None:
            yield Change(place.name, "dropped", _with(value, place.steps, None))


def _places(definition: Definition, value: Any, before: str = "", steps: tuple[Any, ...] = ()) -> Iterator[_Place]:
    for index, field in enumerate(definition):
        step = index if isinstance(value, list) else field.number
        here = value[step] if isinstance(value, list) else value.get(step)
        name, at = before + field.name, (*steps, step)
        yield _Place(field, name, at, here)
        if field.kind == schema._LIST and field.of.kind in (schema._RECORD, schema._ROW):
            for number, item in enumerate(here or ()):
                yield from _places(field.of.of(), item, name + ".", (*at, number))


def _with(value: Any, steps: tuple[Any, ...], new: Any) -> Any:
    """A copy with another value at a place, or without it (None)."""
    result = copy.deepcopy(value)
    inner = result
    for step in steps[:-1]:
        inner = inner[step]
    if new is None:
        del inner[steps[-1]]
    else:
        inner[steps[-1]] = new
    return result


def _of_field(place: _Place, taken: list[_Place], rng: random.Random) -> Iterator[tuple[str, Any]]:
    """(how, new value) of every alteration of what is there, dropping apart."""
    make = _MAKERS.get(place.field.kind)
    if make is None:
        raise NoCaseError(f"no alteration for fields of the kind of {place.name} ({place.field.kind})")
    values = [other.value for other in taken if other.value is not None and other.value != place.value]
    if place.value is None:
        yield "added", rng.choice(values) if values else least(place.field)
        return
    yield from make(place.field, place.value, rng)
    if values:
        yield "another's", copy.deepcopy(rng.choice(values))


def _integers(field: Field, value: int, rng: random.Random) -> Iterator[tuple[str, Any]]:
    def fits(number: int) -> bool:
        return bool(field.low <= number <= field.high and not (field.of and number & field.of))

    flipped = [value ^ 1 << bit for bit in range(max(1, field.high.bit_length()))]
    fitting = [number for number in flipped if fits(number)]
    yield "flipped", rng.choice(fitting or flipped)
    for how, number in (("one less", value - 1), ("one more", value + 1)):
        if fits(number):
            yield how, number
    for end in (field.low, field.high):
        if fits(end) and abs(end - value) > 1:
            yield "lowest" if end == field.low else "highest", end


def _bytes(field: Field, value: bytes, rng: random.Random) -> Iterator[tuple[str, Any]]:
    at = rng.randrange(len(value))
    yield "flipped", value[:at] + bytes([value[at] ^ 1 << rng.randrange(8)]) + value[at + 1 :]
    if any(value):
        yield "zeroed", bytes(len(value))


def _texts(field: Field, value: str, rng: random.Random) -> Iterator[tuple[str, Any]]:
    at = rng.randrange(len(value))
    yield "flipped", value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]


def _lists(field: Field, value: list[Any], rng: random.Random) -> Iterator[tuple[str, Any]]:
    if not value:
        yield "item added", [least(field.of)]
        return
    at = rng.randrange(len(value))
    yield "item dropped", value[:at] + value[at + 1 :]
    yield "item repeated", [*value[:at], value[at], *value[at:]]
    others = [other for other in range(len(value)) if value[other] != value[at]]
    if others:
        swapped = list(value)
        to = rng.choice(others)
        swapped[at], swapped[to] = value[to], value[at]
        yield "items swapped", swapped
    if field.of.kind in _MAKERS and field.of.kind != schema._LIST:
        for how, item in _MAKERS[field.of.kind](field.of, value[at], rng):
            yield f"item {how}", [*value[:at], item, *value[at + 1 :]]


_MAKERS: dict[int, Callable[[Field, Any, random.Random], Iterator[tuple[str, Any]]]] = {
    schema._UINT: _integers,
    schema._BYTES: _bytes,
    schema._TEXT: _texts,
    schema._LIST: _lists,
}


def least(field: Field) -> Any:
    """The smallest value of a field, as it is on the wire."""
    if field.kind == schema._UINT:
        return field.low
    if field.kind == schema._BYTES:
        return bytes(field.low)
    if field.kind == schema._TEXT:
        return "a" * max(1, field.low)
    if field.kind == schema._LIST:
        return [least(field.of)] * field.low
    if field.kind in (schema._RECORD, schema._ROW):
        inner = {part.number: least(part) for part in field.of() if part.required}
        return inner if field.kind == schema._RECORD else list(inner.values())
    raise NoCaseError(f"no value for fields of kind {field.kind}")


def least_fields(definition: Definition) -> dict[str, Any]:
    """The smallest fields by name of a definition without rows, the optional ones among them."""
    return {field.name: least(field) for field in definition}
