"""The codec against itself, and against cbor2 of PyPI and cbor2 of npm; the latter takes deterministic CBOR only."""

import json
import subprocess
from pathlib import Path
from typing import Any

import cbor2
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sealwire import cbor, limits
from sealwire.errors import DecodeError

from tests import vms
from tests.protocol import corpus

_ORACLE = Path(__file__).parent / "oracle.mjs"
_TEXTS = st.text().filter(lambda text: cbor.valid_text(text.encode("utf-8", "surrogatepass")))
_LEAVES = st.integers(0, limits.INTEGER) | st.binary() | _TEXTS
VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.integers(0, limits.KEY), inner),
    max_leaves=30,
).filter(lambda value: _depth(value) <= limits.DEPTH)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


@given(VALUES)
def test_value_comes_back(value):
    assert cbor.decode(cbor.encode(value)) == value


@given(VALUES)
def test_encoding_is_the_canonical_one_of_pypi(value):
    assert cbor.encode(value) == cbor2.dumps(value, canonical=True)


@given(st.binary(max_size=60))
@settings(max_examples=500)
def test_any_bytes_encode_to_themselves_or_are_refused(data):
    try:
        value = cbor.decode(data)
    except DecodeError:
        return
    assert cbor.encode(value) == data
    assert cbor2.loads(data) == value


@given(st.binary(max_size=12))
@example(b"\xed\xa0\x80")
@example(b"\xf4\x90\x80\x80")
@settings(max_examples=1000)
def test_text_is_what_python_decodes_without_control_and_override_characters(data):
    try:
        text = data.decode()
    except UnicodeDecodeError:
        assert not cbor.valid_text(data)
        return
    assert cbor.valid_text(data) == (not any(_forbidden(ord(letter)) for letter in text))


def test_every_character_is_text_unless_it_is_forbidden():
    for point in range(0x110000):
        data = chr(point).encode("utf-8", "surrogatepass")
        assert cbor.valid_text(data) == (not _forbidden(point) and not 0xD800 <= point <= 0xDFFF)


def _forbidden(point: int) -> bool:
    return point < 0x20 or 0x7F <= point < 0xA0 or 0x202A <= point <= 0x202E or 0x2066 <= point <= 0x2069


def _profile(value: Any) -> bool:
    """Whether what npm's decoder made of bytes lies in our profile, which is narrower than deterministic CBOR."""
    kind, inside = value
    if kind == "uint":
        return bool(int(inside) <= limits.INTEGER)
    if kind == "text":
        return cbor.valid_text(inside.encode("utf-8", "surrogatepass"))
    if kind == "array":
        return all(map(_profile, inside))
    if kind == "map":
        keys = [key for key, _ in inside]
        ours = all(key[0] == "uint" and int(key[1]) <= limits.KEY for key in keys)
        return ours and all(_profile(item) for _, item in inside)
    return bool(kind == "bytes")


def _levels(value: Any) -> int:
    kind, inside = value
    if kind not in ("array", "map"):
        return 0
    return 1 + max((_levels(item[1] if kind == "map" else item) for item in inside), default=0)


def _takes(data: bytes) -> bool:
    try:
        cbor.decode(data)
    except DecodeError:
        return False
    return True


def test_codec_and_npm_agree_on_damaged_payloads():
    """Whatever npm's deterministic decoder takes and the profile has, we take, and nothing else."""
    given = corpus.payloads(1500)
    done = subprocess.run(
        [str(vms._NODE), str(_ORACLE)],
        input=json.dumps([data.hex() for data in given]),
        capture_output=True,
        text=True,
        cwd=vms.ROOT,
        timeout=60,
        check=True,
    )
    theirs = json.loads(done.stdout)
    taken = 0
    for data, decoded in zip(given, theirs, strict=True):
        wanted = decoded is not None and _profile(decoded) and _levels(decoded) <= limits.DEPTH
        assert _takes(data) == wanted, data.hex()
        taken += wanted
    assert 100 < taken < len(given) - 100
