"""Making the messages that a person signs, each checked against the roster before it is signed.

Guarantees: what the roster would refuse is refused here, with the same reason, and never signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sealwire import cose, errors, messages, rules, topics
from sealwire.errors import Refused
from sealwire.messages import Message
from sealwire.roster import Roster

from sealhost.client.errors import ClientError
from sealhost.client.profile import Kept, Profile

VERDICTS = {messages.APPROVE: "approve", messages.DENY: "deny", messages.WITHDRAW: "withdraw"}


@dataclass(frozen=True, slots=True)
class Place:
    """A bay of a box: box (kid), the box's and the bay's rows of the roster."""

    box: bytes
    box_row: dict[str, Any]
    bay: dict[str, Any]


def me(roster: Roster, profile: Profile) -> dict[str, Any]:
    """The roster's row of this profile's person. ClientError: not_in_roster."""
    try:
        return roster.signer(profile.signer.kid)[0]
    except Refused as error:
        raise ClientError("not_in_roster", code=key_code(profile.signer.public_key)) from error


def person_of(roster: Roster, text: str) -> dict[str, Any]:
    """A person by number or name. ClientError: unknown_person."""
    people = roster.fields["people"]
    found = [person for person in people if text in (str(person["number"]), person["name"])]
    if len(found) != 1:
        raise ClientError("unknown_person", text=text, known=", ".join(f"{p['number']} {p['name']}" for p in people))
    person: dict[str, Any] = found[0]
    return person


def key_code(public_key: bytes) -> str:
    """The code by which people compare a key: long, as somebody may try many keys for one with the same code."""
    return messages.long_code(cose.key_id(public_key))


def places(roster: Roster) -> list[Place]:
    """All bays of the site."""
    return [Place(cose.key_id(box["public"]), box, bay) for box in roster.fields["boxes"] for bay in box["bays"]]


def find_box(roster: Roster, box: str | None) -> bytes:
    """The one box (kid) meant by its code or kid, or how one begins. ClientError: no_such_bay, which_bay."""
    found = {place.box for place in places(roster) if box is None or _means(box, place.box)}
    if len(found) != 1:
        raise ClientError("which_bay" if found else "no_such_bay", places="; ".join(map(place_text, places(roster))))
    return found.pop()


def _means(text: str, box: bytes) -> bool:
    return box.hex().startswith(text.lower()) or messages.long_code(box).startswith(text.upper())


def find_place(roster: Roster, box: str | None, bay: int | None, seal: str | None) -> Place:
    """The one bay meant by a box (its code or kid, or how one begins), a bay number, a seal's name or a part of it.

    ClientError: no_such_bay, which_bay.
    """
    found = places(roster)
    if box is not None:
        found = [place for place in found if _means(box, place.box)]
    if bay is not None:
        found = [place for place in found if place.bay["number"] == bay]
    if seal is not None:
        exact = [place for place in found if place.bay["seal"] == seal]
        found = exact or [place for place in found if seal in place.bay["seal"]]
    if len(found) != 1:
        shown = "; ".join(place_text(place) for place in (found or places(roster)))
        raise ClientError("which_bay" if found else "no_such_bay", places=shown)
    return found[0]


def place_text(place: Place) -> str:
    """A bay in words."""
    return f"{place.bay['seal']} (--box {messages.short_code(place.box)} --bay {place.bay['number']})"


def place_of(roster: Roster, request: Message) -> Place | None:
    """The bay that a request names, None when the roster has none such."""
    for place in places(roster):
        if place.box == request["box"] and place.bay["number"] == request["bay"]:
            return place
    return None


def find_rule(roster: Roster, bay: dict[str, Any], matter: int) -> dict[str, Any]:
    """The bay's ordinary rule for a matter. ClientError: matter_not_here."""
    mine = roster.bay_rules(bay)
    for rule in mine:
        if matter in rule["matters"] and not rule["break_glass"]:
            return rule
    codes = sorted({code for rule in mine for code in rule["matters"]})
    raise ClientError("matter_not_here", matter=matter, seal=bay["seal"], codes=", ".join(map(str, codes)))


def sign(profile: Profile, number: int, fields: dict[str, Any]) -> Message:
    """A signed message, read back as everyone else will."""
    signer = profile.signer
    raw = messages.build(number, fields, profile.site, signer.public_key, signer.sign)
    return messages.read(raw, profile.site, (number,))


def request(
    profile: Profile,
    roster: Roster,
    place: Place,
    *,
    matter: int,
    impressions: int,
    details: bytes,
    anchor: Message,
    attend_minutes: int,
    now: int,
) -> Message:
    """A request for some impressions of a seal. Refused, with the roster's own reason, when it would not pass."""
    rule = find_rule(roster, place.bay, matter)
    attended = now + min(attend_minutes * 60, rule["wait_seconds"] + rule["use_seconds"])
    fields = {
        "box": place.box,
        "bay": place.bay["number"],
        "impressions": impressions,
        "matter": matter,
        "rule": messages.rule_digest(rule),
        "details": details,
        "anchor_seq": anchor["seq"],
        "anchor_head": anchor["head"],
        "created": now,
        "expires": now + rule["wait_seconds"],
        "attended": attended,
        "roster": roster.version,
    }
    me(roster, profile)
    signed = sign(profile, messages.REQUEST, fields)
    rules.check_request(roster, signed, now)
    return signed


def decision(
    profile: Profile,
    roster: Roster,
    about: Message,
    verdict: int,
    *,
    principal: int | None,
    reason: int,
    reason_digest: bytes | None,
    now: int,
) -> Message:
    """An officer's word on a request. Refused, with the roster's own reason, when it would not count."""
    fields = {
        "request": about.reference,
        "verdict": verdict,
        "for": principal,
        "reason": reason,
        "reason_digest": reason_digest,
        "decided": now,
        "roster": roster.version,
    }
    me(roster, profile)
    case = rules.check_request(roster, about, now)
    signed = sign(profile, messages.DECISION, fields)
    if principal is None:
        rules.check_decision(roster, case, signed, [], now)
    else:
        voice = roster.person(principal)
        if voice is None or not rules.in_groups(case.rule, voice):
            raise Refused(errors.NOT_IN_GROUP)
    return signed


def to_host(profile: Profile) -> str:
    """The topic on which this profile speaks to the hosts."""
    return topics.host_in(profile.site, profile.signer.kid)


def to_box(profile: Profile, box: bytes) -> str:
    """The topic on which this profile speaks to a box."""
    return topics.box_in(profile.site, box, profile.signer.kid)


def keep(profile: Profile, message: Message, *, box: bytes | None = None, made: int, **more: Any) -> Kept:
    """A signed message as the outbox takes it; `box` gets it too."""
    extra = () if box is None else (to_box(profile, box),)
    return Kept(message.reference, message.name, message.raw, (to_host(profile), *extra), made, **more)
