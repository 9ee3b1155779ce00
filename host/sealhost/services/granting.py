"""From an approved request and a live challenge to a grant, stored with its outbox row before it is sent.

Guarantees: one alive grant for a nonce; the same challenge is answered again by the same bytes; no grant while the
challenge does not continue the log that is stored here, or while the box lacks the roster or the time.
"""

from __future__ import annotations

from typing import Any

import structlog
from sealwire import limits, messages, rules
from sealwire.errors import Refused
from sealwire.messages import Message
from sealwire.roster import Roster
from sqlalchemy import Row

from sealhost.core.backoff import delay_s
from sealhost.core.lifecycle import State
from sealhost.services.context import Turn
from sealhost.services.lifecycles import drop_grants, opens_by_itself, refresh
from sealhost.services.weighing import Weighed, read_all, read_log, weigh
from sealhost.store import boxes, outbox
from sealhost.store import messages as message_store

_log = structlog.get_logger(__name__)

CHALLENGE_MARGIN_S = 10
"""A grant takes a moment to arrive: a challenge this close to its end is not used."""
ANSWER_S = 5
"""How long the box may take to answer a grant before it is asked again."""


def ask(turn: Turn, site: bytes, box: bytes, bay: int) -> None:
    """Ask a box for its bay's challenge."""
    turn.send(turn.to_box(site, box), messages.build_item(messages.ASK, {"bay": bay}))


def ask_for(turn: Turn, row: Row[Any]) -> None:
    """Ask on behalf of a request, less often each time in vain."""
    busy = [other for other in message_store.of_bay(turn.tx, row.site, row.box, row.bay) if other.live_state == "open"]
    if busy:  # one request at a time; closing asks at once
        message_store.update_request(turn.tx, row.site, row.reference, ask_at=turn.now + delay_s(1))
        return
    asks = row.asks + 1
    message_store.update_request(turn.tx, row.site, row.reference, ask_at=turn.now + delay_s(asks), asks=asks)
    ask(turn, row.site, row.box, row.bay)


def advance(turn: Turn, site: bytes, box: bytes, again: bool = False) -> None:
    """Answer the live challenges of a box with grants, where requests are ready for it.

    `again`: the box has just shown its challenge, so a grant that it refused before is worth another try.
    """
    known = boxes.get(turn.tx, site, box)
    roster = turn.roster(site)
    if known is None or roster is None or known.roster < roster.version or not known.clock_set:
        return
    for challenge in boxes.challenges(turn.tx, site, box):
        if is_usable(challenge, turn.now) and fits(turn, challenge):
            _answer(turn, roster, challenge, again)


def is_usable(challenge: Row[Any], now: int) -> bool:
    """Whether the box still honours a challenge, as far as time says."""
    return bool(now <= challenge.received + limits.CHALLENGE_SECONDS - CHALLENGE_MARGIN_S)


def fits(turn: Turn, challenge: Row[Any]) -> bool:
    """Whether a challenge lies on the log stored here; False also while its entries are still to come."""
    return bool(boxes.head_at(turn.tx, challenge.site, challenge.box, challenge.seq) == challenge.head)


def _answer(turn: Turn, roster: Roster, challenge: Row[Any], again: bool) -> None:
    alive = outbox.alive_for_nonce(turn.tx, challenge.site, challenge.nonce)
    if alive is not None:
        return  # its outbox row sends it, see `repeat`
    rows = message_store.of_bay(turn.tx, challenge.site, challenge.box, challenge.bay)
    if any(row.live_state == State.OPEN for row in rows):
        return
    for row in rows:
        if row.live_state in (State.APPROVED, State.GRANTED) and _grant(turn, roster, row, challenge, again):
            return


def repeat(turn: Turn, site: bytes, nonce: bytes) -> None:
    """The box showed a challenge (again): send the grant that answers it at once."""
    alive = outbox.alive_for_nonce(turn.tx, site, nonce)
    if alive is not None:
        outbox.hold(turn.tx, site, alive.reference, turn.now)


def _grant(turn: Turn, roster: Roster, row: Row[Any], challenge: Row[Any], again: bool) -> bool:
    """Make, store and queue the grant; False when this request does not open with this challenge now."""
    log = read_log(turn, row, live=True)
    weighed = weigh(turn, roster, row, log)
    if weighed.judgement is None:
        return False
    ready = _ready_for(turn, roster, weighed, row, challenge.nonce)
    if ready is None and not opens_by_itself(row, log.history.opened, turn.now):
        return False
    try:
        rules.may_open(weighed.judgement, log.history, ready is not None, turn.now)
    except Refused as refusal:
        _log.info("not granted", request=row.reference.hex(), reason=refusal.name)
        return False
    chosen = choose(turn, roster, row, weighed, log.history.against)
    if chosen is None:
        return False
    decisions, substitutes = chosen
    fields: dict[str, Any] = {
        "nonce": challenge.nonce,
        "request": weighed.request.raw,
        "decisions": [decision.raw for decision in decisions],
        "substitutes": [substitute.raw for substitute in substitutes],
    }
    if ready is not None:
        fields["ready"] = ready.raw
    grant = messages.read(turn.sign(messages.GRANT, fields, row.site), row.site)
    known = outbox.grant(turn.tx, row.site, grant.reference)
    if known is not None and not again:
        return False
    _store(turn, row, grant, known is None, ready is not None)
    return True


def _store(turn: Turn, row: Row[Any], grant: Message, new: bool, ready: bool) -> None:
    raw = grant.raw
    drop_grants(turn, row.site, row.reference)  # of an older challenge, which the box has dropped
    if new:
        message_store.add(
            turn.tx, row.site, grant.reference, messages.GRANT, grant.kid, raw, turn.now, request=row.reference
        )
        outbox.add_grant(
            turn.tx, site=row.site, reference=grant.reference, request=row.reference, nonce=grant["nonce"], raw=raw,
            made=turn.now, ready=ready, state="alive", reason=0,
        )  # fmt: skip
    else:  # the same challenge after a refusal that may have passed: the same bytes again
        outbox.set_grant(turn.tx, row.site, grant.reference, "alive")
    topic = turn.to_box(row.site, row.box)
    outbox.put(turn.tx, row.site, topic, raw, turn.now, answer=grant.reference, box=row.box)
    wait = ANSWER_S + delay_s(row.asks)
    message_store.update_request(turn.tx, row.site, row.reference, ask_at=turn.now + wait)
    turn.record(row.site, "grant", row.reference, None, grant.reference.hex())
    refresh(turn, row.site, row.reference)


def _ready_for(turn: Turn, roster: Roster, weighed: Weighed, row: Row[Any], nonce: bytes) -> Message | None:
    """The keeper's `ready` for this challenge, if there is one."""
    if weighed.judgement is None:
        return None
    stored = message_store.of_request(turn.tx, row.site, row.reference, messages.READY)
    for ready in read_all(turn, row.site, stored):
        if ready["nonce"] == nonce:
            try:
                rules.check_ready(roster, weighed.judgement.case, ready, nonce, turn.now)
            except Refused:
                continue
            return ready
    return None


def choose(
    turn: Turn, roster: Roster, row: Row[Any], weighed: Weighed, against: list[tuple[int, int, int | None]]
) -> tuple[list[Message], list[Message]] | None:
    """The approvals that meet the rule, and the substitutes they need, as few as a grant holds; None if none do."""
    judgement = weighed.judgement
    assert judgement is not None
    approvals = [
        decision
        for decision in weighed.decisions
        if decision["verdict"] == messages.APPROVE
        and roster.signer(decision.kid)[0]["number"] in judgement.people
        and (decision.get("for") is None or decision["for"] in judgement.people)
    ]
    for decision in list(approvals):
        fewer = [other for other in approvals if other is not decision]
        needed = substitutes_for(roster, approvals, weighed.substitutes)
        if len(approvals) <= limits.GRANT_DECISIONS and len(needed) <= limits.GRANT_SUBSTITUTES:
            break
        left = rules.judge(roster, weighed.request, fewer, weighed.substitutes, turn.now, against)
        if left.state == rules.APPROVED:
            approvals = fewer
    needed = substitutes_for(roster, approvals, weighed.substitutes)
    if len(approvals) > limits.GRANT_DECISIONS or len(needed) > limits.GRANT_SUBSTITUTES:
        _log.warning("approved, but by more substitutes than a grant holds", request=row.reference.hex())
        return None
    return approvals, needed


def substitutes_for(roster: Roster, decisions: list[Message], substitutes: list[Message]) -> list[Message]:
    """One `substitute` message for each decision that needs one."""
    needed: list[Message] = []
    for decision in decisions:
        if decision.get("for") is None:
            continue
        person = roster.signer(decision.kid)[0]["number"]
        for substitute in substitutes:
            stands_in = (
                substitute["person"] == person and substitute["from"] <= decision["decided"] <= substitute["until"]
            )
            if stands_in and roster.signer(substitute.kid)[0]["number"] == decision["for"]:
                if substitute not in needed:
                    needed.append(substitute)
                break
    return needed
