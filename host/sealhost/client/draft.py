"""A roster as the authority edits it: one TOML file that people can read, and the way to the fields of a roster and
back.

Guarantees: what is misspelled or missing is named with its place, never passed over; `fields` gives only what the
wire and the rules
of rosters allow (`sealwire.roster.check_roster`).
"""

from __future__ import annotations

import re
import tomllib
from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any

from sealwire import errors, limits, messages
from sealwire.errors import SealwireError
from sealwire.roster import check_roster

from sealhost.client.errors import ClientError
from sealhost.signing.keys import KeyFileError, read_public

ROLES = {"keeper": 1, "officer": 2, "auditor": 3, "secretary": 4, "director": 5}
UNITS = {"s": 1, "min": 60, "hour": 3600, "day": 86400}
_DURATION = re.compile(r"(\d+)\s*(s|sec|seconds?|秒|min|minutes?|分钟?|h|hours?|小时|d|days?|天)")
_SECONDS = {"s": 1, "秒": 1, "m": 60, "分": 60, "h": 3600, "小": 3600, "d": 86400, "天": 86400}

Row = dict[str, Any]


def wrong(where: str, detail: object) -> ClientError:
    """The error for a place in a draft."""
    return ClientError("draft_wrong", where=where, detail=detail)


def load(path: Path) -> Row:
    """The TOML of a draft. ClientError: no_file, draft_wrong."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ClientError("no_file", path=path, detail=error.strerror) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise wrong(str(path), error) from error


def fields(draft: Row, *, version: int, issued: int, zone: tzinfo | None) -> Row:
    """The fields of the roster that a draft describes, checked as a box would.

    ClientError: draft_wrong, roster_too_large.
    """
    _only(draft, "", ("authority", "threshold", "matters", "releases", "person", "host", "box", "rule"))
    roster = {
        "version": version,
        "issued": issued,
        "authority": [_key("authority", text) for text in _get(draft, "", "authority", list)],
        "threshold": _get(draft, "", "threshold", int),
        "people": [_person(row, zone) for row in draft.get("person", [])],
        "hosts": [_key("[[host]]", _get(row, "[[host]]", "key", str)) for row in draft.get("host", [])],
        "boxes": [_box(row) for row in draft.get("box", [])],
        "rules": [_rule(row) for row in draft.get("rule", [])],
        "matters": _digest("matters", draft.get("matters") or "00" * 32),
        "releases": [_digest("releases", text) for text in draft.get("releases", [])],
    }
    try:
        size = len(messages.payload(messages.ROSTER, roster))
        check_roster(roster)
    except SealwireError as error:
        if error.reason == errors.TOO_LARGE:
            raise ClientError("roster_too_large", size="> 8192", most=limits.MESSAGE) from error
        raise wrong("", error) from error
    if size + 128 > limits.MESSAGE:  # the envelope takes 100 bytes
        raise ClientError("roster_too_large", size=size, most=limits.MESSAGE - 128)
    return roster


def _person(row: Row, zone: tzinfo | None) -> Row:
    where = f"[[person]] {row.get('number', '?')} {row.get('name', '?')}"
    _only(row, where, ("number", "name", "roles", "from", "until", "keys"))
    roles = 0
    for role in _get(row, where, "roles", list):
        roles |= 1 << role_number(where, role)
    return {
        "number": _get(row, where, "number", int),
        "name": _get(row, where, "name", str),
        "roles": roles,
        "from": _moment(where, _get(row, where, "from", date), zone),
        "until": _moment(where, _get(row, where, "until", date), zone, last=True),
        "keys": [bytes([messages.ED25519]) + _key(where, text) for text in row.get("keys", [])],
    }


def _box(row: Row) -> Row:
    where = f"[[box]] {str(row.get('key', '?'))[:8]}"
    _only(row, where, ("key", "bays"))
    bays = []
    for bay in _get(row, where, "bays", list):
        place = f"{where} bay {bay.get('number', '?')}"
        _only(bay, place, ("number", "seal", "rules"))
        mask = 0
        for number in _get(bay, place, "rules", list):
            if not isinstance(number, int) or not 1 <= number <= limits.RULES:
                raise wrong(place, f"rules: {number!r}")
            mask |= 1 << number
        bays.append({"number": _get(bay, place, "number", int), "seal": _get(bay, place, "seal", str), "rules": mask})
    return {"public": _key(where, _get(row, where, "key", str)), "bays": bays}


def _rule(row: Row) -> Row:
    where = f"[[rule]] {row.get('number', '?')}"
    names = ("number", "matters", "raiser", "groups", "denials", "impressions", "open", "wait", "use", "break_glass")
    _only(row, where, names)
    groups = []
    for group in _get(row, where, "groups", list):
        _only(group, f"{where} groups", ("role", "least"))
        groups.append({"role": role_number(where, group.get("role")), "least": _get(group, where, "least", int)})
    return {
        "number": _get(row, where, "number", int),
        "matters": _get(row, where, "matters", list),
        "raiser": role_number(where, row.get("raiser", "keeper")),
        "groups": groups,
        "denials": row.get("denials", 1),
        "impressions": _get(row, where, "impressions", int),
        "open_seconds": duration(where, _get(row, where, "open", str)),
        "wait_seconds": duration(where, _get(row, where, "wait", str)),
        "use_seconds": duration(where, _get(row, where, "use", str)),
        "break_glass": int(bool(row.get("break_glass", False))),
    }


def _only(row: object, where: str, names: tuple[str, ...]) -> None:
    if not isinstance(row, dict):
        raise wrong(where, f"{row!r}")
    for name in row:
        if name not in names:
            raise wrong(where, f"{name}? ({', '.join(names)})")


def _get(row: Row, where: str, name: str, kind: type) -> Any:
    value = row.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise wrong(where, f"{name} = {'?' if value is None else repr(value)}")
    return value


def role_number(where: str, role: object) -> int:
    """A role by name or number. ClientError: draft_wrong."""
    number = (int(role) if role.isdecimal() else ROLES.get(role)) if isinstance(role, str) else role
    if not isinstance(number, int) or not 1 <= number <= limits.ROLES:
        raise wrong(where, f"role {role!r} ({', '.join(ROLES)}, 6..15)")
    return number


def _key(where: str, text: object) -> bytes:
    try:
        return read_public(str(text))
    except KeyFileError as error:
        raise wrong(where, error) from error


def _digest(where: str, text: object) -> bytes:
    try:
        value = bytes.fromhex(str(text))
    except ValueError as error:
        raise wrong(where, f"{text!r}") from error
    return value


def _moment(where: str, value: date, zone: tzinfo | None, *, last: bool = False) -> int:
    """UTC seconds of a day's first (or last) second in the zone, or of a date with time."""
    if isinstance(value, datetime):
        at = value if value.tzinfo is not None else value.replace(tzinfo=zone)
        return int(at.timestamp())
    start = datetime.combine(value + timedelta(days=1 if last else 0), time(), zone)
    seconds = int(start.timestamp()) - (1 if last else 0)
    if not 0 <= seconds < 1 << 32:
        raise wrong(where, value)
    return seconds


def duration(where: str, text: str) -> int:
    """Seconds of "90 s", "2 min", "12 hours", "3 days" or their Chinese."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise wrong(where, f"{text!r} (90 s, 2 min, 12 hours, 3 days)")
    return int(found[1]) * _SECONDS[found[2][0]]


def duration_text(seconds: int) -> str:
    """The shortest exact way to write a number of seconds."""
    for name, size in reversed(UNITS.items()):
        if seconds % size == 0 and seconds >= size:
            count = seconds // size
            return f"{count} {name}{'s' if count > 1 and size >= 3600 else ''}"
    return f"{seconds} s"


def a_day(text: str) -> str:
    """A date as TOML writes it. ClientError: bad_date."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ClientError("bad_date", text=text) from error


def today(zone: tzinfo | None) -> str:
    """Today's date as TOML writes it."""
    return datetime.now(zone).date().isoformat()
