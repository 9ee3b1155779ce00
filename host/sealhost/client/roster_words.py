"""What a roster says, in words: shown before it is signed, and compared with the one before."""

from __future__ import annotations

import difflib
from typing import Any

from sealwire import limits, messages

from sealhost.client import compose
from sealhost.client.draft import duration_text
from sealhost.client.profile import Profile
from sealhost.texts import role, say


def describe(profile: Profile, roster: dict[str, Any]) -> list[str]:
    """A roster in sentences, one fact a line."""
    lines = [
        say("roster_authority", count=len(roster["authority"]), threshold=roster["threshold"]),
        *(f"  {compose.key_code(key)}" for key in roster["authority"]),
    ]
    lines += [_person(profile, person) for person in roster["people"]]
    lines += [say("roster_host", code=compose.key_code(key)) for key in roster["hosts"]]
    for box in roster["boxes"]:
        for bay in box["bays"]:
            numbers = [str(number) for number in range(1, limits.RULES + 1) if messages.has(bay["rules"], number)]
            code = compose.key_code(box["public"])
            lines.append(
                say("roster_bay", box=code, bay=bay["number"], seal=bay["seal"], rules=", ".join(numbers) or "-")
            )
    lines += [_rule(rule) for rule in roster["rules"]]
    shown = roster["matters"].hex()[:16] if any(roster["matters"]) else "-"
    lines.append(say("roster_matters", digest=shown))
    lines += [say("roster_release", digest=digest.hex()[:16]) for digest in roster["releases"]]
    return lines


def _person(profile: Profile, person: dict[str, Any]) -> str:
    roles = [role(number) for number in range(1, 16) if messages.has(person["roles"], number)]
    return say(
        "roster_person",
        number=person["number"],
        name=person["name"],
        roles=", ".join(roles),
        start=profile.local(person["from"]),
        end=profile.local(person["until"]),
        keys=", ".join(compose.key_code(key[1:]) for key in person["keys"]) or "-",
    )


def _rule(rule: dict[str, Any]) -> str:
    groups = " + ".join(f"{group['least']} x {role(group['role'])}" for group in rule["groups"])
    return say(
        "roster_rule",
        number=rule["number"],
        matters=_ranges(rule["matters"]),
        raiser=role(rule["raiser"]),
        groups=groups,
        denials=rule["denials"],
        impressions=rule["impressions"],
        open=_duration(rule["open_seconds"]),
        wait=_duration(rule["wait_seconds"]),
        use=_duration(rule["use_seconds"]),
    ) + (" !! break-glass" if rule["break_glass"] else "")


def _duration(seconds: int) -> str:
    count, unit = duration_text(seconds).split()
    return f"{count} {say('unit_' + unit.removesuffix('s') if unit != 's' else 'unit_s')}"


def _ranges(codes: list[int]) -> str:
    """101, 102, 103, 200 as 101-103, 200."""
    shown: list[list[int]] = []
    for code in sorted(codes):
        if shown and code == shown[-1][-1] + 1:
            shown[-1] = [shown[-1][0], code]
        else:
            shown.append([code, code])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in shown)


def compare(profile: Profile, old: dict[str, Any] | None, new: dict[str, Any]) -> list[str]:
    """What the new roster takes away (-) and adds (+), fact by fact; everything is new when there is none before."""
    before = [] if old is None else describe(profile, old)
    changes = difflib.ndiff(before, describe(profile, new))
    return [line for line in changes if line[:1] in "+-"]
