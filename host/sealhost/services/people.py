"""What people send: request, decision, substitute, ready, finish, report.

Each function takes a message whose form was read; it checks signature and meaning and stores it, or raises Refused with
the reason that goes into the receipt. Nothing of a refused message is stored.
"""

from __future__ import annotations

from typing import Any

from sealwire import errors, limits, messages, rules, topics
from sealwire.errors import Refused
from sealwire.messages import Message
from sealwire.roster import Roster
from sqlalchemy import Row

from sealhost.core.lifecycle import State
from sealhost.services import granting
from sealhost.services.context import Turn
from sealhost.services.lifecycles import refresh, refresh_all
from sealhost.services.weighing import kids_of, read_log, weigh
from sealhost.store import boxes, outbox
from sealhost.store import messages as message_store

_CLOSED = {
    State.DENIED: errors.DENIED,
    State.FINISHED: errors.FINISHED,
}


def check_signer(roster: Roster, message: Message, turn: Turn) -> dict[str, Any]:
    """The person who signed. Raises Refused: newer_roster first, so that a sender whose roster is ahead tries again."""
    if message.get("roster") is not None:
        rules.not_newer(message["roster"], roster)
    person, public_key = roster.signer(message.kid)
    turn.check(message, public_key)
    rules.valid_person(person, turn.now)
    return person


def keep(turn: Turn, message: Message, request: bytes | None) -> None:
    """Store a message that was checked; `request` is the one it speaks of."""
    site = message.site
    message_store.add(
        turn.tx, site, message.reference, message.number, message.kid, message.raw, turn.now, request=request
    )
    turn.record(site, message.name, message.reference, message.kid)


def goes_to_boxes(message: Message) -> bool:
    """Whether people send this kind of message to the box as well: denials, withdrawals, finishes."""
    if message.number == messages.DECISION:
        return bool(message["verdict"] != messages.APPROVE)
    return message.number == messages.FINISH


def _request(turn: Turn, message: Message) -> Row[Any]:
    row = message_store.request(turn.tx, message.site, message["request"])
    if row is None:
        raise Refused(errors.UNKNOWN_REQUEST)
    return row


def take_request(turn: Turn, roster: Roster, message: Message) -> None:
    """A keeper's request. Raises Refused: what `rules.check_request` does, waiting_expired, unanchored."""
    check_signer(roster, message, turn)
    case = rules.check_request(roster, message, turn.now)
    if turn.now > message["expires"]:
        raise Refused(errors.WAITING_EXPIRED)
    _check_anchor(turn, message)
    store_request(turn, message, case.raiser["number"])


def store_request(turn: Turn, message: Message, person: int) -> None:
    """Keep a request that was checked; `person` raised it."""
    keep(turn, message, None)
    copied = ("box", "bay", "impressions", "matter", "details", "anchor_seq", "created", "expires", "attended")
    message_store.add_request(
        turn.tx, site=message.site, reference=message.reference, keeper=message.kid, person=person,
        received=turn.now, changed=turn.now, state=str(State.WAITING), live_state=str(State.WAITING), reason=0,
        until=0, opened=0, spent=0, pressed=0, ask_at=None, asks=0, **{name: message[name] for name in copied},
    )  # fmt: skip
    refresh(turn, message.site, message.reference)


def _check_anchor(turn: Turn, message: Message) -> None:
    """The anchor lies on the stored log and not too far back; one that is ahead of it, the box will judge."""
    box = boxes.get(turn.tx, message.site, message["box"])
    if box is None:
        raise Refused(errors.UNKNOWN_BOX)
    seq = message["anchor_seq"]
    if seq > box.seq:
        return
    if boxes.head_at(turn.tx, message.site, box.kid, seq) != message["anchor_head"]:
        raise Refused(errors.UNANCHORED, "not on this box's log")
    if box.seq - seq > limits.ANCHOR_BACK:
        raise Refused(errors.UNANCHORED, "too far back")


def take_decision(turn: Turn, roster: Roster, message: Message) -> None:
    """An officer's decision. Raises Refused: unknown_request, request_closed and its like, what `rules` says."""
    person = check_signer(roster, message, turn)
    row = _request(turn, message)
    rules.not_ahead(message["decided"], turn.now)
    if message["decided"] < turn.now - limits.CLOCK_AHEAD and not turn.may_be_lost(message["decided"]):
        raise Refused(errors.DECIDED_OUTSIDE_TIME, "more than ten minutes ago")
    _check_open(row, message)
    log = read_log(turn, row, live=True)
    weigh(turn, roster, row, log, message)
    _check_first(turn, roster, row, message, person["number"])
    keep(turn, message, row.reference)
    refresh(turn, message.site, row.reference)
    if message["verdict"] != messages.APPROVE and outbox.grants(turn.tx, row.site, row.reference):
        _forward(turn, row, message)
    turn.send(topics.inbox(row.site, row.keeper), message.raw)
    granting.advance(turn, row.site, row.box)


def _check_open(row: Row[Any], message: Message) -> None:
    state = State(row.state)
    if state in _CLOSED:
        raise Refused(_CLOSED[state])
    if state == State.EXPIRED:
        raise Refused(errors.USE_EXPIRED if row.until else errors.WAITING_EXPIRED)
    if state == State.FAILED:
        raise Refused(errors.REQUEST_CLOSED, errors.name_of(row.reason))
    if message["verdict"] == messages.APPROVE and state != State.WAITING:
        raise Refused(errors.ALREADY_DECIDED, "approved by enough others")


def _check_first(turn: Turn, roster: Roster, row: Row[Any], message: Message, person: int) -> None:
    """A person has one voice of each kind: after a denial nothing more, after a withdrawal only a denial."""
    voice = (person, message.get("for"))
    for raw in message_store.of_request(turn.tx, row.site, row.reference, messages.DECISION):
        other = messages.read(raw, row.site)
        try:
            spoke = (roster.signer(other.kid)[0]["number"], other.get("for"))
        except Refused:
            continue
        if spoke != voice or other["verdict"] == messages.APPROVE:
            continue
        if other["verdict"] == messages.DENY or message["verdict"] != messages.DENY:
            raise Refused(errors.ALREADY_DECIDED)


def _forward(turn: Turn, row: Row[Any], message: Message) -> None:
    """Send a person's message on to the box until its log names it."""
    topic = turn.to_box(row.site, row.box)
    outbox.put(turn.tx, row.site, topic, message.raw, turn.now, answer=message.reference, box=row.box)


def take_substitute(turn: Turn, roster: Roster, message: Message) -> None:
    """Somebody stands in for the signer. Raises Refused: what `rules.check_substitute` does, no_substitute."""
    check_signer(roster, message, turn)
    rules.check_substitute(roster, message, turn.now)
    if message["until"] < turn.now:
        raise Refused(errors.SUBSTITUTE_PERIOD, "over already")
    if roster.person(message["person"]) is None:
        raise Refused(errors.NO_SUBSTITUTE, "the roster lists no such person")
    keep(turn, message, None)
    for kid in kids_of(roster, message["person"]):
        turn.send(topics.inbox(message.site, kid), message.raw)
    refresh_all(turn, message.site)


def take_ready(turn: Turn, roster: Roster, message: Message) -> None:
    """The keeper is at the box. Raises Refused with the reason why the box would not open now."""
    check_signer(roster, message, turn)
    row = _request(turn, message)
    log = read_log(turn, row, live=True)
    weighed = weigh(turn, roster, row, log)
    if weighed.judgement is None:
        raise Refused(weighed.reason)
    challenge = boxes.challenge(turn.tx, row.site, row.box, row.bay)
    nonce = challenge.nonce if challenge is not None and granting.is_usable(challenge, turn.now) else b""
    rules.check_ready(roster, weighed.judgement.case, message, nonce, turn.now)
    if State(row.state) == State.FAILED:
        raise Refused(errors.REQUEST_CLOSED, errors.name_of(row.reason))
    if message_store.of_request(turn.tx, row.site, row.reference, messages.FINISH):
        raise Refused(errors.FINISHED)
    rules.may_open(weighed.judgement, log.history, True, turn.now)
    if any(other.live_state == State.OPEN for other in message_store.of_bay(turn.tx, row.site, row.box, row.bay)):
        raise Refused(errors.BAY_BUSY)
    keep(turn, message, row.reference)
    granting.advance(turn, row.site, row.box)


def take_finish(turn: Turn, roster: Roster, message: Message) -> None:
    """The keeper ends a request. Raises Refused: other_keeper, and why it has ended already."""
    person = check_signer(roster, message, turn)
    row = _request(turn, message)
    if person["number"] != row.person:
        raise Refused(errors.OTHER_KEEPER)
    if State(row.state) in (State.FINISHED, State.DENIED, State.EXPIRED, State.FAILED):
        raise Refused(errors.REQUEST_CLOSED, row.state)
    keep(turn, message, row.reference)
    if row.state != State.WAITING or outbox.grants(turn.tx, row.site, row.reference):
        _forward(turn, row, message)
    refresh(turn, row.site, row.reference)


def take_report(turn: Turn, roster: Roster, message: Message) -> None:
    """What the keeper declares. Raises Refused: other_keeper, not_used_yet."""
    person = check_signer(roster, message, turn)
    row = _request(turn, message)
    if person["number"] != row.person:
        raise Refused(errors.OTHER_KEEPER)
    if read_log(turn, row, live=True).history.opened == 0:
        raise Refused(errors.NOT_USED_YET)
    keep(turn, message, row.reference)


TAKERS = {
    messages.REQUEST: take_request,
    messages.DECISION: take_decision,
    messages.SUBSTITUTE: take_substitute,
    messages.READY: take_ready,
    messages.FINISH: take_finish,
    messages.REPORT: take_report,
}
