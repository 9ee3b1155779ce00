"""Messages encoded and decoded by sealwire, beside a walk that checks nothing. Arguments: files of CBOR, one each."""

import sys

import timing
from sealwire import cbor


def walk(data, at):
    """The value at `at` and where it ends: what any decoder must do, without a single check."""
    head = data[at]
    kind = head >> 5
    value = head & 31
    at += 1
    if value >= 24:
        size = 1 << (value - 24)
        value = int.from_bytes(data[at : at + size], "big")
        at += size
    if kind == 0:
        return value, at
    if kind == 1:
        return -1 - value, at
    if kind == 2:
        return bytes(data[at : at + value]), at + value
    if kind == 3:
        return str(data[at : at + value], "utf-8"), at + value
    if kind == 4:
        items = []
        for _ in range(value):
            item, at = walk(data, at)
            items.append(item)
        return items, at
    found = {}
    for _ in range(value):
        key, at = walk(data, at)
        found[key], at = walk(data, at)
    return found, at


def head(out, kind, value):
    if value < 24:
        out.append(kind << 5 | value)
        return
    size = 1
    code = 24
    while value >> 8 * size:
        size *= 2
        code += 1
    out.append(kind << 5 | code)
    out.extend(value.to_bytes(size, "big"))


def put(out, value):
    """Append a value, without a single check."""
    if isinstance(value, int):
        head(out, value < 0, value if value >= 0 else -1 - value)
    elif isinstance(value, bytes):
        head(out, 2, len(value))
        out.extend(value)
    elif isinstance(value, str):
        raw = value.encode()
        head(out, 3, len(raw))
        out.extend(raw)
    elif isinstance(value, list):
        head(out, 4, len(value))
        for item in value:
            put(out, item)
    else:
        head(out, 5, len(value))
        for key in sorted(value):
            put(out, key)
            put(out, value[key])


def bare(value):
    out = bytearray()
    put(out, value)
    return bytes(out)


works = []
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        raw = file.read()
    value = cbor.decode(raw)
    assert walk(raw, 0) == (value, len(raw)) and bare(value) == raw == cbor.encode(value)
    name = path.rsplit("/", 1)[-1]
    times = 8 if len(raw) > 1000 else 400  # a clock may tick by the millisecond
    works.append((name + "_walk", times, lambda raw=raw: walk(raw, 0)))
    works.append((name + "_decode", times, lambda raw=raw: cbor.decode(raw)))
    works.append((name + "_bare", times, lambda value=value: bare(value)))
    works.append((name + "_encode", times, lambda value=value: cbor.encode(value)))
timing.in_turn(9, works)
