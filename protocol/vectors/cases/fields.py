"""SPEC.md sections 4 and 8: fields of messages, unsigned items, log entries, and what reading and building refuse."""

from collections.abc import Iterator
from typing import Any

from sealwire import cbor, chain, messages
from vectors.case import Case, accept, reject
from vectors.cases.envelope import sealed
from vectors.world import AUTHORITY, BOX, HOST, KEEPER_KEY, NONCE, NOW, SITE, digest, roster_bytes, signed

_R = digest("some request")


def cases() -> Iterator[Case]:
    yield from _maps()
    yield from _kinds()
    yield from _ranges()
    yield from _items()
    yield from _entries()
    yield from _building()
    yield from _every_type()


def _read(name: str, about: str, number: int, value: Any) -> Case:
    data = sealed(number, messages.names()[number], cbor.encode(value))
    make = accept if name.startswith("+") else reject
    return make(name.lstrip("+"), about, "read", data=data, site=SITE)


_FINISH = {1: _R, 2: 0}
_CHALLENGE = {1: 1, 2: 1, 3: NONCE, 4: 1, 5: _R, 6: 0}
_MATTER = {1: 1, 2: "居住证明", 3: "居民委员会"}
_MATTERS = {1: 1, 2: NOW, 3: 1, 4: 1, 5: [_MATTER]}


def _maps() -> Iterator[Case]:
    yield _read("+not_a_map", "a map", messages.FINISH, _FINISH)
    yield _read("not_a_map", "an array of the same values", messages.FINISH, [_R, 0])
    yield _read("not_a_map-integer", "an integer", messages.FINISH, 0)
    yield _read("+missing_field", "an optional field may be missing", messages.FINISH, _FINISH)
    yield _read("missing_field", "a required one may not", messages.FINISH, {1: _R})
    yield _read("missing_field-record", "a matter without seal", messages.MATTERS, _MATTERS | {5: [{1: 1, 2: "a"}]})
    yield _read("+unknown_field", "the last field there is", messages.FINISH, _FINISH | {3: _R})
    yield _read("unknown_field", "a field too many", messages.FINISH, _FINISH | {4: 0})
    yield _read("unknown_field-zero", "field 0 is the items' own", messages.FINISH, _FINISH | {0: 0})
    more = _MATTERS | {5: [_MATTER | {8: 1}]}
    yield _read("unknown_field-record", "a matter with a field too many", messages.MATTERS, more)
    for rule, group in (("+missing_field", [2, 1]), ("missing_field", [2]), ("unknown_field", [2, 1, 1])):
        plain = cbor.decode(roster_bytes())
        plain[8][0][3] = [group]
        yield _read(f"{rule}-row", f"a group as an array of {len(group)}", messages.ROSTER, plain)


def _kinds() -> Iterator[Case]:
    yield _read("+wrong_field_type", "integer and bytes in their places", messages.FINISH, _FINISH)
    yield _read("wrong_field_type-integer", "bytes for an integer", messages.FINISH, {1: _R, 2: b"\0"})
    yield _read("wrong_field_type-bytes", "text for bytes", messages.FINISH, {1: "a" * 32, 2: 0})
    yield _read("wrong_field_type-text", "bytes for text", messages.MATTERS, _MATTERS | {5: [_MATTER | {2: b"a"}]})
    yield _read("wrong_field_type-list", "a map for an array", messages.MATTERS, _MATTERS | {5: {0: _MATTER}})
    yield _read("wrong_field_type-record", "an array for a map", messages.MATTERS, _MATTERS | {5: [[1, "a", "b"]]})
    plain = cbor.decode(roster_bytes())
    plain[8][0] = dict(enumerate(plain[8][0], 1))
    yield _read("wrong_field_type-row", "a map for an array", messages.ROSTER, plain)


def _ranges() -> Iterator[Case]:
    for low_high, reason in (("+length_range", 32), ("length_range", 31), ("length_range", 33)):
        yield _read(f"{low_high}-bytes-{reason}", f"{reason} of 32 bytes", messages.FINISH, {1: bytes(reason), 2: 0})
    for name, size in (("+length_range", 1), ("+length_range", 240), ("length_range", 0), ("length_range", 241)):
        value = _MATTERS | {5: [_MATTER | {2: "a" * size}]}
        yield _read(f"{name}-text-{size}", f"a text of {size} bytes, 1 to 240 allowed", messages.MATTERS, value)
    value = _MATTERS | {5: [_MATTER | {3: "章" * 8}]}
    yield _read("+length_range-chinese", "8 characters of 3 bytes, 24 bytes allowed", messages.MATTERS, value)
    value = _MATTERS | {5: [_MATTER | {3: "章" * 8 + "a"}]}
    yield _read("length_range-chinese", "9 characters of 25 bytes", messages.MATTERS, value)
    for name, size in (("+length_range", 0), ("+length_range", 8), ("length_range", 9)):
        value = {1: _R, 2: 0, 3: [_R] * size}
        yield _read(f"{name}-list-{size}", f"{size} of at most 8 photographs", messages.REPORT, value)
    yield _read("length_range-list-empty", "a matter list without matters", messages.MATTERS, _MATTERS | {5: []})
    yield _read("length_range-item", "a photograph of 31 bytes", messages.REPORT, {1: _R, 2: 0, 3: [_R, bytes(31)]})
    for name, bay in (("+value_range", 1), ("+value_range", 4), ("value_range", 0), ("value_range", 5)):
        yield _read(f"{name}-{bay}", f"bay {bay} of 1 to 4", messages.CHALLENGE, _CHALLENGE | {1: bay})
    for name, size in (("+length_range", 1), ("+length_range", 3), ("length_range", 0), ("length_range", 4)):
        value = {1: BOX.kid, 2: NOW, 3: [b"\x30"] * size}
        yield _read(f"{name}-ca-{size}", f"{size} of 1 to 3 CA certificates", messages.CREDENTIALS, value)
    for name, size in (("+length_range", 1024), ("length_range", 1025)):
        value = {1: BOX.kid, 2: NOW, 3: [b"\x30"], 4: bytes(size)}
        yield _read(f"{name}-certificate-{size}", f"{size} of 1,024 bytes", messages.CREDENTIALS, value)
    for name, mask in (("+value_range", 2), ("+value_range", 65534), ("value_range", 65536), ("value_range", 3)):
        plain = cbor.decode(roster_bytes())
        plain[5][0][2] = mask
        yield _read(f"{name}-set-{mask}", "a set of roles 1 to 15; there is no role 0", messages.ROSTER, plain)
    for name, when in (("+value_range", 2**32 - 1), ("value_range", 2**32)):
        value = {1: BOX.kid, 2: NONCE, 3: when}
        yield _read(f"{name}-time-{when}", "seconds of UTC below 2^32", messages.TIME, value)


def _items() -> Iterator[Case]:
    yield accept("unknown_type-item", "asking for a challenge", "item", data=cbor.encode({0: 2, 1: 1}))
    for name, value in (("five", {0: 5}), ("none", {1: 1}), ("bytes", {0: b"", 1: 1}), ("array", {0: [], 1: 1})):
        yield reject(f"unknown_type-item-{name}", "no such item", "item", data=cbor.encode(value))
    yield reject("not_a_map-item", "an array", "item", data=cbor.encode([2, 1]))
    yield reject("missing_field-item", "asking without a bay", "item", data=cbor.encode({0: 2}))
    whole: dict[int, dict[str, Any]] = {
        messages.ENTRIES: {"first": 1, "entries": [b"\xa0", bytes(512)]},
        messages.ASK: {"bay": 4},
        messages.PROVISION: {
            "site": SITE,
            "authority": [key.public for key in AUTHORITY],
            "threshold": 2,
            "broker": "broker.example",
            "port": 8883,
        },
        messages.HELLO: {},
    }
    tls = {"ca": [bytes(1024)] * 3, "certificate": bytes(1024), "tls_key": bytes(256), "issued": NOW}
    fields = whole[messages.PROVISION] | tls
    data = messages.build_item(messages.PROVISION, fields)
    ok = {"item": messages.PROVISION, "fields": fields}
    yield accept(f"item-{messages.PROVISION}-tls", "all that TLS needs", "item", data=data, ok=ok)
    fields = {name: value for name, value in whole[messages.PROVISION].items() if name not in ("broker", "port")}
    data = messages.build_item(messages.PROVISION, fields)
    ok = {"item": messages.PROVISION, "fields": fields}
    yield accept(f"item-{messages.PROVISION}-serial", "a box without a broker", "item", data=data, ok=ok)
    for number, fields in whole.items():
        data = messages.build_item(number, fields)
        yield accept(f"item-{number}", "a whole item", "item", data=data, ok={"item": number, "fields": fields})


def _entry(**changes: Any) -> bytes:
    return chain.build_entry(chain.PRESS, NOW, {"bay": 1, "request": _R, "count": 1} | changes)


def _entries() -> Iterator[Case]:
    yield accept("unknown_entry", "a press", "entry", data=_entry())
    for name, value in (("99", {0: 99, 1: NOW}), ("none", {1: NOW}), ("bytes", {0: b"", 1: 0}), ("map", {0: {}, 1: 0})):
        yield reject(f"unknown_entry-{name}", "no such kind", "entry", data=cbor.encode(value))
    yield reject("not_a_map-entry", "an array", "entry", data=cbor.encode([chain.TAMPER, NOW]))
    link = {"issued": NOW, "message": _R}
    data = chain.build_entry(chain.LINK, NOW, link)
    yield accept("entry-link", "the last kind, 21", "entry", data=data)
    yield reject("unknown_entry-22", "one more", "entry", data=cbor.encode({0: 22, 1: NOW, 3: NOW, 7: _R}))
    yield reject("missing_field-time", "an entry without its time", "entry", data=cbor.encode({0: chain.TAMPER, 2: 1}))
    late = {0: chain.TAMPER, 1: 2**32, 2: 1}
    yield reject("value_range-entry-time", "a time of 2^32", "entry", data=cbor.encode(late))
    yield reject("wrong_field_type-time", "a time of bytes", "entry", data=cbor.encode(late | {1: b""}))
    yield reject("too_large-entry", "513 bytes", "entry", data=_entry() + bytes(513 - len(_entry())))
    full = _entry() + bytes(512 - len(_entry()))
    yield reject("trailing_bytes-entry", "512 bytes are read as an entry", "entry", data=full)
    yield accept("heads", "the heads before, between and after two entries", "heads", site=SITE, entries=[_entry()] * 2)


def _building() -> Iterator[Case]:
    given = {"type": messages.FINISH, "site": SITE, "public": KEEPER_KEY.public, "signature": bytes(64)}
    fields = {"request": _R, "reason": 0}
    yield accept("missing_field-build", "all required fields", "build", fields=fields, **given)
    yield reject("missing_field-build", "a field is missing", "build", fields={"request": _R}, **given)
    yield reject("unknown_field-build", "a name that is no field", "build", fields=fields | {"note": 1}, **given)
    for size in (63, 65):
        bad = given | {"signature": bytes(size)}
        yield reject(f"unencodable-signature-{size}", "a signer gave another length", "build", fields=fields, **bad)
    given |= {"type": messages.MATTERS}
    matter = {"code": 1, "wording": "a" * 240, "seal": "b", "attachments": "c" * 240}
    for make, last in ((accept, 197), (reject, 198)):
        fields = {"version": 1, "issued": NOW, "part": 1, "parts": 1}
        fields["items"] = [matter] * 16 + [{"code": 1, "wording": "a" * last, "seal": "b"}]
        yield make("too_large-build", f"a matter list of {7995 + last} bytes", "build", fields=fields, **given)
    boolean = {"request": _R, "reason": True}
    given |= {"type": messages.FINISH}
    yield reject("wrong_field_type-build", "a boolean is no integer", "build", fields=boolean, **given)
    fields = {"version": 1, "issued": NOW, "part": 1, "parts": 1, "items": [[1]]}
    given |= {"type": messages.MATTERS}
    yield reject("wrong_field_type-build-record", "an array for fields by name", "build", fields=fields, **given)
    payload = cbor.encode(_FINISH)
    yield accept("unknown_type-payload", "a payload by itself", "payload", type=messages.FINISH, data=payload)
    yield reject("unknown_type-payload", "of a type that is not there", "payload", type=19, data=payload)


def _every_type() -> Iterator[Case]:
    """One whole message of each type that the other cases do not show."""
    yield accept("message-enrol", "a key asks to be listed", "read", site=SITE, data=_enrol())
    later: list[tuple[int, dict[str, Any]]] = [
        (messages.RECEIPT, {"reference": _R, "result": 0, "at": NOW}),
        (messages.CHALLENGE, {"bay": 1, "boot": 3, "nonce": NONCE, "seq": 120, "head": _R, "roster": 7}),
        (messages.GRANT, {"nonce": NONCE, "request": b"\1", "decisions": [b"\2"], "substitutes": [], "ready": b"\3"}),
        (messages.TIME, {"box": BOX.kid, "nonce": NONCE, "utc": NOW}),
        (messages.ACK, {"box": BOX.kid, "seq": 120, "head": _R}),
        (messages.CREDENTIALS, {"box": BOX.kid, "issued": NOW, "ca": [bytes(1024)] * 3, "certificate": bytes(1024)}),
        (
            messages.RELEASE,
            {"version": "1.0", "files": [{"path": "main.mpy", "digest": digest("main")}], "roster": 1},
        ),
        (messages.RESET, {"box": BOX.kid, "anchor_seq": 9, "anchor_head": _R, "clears": 3, "utc": NOW}),
    ]
    state = {"boot": 3, "seq": 120, "head": _R, "clock": NOW, "clock_set": 1, "roster": 7, "firmware": "1.0"}
    later.append((messages.CHECKPOINT, state))
    for number, fields in later:
        name = messages.names()[number]
        signer = BOX if number in (messages.CHALLENGE, messages.CHECKPOINT) else HOST
        signer = AUTHORITY[0] if number == messages.RESET else signer
        data = signed(number, fields, signer)
        ok = {"type": name, "kid": signer.kid, "reference": messages.read(data, SITE).reference, "fields": fields}
        yield accept(f"message-{name}", "a whole message", "read", data=data, site=SITE, ok=ok)


def _enrol() -> bytes:
    fields = {"name": "王小明", "kind": 1, "public": KEEPER_KEY.public, "token": bytes(16)}
    return signed(messages.ENROL, fields, KEEPER_KEY)
