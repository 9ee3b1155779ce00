"""A roster as the text of a draft, and editing a draft without touching what people wrote into it.

Guarantees: `sealhost.client.draft.fields` reads back what `render` wrote; an edit that would leave a draft
unreadable is not made.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from sealwire import limits, messages

from sealhost.client.draft import ROLES, Row, duration_text, load, wrong
from sealhost.client.errors import ClientError

ROLE_NAMES = {number: name for name, number in ROLES.items()}


def render(roster: Row, zone: tzinfo | None, heading: str) -> str:
    """The draft that describes a roster, with `heading` as its comment."""
    lines = [f"# {line}" for line in heading.splitlines()]
    lines += ["", f"authority = {_texts(key.hex() for key in roster['authority'])}"]
    lines += [f"threshold = {roster['threshold']}"]
    lines += [f'matters = "{roster["matters"].hex() if any(roster["matters"]) else ""}"']
    if roster["releases"]:
        lines.append(f"releases = {_texts(digest.hex() for digest in roster['releases'])}")
    blocks = [host_block(key) for key in roster["hosts"]]
    blocks += [box_block(box["public"], box["bays"]) for box in roster["boxes"]]
    blocks += [rule_block(rule) for rule in roster["rules"]]
    blocks += [person_block(person, zone) for person in roster["people"]]
    return "\n".join([*lines, "", *blocks])


def person_block(person: Row, zone: tzinfo | None) -> str:
    """A [[person]] of a draft."""
    roles = [ROLE_NAMES.get(number, number) for number in range(1, 16) if messages.has(person["roles"], number)]
    lines = [
        "[[person]]",
        f"number = {person['number']}",
        f"name = {quoted(person['name'])}",
        f"roles = [{', '.join(quoted(role) if isinstance(role, str) else str(role) for role in roles)}]",
        f"from = {_day(person['from'], zone, last=False)}",
        f"until = {_day(person['until'], zone, last=True)}",
        f"keys = {_texts(key[1:].hex() for key in person['keys'])}",
    ]
    return "\n".join(lines) + "\n"


def host_block(key: bytes) -> str:
    """A [[host]] of a draft."""
    return f'[[host]]\nkey = "{key.hex()}"\n'


def box_block(key: bytes, bays: list[Row]) -> str:
    """A [[box]] of a draft."""
    rows = []
    for bay in bays:
        rules = [number for number in range(1, limits.RULES + 1) if messages.has(bay["rules"], number)]
        rows.append(f"  {{ number = {bay['number']}, seal = {quoted(bay['seal'])}, rules = {rules} }},")
    return "\n".join(["[[box]]", f'key = "{key.hex()}"', "bays = [", *rows, "]"]) + "\n"


def rule_block(rule: Row) -> str:
    """A [[rule]] of a draft."""
    groups = [f"{{ role = {_role_text(group['role'])}, least = {group['least']} }}" for group in rule["groups"]]
    lines = [
        "[[rule]]",
        f"number = {rule['number']}",
        f"matters = {rule['matters']}",
        f"raiser = {_role_text(rule['raiser'])}",
        f"groups = [{', '.join(groups)}]",
        f"denials = {rule['denials']}",
        f"impressions = {rule['impressions']}",
        f"open = {quoted(duration_text(rule['open_seconds']))}",
        f"wait = {quoted(duration_text(rule['wait_seconds']))}",
        f"use = {quoted(duration_text(rule['use_seconds']))}",
    ]
    if rule["break_glass"]:
        lines.append("break_glass = true")
    return "\n".join(lines) + "\n"


def _role_text(number: int) -> str:
    return quoted(ROLE_NAMES[number]) if number in ROLE_NAMES else str(number)


def quoted(text: str) -> str:
    """A TOML string (JSON's escapes are TOML's)."""
    return json.dumps(text, ensure_ascii=False)


def _texts(items: Any) -> str:
    return "[" + ", ".join(quoted(item) for item in items) + "]"


def _day(seconds: int, zone: tzinfo | None, *, last: bool) -> str:
    """A date when the seconds are its first (last) one in the zone, else date and time with the offset."""
    at = datetime.fromtimestamp(seconds + (1 if last else 0), zone)
    if (at.hour, at.minute, at.second) == (0, 0, 0):
        return (at.date() - timedelta(days=1 if last else 0)).isoformat()
    return datetime.fromtimestamp(seconds, zone).astimezone(zone).isoformat()


# --- editing ---


def add_block(path: Path, block: str, check: Callable[[Row], object]) -> None:
    """Append a block to a draft, unless the draft would then not pass `check`."""
    text = path.read_text(encoding="utf-8").rstrip("\n")
    _replace(path, f"{text}\n\n{block}", check)


def remove_person(path: Path, number: int, check: Callable[[Row], object]) -> None:
    """Take a [[person]] out of a draft. ClientError: unknown_person."""
    blocks = _blocks(path)
    kept = [block for block in blocks if not _is_person(block, number)]
    if len(kept) == len(blocks):
        known = [f"{row.get('number')} {row.get('name')}" for row in load(path).get("person", [])]
        raise ClientError("unknown_person", text=str(number), known=", ".join(known))
    _replace(path, "".join(kept), check)


def add_key(path: Path, number: int, key: bytes, check: Callable[[Row], object]) -> None:
    """Add a key to a [[person]] of a draft."""
    blocks = []
    for block in _blocks(path):
        if _is_person(block, number):
            present = tomllib.loads(block)["person"][0].get("keys", [])
            line = f"keys = {_texts([*present, key.hex()])}"
            block = re.sub(r"(?ms)^keys\s*=\s*\[.*?\]", "", block).rstrip("\n") + f"\n{line}\n\n"
        blocks.append(block)
    _replace(path, "".join(blocks), check)


def set_matters(path: Path, digest: bytes) -> None:
    """Write the digest of the matter list into a draft."""
    text = path.read_text(encoding="utf-8")
    line = f'matters = "{digest.hex()}"'
    changed, count = re.subn(r"(?m)^matters\s*=\s*\"[^\"]*\"", line, text, count=1)
    _replace(path, changed if count else f"{line}\n{text}", lambda draft: draft)


def _blocks(path: Path) -> list[str]:
    """The text of a draft cut before each [[…]]."""
    return re.split(r"(?m)^(?=\[\[)", path.read_text(encoding="utf-8"))


def _is_person(block: str, number: int) -> bool:
    if not block.startswith("[[person]]"):
        return False
    try:
        return bool(tomllib.loads(block)["person"][0].get("number") == number)
    except tomllib.TOMLDecodeError:
        return False


def _replace(path: Path, text: str, check: Callable[[Row], object]) -> None:
    try:
        check(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise wrong(str(path), error) from error
    path.write_text(text, encoding="utf-8")
