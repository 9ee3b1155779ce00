"""The tables of SPEC.md say what the code says: every field, limit, reason, topic and state, in both directions.

A table that is compared stands under a marker, ``<!-- table: name -->``. What a table says in words is only required to
be there.
"""

import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest
from sealhost.core import lifecycle
from sealwire import chain, cose, errors, limits, messages, schema, topics

from tests.vms import ROOT

SPEC = ROOT / "protocol" / "SPEC.md"
STATES = ROOT / "firmware" / "sealbox" / "states.py"
MARKER = re.compile(r"<!-- table: (.+) -->")

UINT, BYTES, TEXT, LIST, RECORD, ROW = range(6)
TIME_MAX = (1 << 32) - 1
POWERS = {limits.INTEGER: "2^53-1", (1 << 31) - 1: "2^31-1", TIME_MAX: "2^32-1"}

Row = tuple[str, ...]
Fields = tuple[schema.Field, ...]


# --- reading the tables ---


def cells(line: str) -> Row:
    """The cells of a table's line, without the marks of code."""
    return tuple(cell.strip().replace("`", "") for cell in line.strip().strip("|").split("|"))


@cache
def tables() -> dict[str, list[Row]]:
    """All marked tables by name: their rows, without the heading."""
    found: dict[str, list[Row]] = {}
    lines = iter(SPEC.read_text(encoding="utf-8").splitlines())
    for line in lines:
        marker = MARKER.fullmatch(line)
        if marker is None:
            continue
        name = marker[1]
        assert name not in found, f"two tables {name}"
        assert next(lines) == "", f"a blank line belongs between the marker of {name} and its table"
        heading, rule = next(lines), next(lines)
        assert heading.startswith("|"), f"no table under the marker {name}"
        assert set(rule) <= set("|-: "), f"no table under the marker {name}"
        found[name] = []
        for line in lines:
            if not line.startswith("|"):
                break
            found[name].append(cells(line))
            assert len(found[name][-1]) == len(cells(heading)), f"{name}: {line}"
    return found


def table(name: str) -> list[Row]:
    """A table that must be there, with no empty cell."""
    assert name in tables(), f"SPEC.md has no table {name}"
    rows = tables()[name]
    assert rows
    assert all(all(row) for row in rows), f"{name} has an empty cell"
    return rows


def numbers(name: str) -> list[tuple[int, str]]:
    """The first two columns: number and name."""
    return [(int(row[0]), row[1]) for row in table(name)]


# --- how a field is written ---


def number_text(value: int) -> str:
    """A number as the tables write it."""
    return POWERS.get(value, str(value))


def range_text(low: int, high: int) -> str:
    """A range as the tables write it."""
    return number_text(low) if low == high else f"{number_text(low)}..{number_text(high)}"


def shape(field: schema.Field) -> tuple[str, str]:
    """(type, range) of a field as the tables write them."""
    kind, extent = _shape(field)
    return (kind if field.required else kind + ", optional"), extent


def _shape(field: schema.Field) -> tuple[str, str]:
    extent = range_text(field.low, field.high)
    if field.kind == UINT:
        if field.of:
            return "set", f"1..{(field.high + 2).bit_length() - 2}"
        return ("time", "any") if (field.low, field.high) == (0, TIME_MAX) else ("uint", extent)
    if field.kind == LIST:
        inner = field.of
        if inner.kind in (RECORD, ROW):
            return ("array of maps" if inner.kind == RECORD else "array of rows"), extent
        return f"array of {' '.join(shape(inner))}", extent
    return {BYTES: "bytes", TEXT: "text"}[field.kind], extent


def field_rows(fields: Fields) -> list[Row]:
    """Key, name, type and range of each field."""
    return [(str(field.number), field.name, *shape(field)) for field in fields]


def definitions() -> Iterator[tuple[str, Fields]]:
    """Every table of fields that there must be: its name, and the definition in the code."""
    for number, name in messages.names().items():
        yield from _with_inner(f"message {name}", messages.fields_of(number))
    for name, number in item_numbers().items():
        yield from _with_inner(f"item {name}", messages.item_fields(number))
    for kind, name in chain.names().items():
        yield from _with_inner(f"entry {name}", chain.fields_of(kind))


def _with_inner(name: str, fields: Fields) -> Iterator[tuple[str, Fields]]:
    yield name, fields
    for field in fields:
        if field.kind == LIST and field.of.kind in (RECORD, ROW):
            yield from _with_inner(f"{name}.{field.name}", field.of.of())


def item_numbers() -> dict[str, int]:
    """The unsigned items: every number that has a definition."""
    named = {"entries": messages.ENTRIES, "ask": messages.ASK, "provision": messages.PROVISION, "hello": messages.HELLO}
    for number in range(24):
        if number not in named.values():
            with pytest.raises(errors.DecodeError):
                messages.item_fields(number)
    return named


# --- fields ---


@pytest.mark.parametrize(("name", "fields"), [pytest.param(*pair, id=pair[0]) for pair in definitions()])
def test_fields_are_those_of_the_code(name: str, fields: Fields):
    assert [row[:4] for row in table(name)] == field_rows(fields)


def test_a_changed_field_would_be_seen():
    """The comparison tells apart what must be told apart: number, name, type, length, range, presence and order."""
    rows = field_rows(messages.fields_of(messages.FINISH))
    changed: list[Fields] = [
        (schema.reference(1, "request"), schema.uint(2, "reason", 0, 255), schema.data(3, "reason_digest", 32)),
        (schema.reference(1, "request"), schema.uint(2, "reason", 0, 254), rows_of_finish()[2]),
        (schema.reference(1, "request"), schema.uint(4, "reason", 0, 255), rows_of_finish()[2]),
        (schema.reference(1, "request"), schema.text(2, "reason", 255, 0), rows_of_finish()[2]),
        (schema.data(1, "request", 31), schema.uint(2, "reason", 0, 255), rows_of_finish()[2]),
        (schema.reference(1, "about"), schema.uint(2, "reason", 0, 255), rows_of_finish()[2]),
        rows_of_finish()[:2],
        rows_of_finish()[::-1],
    ]
    for fields in changed:
        assert field_rows(fields) != rows


def rows_of_finish() -> Fields:
    """The definition of `finish`, made anew."""
    return messages.fields_of(messages.FINISH)


# --- numbers and names ---


def test_message_types_are_those_of_the_code():
    rows = table("message types")
    found = [(int(row[0]), row[1], int(row[2]), int(row[4])) for row in rows]
    assert found == [
        (
            number,
            name,
            cose.CONTENT_TYPE + number,
            limits.PERSONAL_MESSAGE if number in messages.PERSONAL else limits.MESSAGE,
        )
        for number, name in messages.names().items()
    ]


def test_unsigned_items_are_those_of_the_code():
    assert numbers("items") == sorted((number, name) for name, number in item_numbers().items())


def test_entry_kinds_are_those_of_the_code():
    assert numbers("entry kinds") == list(chain.names().items())


def constants(module: ModuleType, *names: str) -> list[tuple[int, str]]:
    """Some constants of a module as (value, name as in the tables)."""
    return [(getattr(module, name), name.lower()) for name in names]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("roles", constants(messages, "KEEPER", "OFFICER", "AUDITOR", "SECRETARY", "DIRECTOR")),
        ("key kinds", constants(messages, "ED25519", "PASSKEY")),
        ("verdicts", constants(messages, "APPROVE", "DENY", "WITHDRAW")),
        ("resets", constants(messages, "CLEARS_TAMPER", "CLEARS_CLOCK")),
        ("causes", list(chain.CAUSES.items())),
        ("power", constants(chain, "BATTERY_LOW", "MAINS_LOST", "MAINS_BACK")),
    ],
)
def test_values_are_those_of_the_code(name: str, values: list[tuple[int, str]]):
    assert numbers(name) == values


def test_limits_are_those_of_the_code():
    found = {row[0]: row[1].replace(",", "") for row in table("limits")}
    named = {name: getattr(limits, name) for name in dir(limits) if name.isupper()}
    assert found == {name: number_text(value) for name, value in named.items()}


# --- reasons ---


def reason_sections() -> dict[int, str]:
    """The section that errors.py names above each reason."""
    sections: dict[int, str] = {}
    section = "-"
    for line in Path(errors.__file__).read_text(encoding="utf-8").splitlines():
        heading = re.match(r"# .*\((?:SPEC\.md )?section (\d+)\)$", line)
        constant = re.match(r"[A-Z][A-Z0-9_]* = (\d+)$", line)
        if heading:
            section = heading[1]
        elif constant:
            sections[int(constant[1])] = section
    return sections


def test_reasons_are_those_of_the_code():
    found = [(int(row[0]), row[1], row[2]) for row in table("reasons")]
    sections = reason_sections()
    assert found == [(number, name, sections[number]) for number, name in errors.names().items()]


def test_sections_that_reasons_name_are_there():
    text = SPEC.read_text(encoding="utf-8")
    for section in set(reason_sections().values()) - {"-"}:
        assert re.search(rf"^## {section}\. ", text, re.MULTILINE), f"no section {section}"


# --- topics ---

SITE, BOX, SENDER, REFERENCE = bytes([1]) * 16, bytes([2]) * 16, bytes([3]) * 16, bytes([4]) * 32
BUILT: dict[str, str | tuple[str, ...]] = {
    "box_in": topics.box_in(SITE, BOX, SENDER),
    "box_out": topics.box_out(SITE, BOX),
    "box_status": topics.box_status(SITE, BOX),
    "host_in": topics.host_in(SITE, SENDER),
    "inbox": topics.inbox(SITE, SENDER),
    "inbox_waiting": topics.inbox_waiting(SITE, SENDER, REFERENCE),
    "box_in_filter": topics.box_in_filter(SITE, BOX),
    "host_filters": topics.host_filters(SITE),
    "inbox_filters": topics.inbox_filters(SITE, SENDER),
    "boxes_filters": topics.boxes_filters(SITE),
}


def topic_text(topic: str) -> str:
    """A topic as the table writes it."""
    for part, name in ((REFERENCE, "ref"), (SITE, "site"), (BOX, "box"), (SENDER, "kid")):
        topic = topic.replace(part.hex(), "{" + name + "}")
    return topic


def test_every_function_that_makes_topics_is_compared():
    functions = {name for name, value in vars(topics).items() if callable(value) and not name.startswith("_")}
    assert functions - {"hexed", "hexlify", "unhexlify", "parse"} == set(BUILT)


def test_topics_are_those_of_the_code():
    rows = table("topics")
    for kind, topic in [(row[0], row[1]) for row in rows]:
        built = BUILT[kind]
        assert isinstance(built, str)
        assert topic == topic_text(built)
        parsed = topics.parse(built)
        assert parsed is not None
        assert parsed[0] == kind
    assert [row[0] for row in rows] == [name for name in BUILT if "filter" not in name]


def test_topic_filters_are_those_of_the_code():
    found: dict[str, set[str]] = {}
    for row in table("topic filters"):
        found.setdefault(row[0], set()).add(row[1])
    wanted = {
        name: {built} if isinstance(built, str) else set(built) for name, built in BUILT.items() if "filt" in name
    }
    assert found == {name: {topic_text(topic) for topic in built} for name, built in wanted.items()}


# --- the bay's states ---


@cache
def bay() -> ModuleType:
    """states.py as CPython sees it: all that it takes from MicroPython is `const`."""
    stub: Any = ModuleType("micropython")
    stub.const = lambda value: value
    module = ModuleType("states")
    with patch.dict(sys.modules, {"micropython": stub}):
        exec(compile(STATES.read_text(encoding="utf-8"), str(STATES), "exec"), vars(module))  # noqa: S102 - our own
    return module


def bay_names() -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """(states, events, actions) by lower-case name, in the order of their definition."""
    found: tuple[dict[str, int], dict[str, int], dict[str, int]] = ({}, {}, {})
    part = 0
    for name, value in vars(bay()).items():
        if name == "GRANTED":
            part = 1
        if name == "EVENTS":
            part = 2
        elif name.isupper() and isinstance(value, int):
            found[part][name.lower()] = value
    return found


def test_names_of_the_bay_are_those_of_the_code():
    states, events, actions = bay_names()
    assert [row[0] for row in table("bay states")] == list(states) == list(bay().NAMES)
    assert [row[0] for row in table("bay events")] == list(events)
    assert sorted(events.values()) == list(range(bay().EVENTS))
    assert [row[0] for row in table("bay actions")] == list(actions)


def test_states_of_the_bay_are_those_of_the_code():
    states, events, actions = bay_names()
    known: dict[tuple[str, str], tuple[int, tuple[int, ...]]] = {}
    for state, event, after, does in table("bay"):
        assert (state, event) not in known
        known[state, event] = states[after], tuple(actions[name] for name in does.split(", "))
    for state, ignored in table("bay ignores"):
        for event in ignored.split(", "):
            assert (state, event) not in known
            known[state, event] = states[state], ()
    otherwise = (states["jammed"], (actions["release"],))
    for state in states:
        for event in events:
            says = known.pop((state, event), otherwise)
            assert says == bay().step(states[state], events[event]), f"{event} in state {state}"
    assert known == {}


# --- the host's states ---


def test_states_of_a_request_are_those_of_the_code():
    assert [row[0] for row in table("request states")] == [str(state) for state in lifecycle.State]
    assert [row[0] for row in table("request events")] == [str(event) for event in lifecycle.Event]


def test_life_of_a_request_is_that_of_the_code():
    states = list(lifecycle.State)
    found = {row[0]: row[1:] for row in table("request")}
    wanted = {
        str(event): tuple(
            str(lifecycle.TRANSITIONS[state][event]) if event in lifecycle.TRANSITIONS[state] else "-"
            for state in states
        )
        for event in lifecycle.Event
    }
    assert found == wanted


# --- nothing is left over ---

OTHERS = {
    *("message types", "items", "entry kinds", "roles", "key kinds", "verdicts", "resets", "causes", "power"),
    *("limits", "reasons", "topics", "topic filters", "bay states", "bay events", "bay actions", "bay", "bay ignores"),
    *("request states", "request events", "request"),
}


def test_every_marked_table_is_compared():
    assert set(tables()) == OTHERS | {name for name, _ in definitions()}
