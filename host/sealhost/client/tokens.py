"""The authority's one-time tokens: given to a person, found again in that person's enrolment, and used once.

A token only keeps strangers' enrolments out; that key and person belong together is seen by comparing the key's short
code.
"""

from __future__ import annotations

import json
import os

from sealwire import limits

from sealhost.client.profile import Profile, write_whole

FILE = "tokens.json"


def give(profile: Profile, name: str, made: int) -> bytes:
    """A new token for a person; on disk when this returns."""
    token = os.urandom(limits.TOKEN)
    known = _read(profile)
    known[token.hex()] = {"name": name, "made": made, "key": None}
    _write(profile, known)
    return token


def fits(profile: Profile, token: bytes, key: bytes) -> bool:
    """Whether a token was given out and not used for another key."""
    entry = _read(profile).get(token.hex())
    return entry is not None and entry["key"] in (None, key.hex())


def use(profile: Profile, token: bytes, key: bytes) -> None:
    """Mark a token as used for a key."""
    known = _read(profile)
    known[token.hex()]["key"] = key.hex()
    _write(profile, known)


def _read(profile: Profile) -> dict[str, dict[str, object]]:
    path = profile.home / FILE
    known: dict[str, dict[str, object]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return known


def _write(profile: Profile, known: dict[str, dict[str, object]]) -> None:
    write_whole(profile.home / FILE, json.dumps(known, ensure_ascii=False, indent=1).encode())
