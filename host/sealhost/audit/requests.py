"""Messages that no opening rests on: requests that wait or were denied, decisions that did not count, finishes,
reports.

The box did not judge them, so they are judged here as a host would have: by a roster that they could have met, at a
time that they could have met it. The host's own memory of when they came is no proof and not in the bundle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sealwire import errors, rules
from sealwire.errors import Refused
from sealwire.messages import APPROVE, DECISION, FINISH, READY, REPORT, REQUEST, SUBSTITUTE, Message
from sealwire.roster import Roster

from sealhost.audit.bundle import message_path
from sealhost.audit.findings import Check, Findings, Rank
from sealhost.audit.letters import Letters
from sealhost.audit.log import BoxLog
from sealhost.audit.rosters import RosterChain
from sealhost.audit.standing import Opening


@dataclass
class Papers:
    """All that is known when the logs were gone through.

    openings: by request; used: references that some log's opening or entry rests on.
    """

    rosters: RosterChain
    letters: Letters
    logs: dict[bytes, BoxLog]
    openings: dict[bytes, list[Opening]]
    used: set[bytes]
    findings: Findings

    def blame(self, message: Message, check: str, why: str) -> None:
        """A finding about a message."""
        self.findings.add(Rank.REQUEST, message_path(message.reference), message.reference.hex(), check, why)

    def opened(self, request: bytes) -> list[Opening]:
        """The openings for a request."""
        return self.openings.get(request, [])


def check_requests(papers: Papers) -> None:
    """Check everything that no log did."""
    for request in papers.letters.of(REQUEST):
        if _roster_there(papers, request):
            if request.reference not in papers.used:
                _check_anchor(papers, request)
                _by_some_roster(papers, request, request["roster"], partial(_judge_request, request=request))
            _check_voices(papers, request)
        follows = request.get("follows")
        if follows is not None:
            _named(papers, request, follows)
    for substitute in papers.letters.of(SUBSTITUTE):
        if substitute.reference not in papers.used and _roster_there(papers, substitute):
            judge = partial(_judge_substitute, substitute=substitute)
            _by_some_roster(papers, substitute, substitute["roster"], judge)
    for decision in papers.letters.of(DECISION):
        _check_decision(papers, decision)
    for number in (READY, FINISH, REPORT):
        for message in papers.letters.of(number):
            _check_keepers(papers, message)


def _roster_there(papers: Papers, message: Message) -> bool:
    """Whether the roster that a message names can be had; a finding when it should be there."""
    version = message["roster"]
    if papers.rosters.unknown(version):
        papers.findings.note(
            f"message {message.reference.hex()} names roster {version}, which is not proven: not checked"
        )
        return False
    if version not in papers.rosters.rosters:
        why = f"this {message.name} names roster {version}, which is not in the bundle"
        papers.blame(message, Check.ROSTER_MISSING, why)
        return False
    return True


def _named(papers: Papers, message: Message, reference: bytes) -> Message | None:
    """The request that a message names; a finding when it is not there."""
    request = papers.letters.get(reference, REQUEST)
    if request is None and not papers.findings.blames(reference.hex()):
        why = f"the {message.name} {message.reference.hex()} names this request, which is not in the bundle"
        papers.findings.add(Rank.MESSAGE, message_path(reference), reference.hex(), Check.MESSAGE_MISSING, why)
    return request


def _check_anchor(papers: Papers, request: Message) -> None:
    log = papers.logs.get(request["box"])
    if log is None:
        if not papers.findings.blamed_below(f"boxes/{request['box'].hex()}/"):
            why = f"this request is for the box {request['box'].hex()}, whose log is not in the bundle"
            papers.blame(request, Check.LOG_MISSING, why)
        return
    seq = request["anchor_seq"]
    if seq > len(log.heads):
        if not log.broken:
            why = f"this request was made when the box's log had {seq} entries; here it ends with {len(log.heads)}"
            papers.blame(request, Check.ANCHOR, why)
    elif log.heads[seq - 1] != request["anchor_head"]:
        papers.blame(request, Check.ANCHOR, f"this request names another head of the box's log after entry {seq}")


def _by_some_roster(papers: Papers, message: Message, since: int, check: Callable[[Roster], None]) -> None:
    """A message holds when one roster, from this version on, takes it; else the first one's reason is the finding."""
    reason: Refused | None = None
    for roster in papers.rosters.since(since):
        try:
            check(roster)
            return
        except Refused as refusal:
            reason = reason or refusal
    if reason is not None and papers.rosters.broken_at is None:
        papers.blame(message, reason.name, f"no roster since version {since} allows this {message.name}: {reason}")


def _moment(roster: Roster, message: Message, at: int, latest: int) -> int:
    """The earliest time from ``at`` on at which the signer is valid: a host may have taken the message somewhat
    later.
    """
    start: int = roster.signer(message.kid)[0]["from"]
    return max(at, min(start, latest))


def _judge_request(roster: Roster, request: Message) -> None:
    rules.check_request(roster, request, _moment(roster, request, request["created"], request["expires"]))


def _judge_substitute(roster: Roster, substitute: Message) -> None:
    rules.check_substitute(roster, substitute, _moment(roster, substitute, substitute["from"], substitute["until"]))


def _check_decision(papers: Papers, decision: Message) -> None:
    request = _named(papers, decision, decision["request"])
    if request is None or decision.reference in papers.used or not _roster_there(papers, decision):
        return

    def judge(roster: Roster) -> None:
        now = _moment(roster, decision, decision["decided"], max(decision["decided"], request["expires"]))
        case = rules.check_request(roster, request, now)
        rules.check_decision(roster, case, decision, _substitutes(papers, roster, decision, now), now)

    _by_some_roster(papers, decision, max(request["roster"], decision["roster"]), judge)


def _substitutes(papers: Papers, roster: Roster, decision: Message, now: int) -> list[Message]:
    """The substitutes that may stand behind a decision: one that is no good for another reason must not spoil it."""
    found: list[Message] = []
    if decision.get("for") is None:
        return found
    for substitute in papers.letters.of(SUBSTITUTE):
        try:
            rules.check_substitute(roster, substitute, now)
        except Refused:
            continue
        found.append(substitute)
    return found


def _check_voices(papers: Papers, request: Message) -> None:
    """Nobody approves a request twice, as substitute or for oneself."""
    seen: set[int] = set()
    for decision in papers.letters.about(DECISION, request.reference):
        person = papers.rosters.person_number(decision.kid)
        if decision["verdict"] != APPROVE or person is None:
            continue
        voices = {person, decision.get("for") or person}
        if voices & seen:
            why = "this approval is a second one of the same person for the same request"
            papers.blame(decision, errors.name_of(errors.COUNTED_TWICE), why)
        seen |= voices


def _check_keepers(papers: Papers, message: Message) -> None:
    """What only a request's own keeper may say."""
    request = _named(papers, message, message["request"])
    if request is None:
        return
    if papers.rosters.person_number(message.kid) != papers.rosters.person_number(request.kid):
        why = f"this {message.name} is not by the keeper who raised the request"
        papers.blame(message, errors.name_of(errors.OTHER_KEEPER), why)
    log = papers.logs.get(request["box"])
    if message.number == REPORT and log is not None and not log.broken and not papers.opened(request.reference):
        why = "impressions are reported of this request, but the box's log knows no opening for it"
        papers.blame(message, Check.REPORT_UNUSED, why)
