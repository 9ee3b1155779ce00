"""The box's log: what an entry holds, how entries are chained, and what the log says of one request.

``head(0) = SHA-256("sealbox/1/log/" + site in hex)`` and ``head(n) = SHA-256(head(n-1) + entry(n))``; the first entry
has seq 1. An entry is one map in the encoding profile: field 0 is its kind, field 1 the box's clock when it was
written.

:class:`History` is the only reading of what a request spent and whether it ended; box, host and verifier fold the
same entries.
"""

import hashlib

from sealwire import cbor, errors, limits
from sealwire.errors import DecodeError
from sealwire.messages import CLEARS_CLOCK
from sealwire.schema import Field, data, from_map, many, optional, reference, row, seconds, text, to_map, uint
from sealwire.topics import hexed

MYPY = False
if MYPY:
    from typing import Any

# Kinds of entries
ORIGIN = 1
BOOT = 2
ROSTER = 3
INTENT = 4
PRESS = 5
CLOSED = 6
INTERRUPTED = 7
DECISION = 8
FINISH = 9
REFUSED = 10
JAM = 11
TAMPER = 12
RESET = 13
TIME = 14
PRUNE = 15
RELEASE = 16
SEAL = 17
POWER = 18
FORCED = 19
STATE = 20
LINK = 21

# Why a bay closed
LAST_IMPRESSION = 1
WINDOW_OVER = 2
FINISHED_BY_KEEPER = 3
BUTTON = 4
TAMPER_ALARM = 5
JAMMED = 6
ENERGY = 7
DENIED_MEANWHILE = 8
SENSOR_FAULT = 9
CAUSES = {
    LAST_IMPRESSION: "last_impression",
    WINDOW_OVER: "window_over",
    FINISHED_BY_KEEPER: "finished",
    BUTTON: "button",
    TAMPER_ALARM: "tamper",
    JAMMED: "jammed",
    ENERGY: "energy",
    DENIED_MEANWHILE: "denied",
    SENSOR_FAULT: "sensor_fault",
}

# What a power entry says
BATTERY_LOW = 1
MAINS_LOST = 2
MAINS_BACK = 3


_HEAD = (seconds(1, "time"),)  # of every kind


def _in_bay() -> Field:
    return uint(2, "bay", 1, limits.BAYS)


def _of_request() -> Field:
    return reference(3, "request")


def _opening() -> "tuple[Field, ...]":
    return (uint(1, "bay", 1, limits.BAYS), reference(2, "request"))


_COUNT = limits.IMPRESSIONS * 4


# Definitions are functions, so that a box holds in memory only the one that it reads.


def fields_of(kind: int) -> "tuple[Field, ...]":
    """The fields of a kind of entry. Raises DecodeError: unknown_entry.

    Made anew each time, in one function, so that a box holds in memory only the definition that it reads.
    """
    if kind == ORIGIN:
        return (
            data(2, "box", 32),
            data(3, "site", 16),
            many(4, "authority", 1, limits.AUTHORITY_KEYS, data(0, "", 32)),
            uint(5, "threshold", 1, limits.AUTHORITY_KEYS),
        )
    if kind == BOOT:
        return (
            uint(2, "boot", 1, 0x7FFFFFFF),
            uint(3, "cause", 0, 15),
            text(4, "firmware", limits.VERSION_TEXT),
            uint(5, "clock_set", 0, 1),
        )
    if kind == ROSTER:
        return (uint(2, "version", 1, 0x7FFFFFFF), data(3, "digest", 32))
    if kind == INTENT:
        return (
            _in_bay(),
            _of_request(),
            data(4, "grant", 32),
            uint(5, "spends", 1, limits.IMPRESSIONS),
            uint(6, "roster", 1, 0x7FFFFFFF),
            many(7, "people", 1, 2 * limits.GRANT_DECISIONS, uint(0, "", 1, 9999)),
        )
    if kind == PRESS:
        return (_in_bay(), _of_request(), uint(4, "count", 1, _COUNT))
    if kind == CLOSED:
        return (
            _in_bay(),
            _of_request(),
            uint(4, "pressed", 0, _COUNT),
            uint(5, "given_back", 0, limits.IMPRESSIONS),
            uint(6, "cause", 1, 15),
        )
    if kind == INTERRUPTED:
        return (_in_bay(), _of_request())
    if kind == DECISION:
        return (
            _of_request(),
            uint(4, "verdict", 2, 3),
            uint(5, "person", 1, 9999),
            optional(uint(6, "for", 1, 9999)),
            data(7, "message", 32),
        )
    if kind == FINISH:
        return (_of_request(), uint(4, "reason", 0, 255), uint(5, "person", 1, 9999), data(7, "message", 32))
    if kind == REFUSED:
        return (
            uint(2, "reason", 1, 999),
            optional(uint(3, "type", 0, 535)),
            optional(data(4, "kid", 16)),
            optional(data(5, "message", 32)),
            uint(6, "unlogged", 0, 0x7FFFFFFF),
        )
    if kind == JAM:
        return (_in_bay(), optional(_of_request()), uint(4, "phase", 1, 2))
    if kind == TAMPER:
        return (uint(2, "what", 1, 15),)
    if kind == RESET:
        return (uint(2, "clears", 1, 3), seconds(3, "utc"), data(7, "message", 32))
    if kind == TIME:
        return (seconds(3, "utc"), data(7, "message", 32))
    if kind == PRUNE:
        return (uint(2, "first", 1, 0x7FFFFFFF), uint(3, "acked", 1, 0x7FFFFFFF), data(7, "message", 32))
    if kind == RELEASE:
        return (data(7, "message", 32),)
    if kind == SEAL:
        return (_in_bay(), uint(3, "present", 0, 1))
    if kind == POWER:
        return (uint(2, "what", 1, 3),)
    if kind == FORCED:
        return (_in_bay(),)
    if kind == STATE:
        return (
            uint(2, "boot", 1, 0x7FFFFFFF),
            uint(3, "roster", 0, 0x7FFFFFFF),
            uint(4, "alarm", 0, 0x7FFFFFFF),  # seq of the tamper entry that no reset has cleared yet, or 0
            uint(5, "clock", 0, 0x7FFFFFFF),  # seq of the entry that last set the clock, or 0
            many(6, "open", 0, limits.BAYS, row(_opening)),
        )
    if kind == LINK:
        return (seconds(3, "issued"), data(7, "message", 32))
    raise DecodeError(errors.UNKNOWN_ENTRY)


_NAMES = (
    "",
    "origin",
    "boot",
    "roster",
    "intent",
    "press",
    "closed",
    "interrupted",
    "decision",
    "finish",
    "refused",
    "jam",
    "tamper",
    "reset",
    "time",
    "prune",
    "release",
    "seal",
    "power",
    "forced",
    "state",
    "link",
)


class Entry:
    """A log entry that was read: kind (number), name, time (UTC seconds by the box's clock), fields by name."""

    def __init__(self, kind: int, time: int, fields: "dict[str, Any]") -> None:
        self.kind = kind
        self.name = _NAMES[kind]
        self.time = time
        self.fields = fields

    def __getitem__(self, name: str) -> "Any":
        return self.fields[name]

    def get(self, name: str) -> "Any":
        """The field's value, None when it is missing."""
        return self.fields.get(name)


def names() -> "dict[int, str]":
    """Kind number to kind name."""
    return {kind: _NAMES[kind] for kind in range(1, len(_NAMES))}


def genesis(site: bytes) -> bytes:
    """The head before the first entry."""
    return hashlib.sha256(b"sealbox/1/log/" + hexed(site).encode()).digest()


def next_head(head: bytes, entry: bytes) -> bytes:
    """The head after an entry."""
    return hashlib.sha256(head + entry).digest()


def build_entry(kind: int, time: int, fields: "dict[str, Any]") -> bytes:
    """The bytes of an entry. Raises DecodeError when a field breaks the definition."""
    value = to_map(fields_of(kind), fields)
    value[0] = kind
    value.update(to_map(_HEAD, {"time": time}))
    return cbor.encode(value)  # what the definitions allow fits limits.ENTRY


def read_entry(raw: bytes) -> Entry:
    """Read an entry. Raises DecodeError: unknown_entry, and see SPEC.md sections 2 and 4."""
    value = cbor.decode(raw, limits.ENTRY)
    if not isinstance(value, dict):
        raise DecodeError(errors.NOT_A_MAP)
    kind = value.pop(0, None)
    fields = from_map(_HEAD + fields_of(kind), value)
    return Entry(kind, fields.pop("time"), fields)


class History:
    """What the entries after a request's anchor say about that request. Apply them in order.

    opened: times the box wrote an intent for it; spent: impressions it may not have again; against: (verdict, person,
    for) of the denials and withdrawals that reached the box; finished: the people whose `finish` reached it;
    clock_changed: the clock was set or reset after the anchor.
    """

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.opened = 0
        self.spent = 0
        self.against = []  # type: list[tuple[int, int, int | None]]
        self.finished = []  # type: list[int]
        self.clock_changed = False
        self._may_come_back = 0  # of what the last intent spent

    def apply(self, entry: Entry) -> None:
        """Take one more entry into account."""
        kind = entry.kind
        if kind == TIME or (kind == RESET and entry["clears"] & CLEARS_CLOCK):
            self.clock_changed = True
        if entry.get("request") != self.request:
            return
        if kind == INTENT:
            self.opened += 1
            self.spent += entry["spends"]
            self._may_come_back = entry["spends"]
        elif kind == CLOSED:
            self.spent -= min(entry["given_back"], self._may_come_back)
            self._may_come_back = 0
        elif kind == INTERRUPTED:
            self._may_come_back = 0
        elif kind == DECISION:
            self.against.append((entry["verdict"], entry["person"], entry.get("for")))
        elif kind == FINISH:
            self.finished.append(entry["person"])
