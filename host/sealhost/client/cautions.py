"""What a roster would allow on the wire and an authority hardly means: said before it is signed.

Each caution is a sentence. A box takes such a roster, so whoever means it may sign it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sealwire import messages

from sealhost.client.cases import listed_matters
from sealhost.client.profile import Profile
from sealhost.texts import role, say


def cautions(profile: Profile, held: dict[str, Any] | None, fields: dict[str, Any]) -> list[str]:
    """What is doubtful about a roster that follows the one held (None before the first)."""
    found = _abolished(profile, fields)
    found += _numbers_given_again(held, fields) if held is not None else []
    for rule in fields["rules"]:
        if not _can_be_met(rule, fields):
            groups = " + ".join(f"{group['least']} x {role(group['role'])}" for group in rule["groups"])
            found.append(say("caution_unmet", number=rule["number"], groups=groups, raiser=role(rule["raiser"])))
    return found


def _abolished(profile: Profile, fields: dict[str, Any]) -> list[str]:
    """Rules for matters that the signed list, which the roster names, calls abolished."""
    papers: list[Path] = sorted((profile.home / "papers").glob("matters-*.cose"))
    listed = listed_matters([path.read_bytes() for path in papers], profile.site, fields["matters"])
    gone = {code for code, item in listed.items() if item.get("abolished")}
    found = []
    for rule in fields["rules"]:
        codes = sorted(gone.intersection(rule["matters"]))
        if codes:
            found.append(say("caution_abolished", number=rule["number"], codes=", ".join(map(str, codes))))
    return found


def _numbers_given_again(held: dict[str, Any], fields: dict[str, Any]) -> list[str]:
    """Numbers that belonged to somebody else: log entries name people by number."""
    before = {person["number"]: person for person in held["people"]}
    found = []
    for person in fields["people"]:
        known = before.get(person["number"])
        if known is None or known["name"] == person["name"] or set(known["keys"]) & set(person["keys"]):
            continue
        found.append(say("caution_number", number=person["number"], before=known["name"], name=person["name"]))
    return found


def _can_be_met(rule: dict[str, Any], fields: dict[str, Any]) -> bool:
    """Whether, for somebody who may raise, enough others have a key, the time and the roles to fill all groups."""
    able = [person for person in fields["people"] if _has_key(person) and person["until"] >= fields["issued"]]
    places = [group["role"] for group in rule["groups"] for _ in range(group["least"])]
    raisers = [person for person in able if messages.has(person["roles"], rule["raiser"])]
    return any(_all_filled(places, [person for person in able if person is not raiser]) for raiser in raisers)


def _has_key(person: dict[str, Any]) -> bool:
    return any(key[0] == messages.ED25519 for key in person["keys"])


def _all_filled(places: list[int], people: list[dict[str, Any]]) -> bool:
    """Whether each place finds a person of its role, nobody twice: a matching by augmenting paths."""
    taken: dict[int, int] = {}  # person to place

    def fill(place: int, tried: set[int]) -> bool:
        for index, person in enumerate(people):
            if index in tried or not messages.has(person["roles"], places[place]):
                continue
            tried.add(index)
            if index not in taken or fill(taken[index], tried):
                taken[index] = place
                return True
        return False

    return all(fill(place, set()) for place in range(len(places)))
