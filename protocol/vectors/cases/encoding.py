"""SPEC.md section 2: deterministic CBOR."""

from collections.abc import Iterator

from sealwire import cbor
from vectors.case import Case, accept, reject


def _deep(levels: int) -> bytes:
    return b"\x81" * (levels - 1) + b"\x80"


def _array(items: list[bytes]) -> bytes:
    return cbor.head(4, len(items)) + b"".join(items)


def cases() -> Iterator[Case]:
    yield from _sizes()
    yield from _forms()
    yield from _maps()
    yield from _texts()
    yield from _encoder()


def _sizes() -> Iterator[Case]:
    blob = b"\x59\x1f\xfd" + bytes(8189)
    yield accept("too_large", "8,192 bytes are read", "decode", data=blob)
    yield reject("too_large", "8,193 bytes are not", "decode", data=b"\x59\x1f\xfe" + bytes(8190))
    yield accept("too_large-limit", "as many bytes as the caller allows", "decode", data=b"\x41\x00", limit=2)
    yield reject("too_large-limit", "one byte more than the caller allows", "decode", data=b"\x41\x00", limit=1)
    yield accept("truncated", "a byte string that is all there", "decode", data=b"\x42\x01\x02", ok=b"\x01\x02")
    yield reject("truncated", "nothing at all", "decode", data=b"")
    yield reject("truncated-head", "a head whose number is cut off", "decode", data=b"\x19\x01")
    yield reject("truncated-bytes", "a byte string of two bytes with one", "decode", data=b"\x42\x01")
    yield reject("truncated-text", "a text of two bytes with one", "decode", data=b"\x62a")
    yield reject("truncated-array", "an array of three items with two bytes", "decode", data=b"\x83\x01\x02")
    yield reject("truncated-map", "a map of one pair with its key only", "decode", data=b"\xa1\x01")
    yield reject("too_many_items-announced", "2^32-1 are announced", "decode", data=b"\x9a\xff\xff\xff\xff\x00")
    yield reject("too_many_items-map", "2^53-1 are announced", "decode", data=b"\xbb\x00\x1f" + b"\xff" * 6)
    yield reject("truncated-huge-bytes", "2^53-1 bytes are announced", "decode", data=b"\x5b\x00\x1f" + b"\xff" * 6)
    yield accept("trailing_bytes", "one item and nothing more", "decode", data=b"\x18\x18", ok=24)
    yield reject("trailing_bytes", "a second item", "decode", data=b"\x18\x18\x00")
    yield accept("too_deep", "six levels", "decode", data=_deep(6))
    yield reject("too_deep", "seven levels", "decode", data=_deep(7))
    yield reject("too_deep-maps", "seven levels of maps", "decode", data=b"\xa1\x00" * 6 + b"\xa0")
    yield accept("too_many_items", "1,152 items", "decode", data=_array([b"\x00"] * 1152))
    yield reject("too_many_items", "1,153 items", "decode", data=_array([b"\x00"] * 1153))
    yield accept("too_many_items-containers", "256 arrays and maps", "decode", data=_array([b"\x80"] * 255))
    yield reject("too_many_items-containers", "257 of them", "decode", data=_array([b"\x80", b"\xa0"] * 128))


def _forms() -> Iterator[Case]:
    for name, data in (
        ("1", b"\x18\x18"),
        ("2", b"\x19\x01\x00"),
        ("4", b"\x1a\x00\x01\x00\x00"),
        ("8", b"\x1b\x00\x00\x00\x01\x00\x00\x00\x00"),
        ("0", b"\x17"),
    ):
        yield accept(f"not_shortest-{name}", f"the least number in a head of {name} bytes", "decode", data=data)
    for name, data in (
        ("1", b"\x18\x17"),
        ("2", b"\x19\x00\xff"),
        ("4", b"\x1a\x00\x00\xff\xff"),
        ("8", b"\x1b\x00\x00\x00\x00\xff\xff\xff\xff"),
        ("bytes", b"\x58\x01\x00"),
        ("array", b"\x98\x01\x00"),
        ("map", b"\xb8\x01\x00\x00"),
        ("key", b"\xa1\x18\x01\x00"),
    ):
        yield reject(f"not_shortest-{name}", "a number that fits a shorter head", "decode", data=data)
    yield accept("indefinite_length", "an array with its length", "decode", data=b"\x81\x00")
    for name, data in (
        ("array", b"\x9f\x00\xff"),
        ("map", b"\xbf\x00\x00\xff"),
        ("bytes", b"\x5f\x41\x00\xff"),
        ("text", b"\x7f\x61a\xff"),
        ("break", b"\xff"),
    ):
        yield reject(f"indefinite_length-{name}", "a length left open", "decode", data=data)
    yield accept("unsupported_type", "integer, bytes, text, array, map", "decode", data=b"\x84\x00\x40\x60\xa0")
    for name, data in (
        ("negative", b"\x20"),
        ("tag", b"\xc1\x00"),
        ("false", b"\xf4"),
        ("null", b"\xf6"),
        ("simple", b"\xf8\x20"),
        ("half", b"\xf9\x3c\x00"),
        ("double", b"\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00"),
        ("bignum", b"\xc2\x41\x01"),
        ("reserved-28", b"\x1c"),
        ("reserved-30", b"\x5e"),
    ):
        yield reject(f"unsupported_type-{name}", f"not part of the profile: {name}", "decode", data=data)
    most = b"\x1b\x00\x1f" + b"\xff" * 6
    yield accept("integer_range", "2^53-1", "decode", data=most, ok=2**53 - 1)
    yield accept("integer_range-zero", "0", "decode", data=b"\x00", ok=0)
    yield reject("integer_range", "2^53", "decode", data=b"\x1b\x00\x20" + bytes(6))
    yield reject("integer_range-most", "2^64-1", "decode", data=b"\x1b" + b"\xff" * 8)


def _maps() -> Iterator[Case]:
    yield accept("keys_unsorted", "keys that rise", "decode", data=b"\xa2\x00\x01\x01\x00", ok={0: 1, 1: 0})
    yield reject("keys_unsorted", "keys that fall", "decode", data=b"\xa2\x01\x00\x00\x01")
    yield accept("duplicate_key", "the same key in two maps", "decode", data=b"\xa1\x01\xa1\x01\x00", ok={1: {1: 0}})
    yield reject("duplicate_key", "the same key twice", "decode", data=b"\xa2\x01\x00\x01\x00")
    yield reject("duplicate_key-zero", "key 0 twice", "decode", data=b"\xa2\x00\x00\x00\x01")
    yield accept("key_range", "keys 0 and 23", "decode", data=b"\xa2\x00\x00\x17\x00", ok={0: 0, 23: 0})
    yield reject("key_range", "key 24", "decode", data=b"\xa1\x18\x18\x00")
    yield reject("key_range-text", "a text as key", "decode", data=b"\xa1\x61a\x00")
    yield reject("key_range-negative", "a negative key", "decode", data=b"\xa1\x20\x00")
    yield reject("key_range-bytes", "an empty byte string as key", "decode", data=b"\xa1\x40\x00")


def _text(data: bytes) -> bytes:
    return bytes((0x60 | len(data),)) + data


def _texts() -> Iterator[Case]:
    for name, good in (
        ("ascii", b" ~"),
        ("two-bytes", b"\xc2\xa0\xdf\xbf"),
        ("three-bytes", b"\xe0\xa0\x80\xef\xbf\xbf"),
        ("before-surrogates", b"\xed\x9f\xbf\xee\x80\x80"),
        ("four-bytes", b"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
        ("around-overrides", "\u2029\u202f\u2065\u206a".encode()),
        ("chinese", "印章".encode()),
        ("empty", b""),
    ):
        yield accept(f"bad_text-{name}", f"text at the edge: {name}", "decode", data=_text(good), ok=good.decode())
    for name, bad in (
        ("nul", b"\x00"),
        ("newline", b"\x0a"),
        ("unit-separator", b"\x1f"),
        ("delete", b"\x7f"),
        ("c1", b"\xc2\x80"),
        ("c1-last", b"\xc2\x9f"),
        ("continuation", b"\x80"),
        ("overlong-two", b"\xc1\xbf"),
        ("overlong-two-space", b"\xc0\xa0"),
        ("overlong-three", b"\xe0\x9f\xbf"),
        ("overlong-four", b"\xf0\x8f\xbf\xbf"),
        ("surrogate-first", b"\xed\xa0\x80"),
        ("surrogate-last", b"\xed\xbf\xbf"),
        ("above-unicode", b"\xf4\x90\x80\x80"),
        ("five-bytes", b"\xf8\x88\x80\x80\x80"),
        ("cut-two", b"\xc3"),
        ("cut-three", b"\xe5\x8d"),
        ("cut-four", b"\xf0\x9f\x98"),
        ("no-continuation", b"\xc3a"),
        ("no-continuation-two", b"\xe5\x8d\xc0"),
        ("override-first", "\u202a".encode()),
        ("override-last", "\u202e".encode()),
        ("isolate-first", "\u2066".encode()),
        ("isolate-last", "\u2069".encode()),
    ):
        yield reject(f"bad_text-{name}", f"not text: {name}", "decode", data=_text(bad))


def _encoder() -> Iterator[Case]:
    values = {3: [0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32], 1: b"\0", 2: {0: "章"}, 23: []}
    yield accept("unencodable", "keys are sorted, heads are shortest", "encode", value=values)
    deep: object = 0
    for _ in range(6):
        deep = [deep]
    for name, good in (("integer", 2**53 - 1), ("key", {23: 0}), ("text", "~"), ("depth", deep)):
        yield accept(f"unencodable-{name}", f"at the limit: {name}", "encode", value=good)
    for name, bad in (
        ("integer", 2**53),
        ("negative", -1),
        ("bool", True),
        ("none", None),
        ("float", 1.5),
        ("text", "\n"),
        ("key", {24: 0}),
        ("depth", [deep]),
        ("depth-map", {0: deep}),
    ):
        yield reject(f"unencodable-{name}", f"the profile cannot carry it: {name}", "encode", value=bad)
