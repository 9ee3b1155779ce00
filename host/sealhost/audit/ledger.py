"""The ledger: one line for each request, as far as the bundle proves it, with the cases that people should look at."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from sealwire import messages, rules
from sealwire.errors import Refused
from sealwire.messages import APPROVE, DECISION, DENY, FINISH, REPORT, REQUEST, Message
from sealwire.roster import Roster

from sealhost.audit.requests import Papers
from sealhost.audit.standing import Opening


@dataclass
class LedgerLine:
    """A request and what became of it. Times are UTC seconds; persons are named as in the newest roster that lists
    them.
    """

    code: str
    request: str
    box: str
    bay: int
    seal: str
    matter: int
    wording: str
    created: int
    keeper: str
    approved_by: list[str]
    denied_by: list[str]
    state: str
    impressions: int
    spent: int
    pressed: int
    declared: int | None
    opened: list[int]
    roster: int
    cases: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As one flat object."""
        return asdict(self)


def ledger_of(papers: Papers, wordings: dict[int, dict[int, str]]) -> list[LedgerLine]:
    """The lines of all requests whose signatures hold, oldest first."""
    lines = [_line(papers, wordings, request) for request in papers.letters.of(REQUEST)]
    return sorted(lines, key=lambda line: (line.created, line.request))


def _line(papers: Papers, wordings: dict[int, dict[int, str]], request: Message) -> LedgerLine:
    openings = papers.opened(request.reference)
    roster = papers.rosters.rosters.get(request["roster"]) or papers.rosters.last
    approvals, denials = _voices(papers, request)
    counted = sorted({number for opening in openings for number in opening.people})
    reports = papers.letters.about(REPORT, request.reference)
    line = LedgerLine(
        code=messages.short_code(request.reference),
        request=request.reference.hex(),
        box=request["box"].hex(),
        bay=request["bay"],
        seal=_seal(roster, request),
        matter=request["matter"],
        wording=wordings.get(request["roster"], {}).get(request["matter"], ""),
        created=request["created"],
        keeper=_name(papers, papers.rosters.person_number(request.kid)),
        approved_by=[_name(papers, number) for number in (counted or approvals)],
        denied_by=[_name(papers, number) for number in denials],
        state="",
        impressions=request["impressions"],
        spent=sum(opening.spends - opening.given_back for opening in openings),
        pressed=sum(opening.pressed for opening in openings),
        declared=reports[-1]["impressions"] if reports else None,
        opened=[opening.time for opening in openings],
        roster=request["roster"],
    )
    line.state = _state(papers, request, line, openings)
    line.cases = _cases(papers, request, line, openings)
    return line


def _voices(papers: Papers, request: Message) -> tuple[list[int], list[int]]:
    """(people who approved, people who denied), by number."""
    voices: dict[int, set[int]] = {APPROVE: set(), DENY: set()}
    for decision in papers.letters.about(DECISION, request.reference):
        person = papers.rosters.person_number(decision.kid)
        if person is not None and decision["verdict"] in voices:
            voices[decision["verdict"]].add(decision.get("for") or person)
    return sorted(voices[APPROVE] - voices[DENY]), sorted(voices[DENY])


def _name(papers: Papers, number: int | None) -> str:
    for roster in papers.rosters.newest_first():
        person = None if number is None else roster.person(number)
        if person is not None:
            return str(person["name"])
    return "?"


def _seal(roster: Roster | None, request: Message) -> str:
    try:
        bays = [] if roster is None else roster.box(request["box"])["bays"]
    except Refused:
        return ""
    return next((str(bay["seal"]) for bay in bays if bay["number"] == request["bay"]), "")


def _state(papers: Papers, request: Message, line: LedgerLine, openings: list[Opening]) -> str:
    """What became of a request: open, used, finished, denied, approved or waiting."""
    if any(opening.closed is None for opening in openings):
        return "open"
    if line.spent >= line.impressions:
        return "used"
    if papers.letters.about(FINISH, request.reference):
        return "finished"
    if openings:
        return "partly_used"
    return _outcome(papers, request)


def _outcome(papers: Papers, request: Message) -> str:
    """What the decisions make of a request that was never opened, by the newest roster that still knows its rule."""
    decisions = papers.letters.about(DECISION, request.reference)
    substitutes = papers.letters.of(messages.SUBSTITUTE)
    now = max([request["created"], *(decision["decided"] for decision in decisions)])
    for roster in papers.rosters.newest_first():
        try:
            judgement = rules.judge(roster, request, decisions, substitutes, now, [])
        except Refused:
            continue
        return {rules.APPROVED: "approved", rules.DENIED: "denied"}.get(judgement.state, "waiting")
    return "waiting"


def _cases(papers: Papers, request: Message, line: LedgerLine, openings: list[Opening]) -> list[str]:
    """What people should look at, though every proof holds."""
    cases = []
    over = sum(max(0, opening.pressed - opening.spends) for opening in openings)
    if over:
        cases.append(f"over_approved: {over} above the approved number, pressed while the shutter closed")
    if any(opening.cause == "interrupted" for opening in openings):
        cases.append("interrupted: the power went while the bay was open; presses may be uncounted")
    if any(opening.jams for opening in openings):
        cases.append("jammed: the shutter was stuck")
    if line.declared is not None and line.declared != line.pressed:
        cases.append(f"declared: {line.declared} reported, {line.pressed} sensed")
    if openings:
        first = openings[0].time
        for decision in papers.letters.about(DECISION, request.reference):
            if decision["verdict"] != APPROVE and decision["decided"] < first and decision.reference not in papers.used:
                name = _name(papers, papers.rosters.person_number(decision.kid))
                cases.append(f"not_counted: {name} denied or withdrew before the bay opened, and the box did not know")
    return cases
