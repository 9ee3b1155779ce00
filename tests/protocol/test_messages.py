"""Messages, unsigned items and log entries by their definitions: there and back, and nothing out of range."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sealwire import cbor, chain, cose, limits, messages, schema
from sealwire.errors import DecodeError
from vectors import world

from tests.protocol import schema_values

MESSAGES = sorted(messages.names())
ITEMS = [messages.ENTRIES, messages.ASK, messages.PROVISION, messages.HELLO]
KINDS = sorted(chain.names())
FEW = settings(max_examples=25)


def _build(number, fields):
    return messages.build(number, fields, world.SITE, world.HOST.public, lambda data: bytes(64))


@pytest.mark.parametrize("number", MESSAGES)
@given(data=st.data())
@FEW
def test_message_reads_as_it_was_built(number, data):
    fields = data.draw(schema_values.records(messages.fields_of(number)))
    raw = _build(number, fields)
    message = messages.read(raw, world.SITE)
    assert (message.number, message.fields, message.kid) == (number, fields, world.HOST.kid)
    assert _build(number, message.fields) == raw
    assert messages.read_payload(number, message.payload) == fields


@pytest.mark.parametrize("number", ITEMS)
@given(data=st.data())
@FEW
def test_item_reads_as_it_was_built(number, data):
    fields = data.draw(schema_values.records(messages.item_fields(number)))
    raw = messages.build_item(number, fields)
    assert messages.is_item(raw)
    assert messages.read_item(raw) == (number, fields)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), time=st.integers(0, 2**32 - 1))
@FEW
def test_entry_reads_as_it_was_built(kind, data, time):
    fields = data.draw(schema_values.records(chain.fields_of(kind)))
    entry = chain.read_entry(chain.build_entry(kind, time, fields))
    assert (entry.kind, entry.time, entry.fields) == (kind, time, fields)


def _refused(definition, build, data):
    """Each value outside is refused when building, and when reading what a careless builder made of it."""
    fields = data.draw(schema_values.records(definition))
    for field in definition:
        if field.name not in fields:
            continue
        for bad in schema_values.outside(field, fields[field.name]):
            with pytest.raises(DecodeError):
                build(fields | {field.name: bad})
    for field in definition:
        if field.required:
            with pytest.raises(DecodeError):
                build({name: fields[name] for name in fields if name != field.name})
    with pytest.raises(DecodeError):
        build(fields | {"no such field": 0})


@pytest.mark.parametrize("number", MESSAGES)
@given(data=st.data())
@settings(max_examples=5)
def test_message_field_outside_its_range_is_not_built(number, data):
    _refused(messages.fields_of(number), lambda fields: _build(number, fields), data)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=5)
def test_entry_field_outside_its_range_is_not_built(kind, data):
    _refused(chain.fields_of(kind), lambda fields: chain.build_entry(kind, 0, fields), data)


def _careless(field, value):
    """A value on the wire without any check."""
    if field.kind == schema._LIST and isinstance(value, list):
        return [_careless(field.of, item) for item in value]
    if field.kind in (schema._RECORD, schema._ROW) and isinstance(value, dict):
        plain = {part.number: _careless(part, value[part.name]) for part in field.of() if part.name in value}
        return plain if field.kind == schema._RECORD else [plain[part.number] for part in field.of()]
    return value


@pytest.mark.parametrize("number", MESSAGES)
@given(data=st.data())
@settings(max_examples=5)
def test_message_field_outside_its_range_is_not_read(number, data):
    definition = messages.fields_of(number)
    fields = data.draw(schema_values.records(definition))
    plain = {field.number: _careless(field, fields[field.name]) for field in definition if field.name in fields}
    assert messages.read_payload(number, cbor.encode(plain)) == fields
    for field in definition:
        for bad in schema_values.outside(field, fields[field.name]) if field.name in fields else ():
            with pytest.raises(DecodeError):
                messages.read_payload(number, cbor.encode(plain | {field.number: _careless(field, bad)}))


@pytest.mark.parametrize("number", MESSAGES)
def test_each_field_of_a_message_has_a_number_and_name_of_its_own(number):
    definition = messages.fields_of(number)
    assert len({field.number for field in definition}) == len({field.name for field in definition}) == len(definition)
    assert all(1 <= field.number <= limits.KEY for field in definition)


@pytest.mark.parametrize("kind", KINDS)
def test_largest_entry_of_each_kind_fits(kind):
    definition = chain.fields_of(kind)
    assert {0, 1}.isdisjoint(field.number for field in definition)
    raw = chain.build_entry(kind, 2**32 - 1, {field.name: schema_values.largest(field) for field in definition})
    assert len(raw) <= limits.ENTRY
    chain.read_entry(raw)


@pytest.mark.parametrize("number", messages.PERSONAL)
def test_largest_message_of_a_person_fits(number):
    fields = {field.name: schema_values.largest(field) for field in messages.fields_of(number)}
    assert len(_build(number, fields)) <= limits.PERSONAL_MESSAGE


def test_largest_grant_fits():
    fields = {field.name: schema_values.largest(field) for field in messages.fields_of(messages.GRANT)}
    assert len(fields["decisions"]) == limits.GRANT_DECISIONS
    assert len(fields["substitutes"]) == limits.GRANT_SUBSTITUTES
    assert len(fields["ready"]) == limits.PERSONAL_MESSAGE
    assert len(_build(messages.GRANT, fields)) <= limits.MESSAGE


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(data):
    with pytest.raises(DecodeError):
        messages.read(data, world.SITE)


@given(number=st.sampled_from(MESSAGES), at=st.integers(0, 10**6), bit=st.integers(0, 7))
@settings(max_examples=300)
def test_message_with_one_bit_changed_reads_as_itself_or_is_refused(number, at, bit):
    fields = {field.name: schema_values.largest(field) for field in messages.fields_of(number)}
    if number in (messages.ROSTER, messages.MATTERS):
        fields = world.roster() if number == messages.ROSTER else fields | {"items": fields["items"][:3]}
    good = _build(number, fields)
    changed = bytearray(good)
    changed[at % len(good)] ^= 1 << bit
    try:
        message = messages.read(bytes(changed), world.SITE)
    except DecodeError:
        return
    header = cose.protected_header(message.number, message.kid)
    head = cbor.head(2, len(message.payload))
    again = messages.payload(message.number, message.fields)
    assert b"\xd2\x84\x58\x19" + header + b"\xa0" + head + again + b"\x58\x40" + message.signature == bytes(changed)


@given(st.binary(max_size=100))
def test_any_bytes_are_an_item_that_builds_the_same_bytes_or_refused(data):
    try:
        number, fields = messages.read_item(data)
    except DecodeError:
        return
    assert messages.build_item(number, fields) == data


def _nested(inner):
    return st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 8), inner, max_size=5)


def _entry_again(entry):
    return chain.build_entry(entry.kind, entry.time, entry.fields)


def _item_again(item):
    return messages.build_item(*item)


_LEAVES = st.integers(0, 40) | st.binary(max_size=40) | st.text(max_size=9)


@given(st.recursive(_LEAVES, _nested, max_leaves=9))
def test_any_value_is_an_entry_or_item_that_builds_the_same_bytes_or_refused(value):
    try:
        data = cbor.encode(value)
    except ValueError:
        return
    for read, build in (
        (chain.read_entry, _entry_again),
        (messages.read_item, _item_again),
    ):
        try:
            found = read(data)
        except DecodeError:
            continue
        assert build(found) == data
