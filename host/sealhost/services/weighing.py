"""Facts of a request from what is stored: its messages, and what its box logged.

People whom the roster no longer lists do not count; one decision that is no longer acceptable does not spoil the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sealwire import chain, cose, errors, messages, rules
from sealwire.errors import Refused
from sealwire.messages import Message
from sealwire.roster import Roster
from sealwire.rules import Judgement
from sqlalchemy import Row

from sealhost.services.context import Turn
from sealhost.store import boxes
from sealhost.store import messages as message_store

FATAL = (
    *(errors.UNANCHORED, errors.RULE_CHANGED, errors.UNKNOWN_MATTER, errors.TOO_MANY_IMPRESSIONS, errors.WRONG_ROLE),
    *(errors.UNKNOWN_BAY, errors.UNKNOWN_BOX, errors.WRONG_BOX, errors.OTHER_CHAIN),
)
"""Reasons that no waiting mends, when the box proved that it refused a grant for one of them."""


@dataclass
class Log:
    """What a box's log says of a request."""

    history: chain.History
    open_now: bool = False
    pressed: int = 0
    refused: dict[bytes, int] = field(default_factory=dict)  # reference of a message to the reason


@dataclass
class Weighed:
    """A request with everything that counts for it now."""

    request: Message
    decisions: list[Message]  # those that are acceptable now
    substitutes: list[Message]
    judgement: Judgement | None  # None when the request itself is no longer allowed
    reason: int  # why it is not allowed, else 0


def read_log(turn: Turn, row: Row[Any], live: bool) -> Log:
    """Fold the entries after the request's anchor; with those not proven yet when `live`."""
    log = Log(chain.History(row.reference))
    found = boxes.history(turn.tx, row.site, row.box, row.anchor_seq, row.reference, live)
    for raw in found:
        entry = chain.read_entry(raw)
        log.history.apply(entry)
        if entry.get("request") != row.reference:
            continue
        if entry.kind == chain.INTENT:
            log.open_now = True
        elif entry.kind in (chain.CLOSED, chain.INTERRUPTED):
            log.open_now = False
        if entry.kind == chain.CLOSED:
            log.pressed += entry["pressed"]
    return log


def read_all(turn: Turn, site: bytes, raws: list[bytes]) -> list[Message]:
    """Read stored messages; their signatures were checked before they were stored."""
    return [messages.read(raw, site) for raw in raws]


def substitutes_of(turn: Turn, roster: Roster, site: bytes) -> list[Message]:
    """The `substitute` messages that are acceptable now."""
    found = read_all(turn, site, message_store.of_type(turn.tx, site, messages.SUBSTITUTE))
    return [message for message in found if _acceptable_substitute(roster, message, turn.now)]


def _acceptable_substitute(roster: Roster, message: Message, now: int) -> bool:
    try:
        rules.check_substitute(roster, message, now)
    except Refused:
        return False
    return True


def weigh(turn: Turn, roster: Roster, row: Row[Any], log: Log, new: Message | None = None) -> Weighed:
    """Judge a request by what is stored and, if given, a `new` decision.

    Raises Refused only for what is wrong with `new`: then nothing of it may be stored.
    """
    stored = message_store.find(turn.tx, row.site, row.reference)
    assert stored is not None
    request = messages.read(stored.raw, row.site)
    substitutes = substitutes_of(turn, roster, row.site)
    try:
        case = rules.check_request(roster, request, turn.now)
    except Refused as refusal:
        if new is not None:
            raise
        return Weighed(request, [], substitutes, None, refusal.reason)
    if new is not None:
        rules.check_decision(roster, case, new, substitutes, turn.now)
    decisions = _acceptable(turn, roster, case, substitutes)
    if new is not None:
        decisions.append(new)
    judgement = rules.judge(roster, request, decisions, substitutes, turn.now, log.history.against)
    return Weighed(request, decisions, substitutes, judgement, 0)


def _acceptable(turn: Turn, roster: Roster, case: rules.Case, substitutes: list[Message]) -> list[Message]:
    """The stored decisions that count now; an approval by somebody who has approved already is left out."""
    request = case.request
    stored = message_store.of_request(turn.tx, request.site, request.reference, messages.DECISION)
    decisions = []
    approved: set[int] = set()
    for decision in read_all(turn, request.site, stored):
        try:
            voices = set(rules.check_decision(roster, case, decision, substitutes, turn.now))
        except Refused:
            continue
        if decision["verdict"] == messages.APPROVE:
            if voices & approved:
                continue
            approved |= voices
        decisions.append(decision)
    return decisions


def may_decide(roster: Roster, weighed: Weighed, now: int) -> set[bytes]:
    """The kids of everybody whose decision could still count."""
    if weighed.judgement is None:
        return set()
    case = weighed.judgement.case
    numbers = set()
    for person in roster.fields["people"]:
        valid = person["from"] <= now <= person["until"]
        if valid and person["number"] != case.raiser["number"] and rules.in_groups(case.rule, person):
            numbers.add(person["number"])
    standing_in = {
        message["person"]
        for message in weighed.substitutes
        if message["from"] <= now <= message["until"] and roster.signer(message.kid)[0]["number"] in numbers
    }
    decided = {roster.signer(decision.kid)[0]["number"] for decision in weighed.decisions}
    wanted = (numbers | standing_in) - decided - {case.raiser["number"]}
    return {kid for number in wanted for kid in kids_of(roster, number)}


def kids_of(roster: Roster, number: int) -> list[bytes]:
    """The kids of a person's keys."""
    person = roster.person(number)
    return [] if person is None else [cose.key_id(key[1:]) for key in person["keys"]]
