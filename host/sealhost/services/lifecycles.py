"""Keeps a request's state, its place in inboxes, its grants and its asking in step with the facts."""

from __future__ import annotations

from typing import Any

from sealwire import errors, messages, rules, topics
from sealwire.roster import Roster
from sqlalchemy import Row

from sealhost.core import tally
from sealhost.core.lifecycle import LIVE, Facts, State, settle
from sealhost.services.context import Turn
from sealhost.services.weighing import Log, Weighed, may_decide, read_log, weigh
from sealhost.store import boxes, outbox
from sealhost.store import messages as message_store


def refresh(turn: Turn, site: bytes, reference: bytes, reason: int = 0) -> None:
    """Bring a request in step with what is stored. `reason`: the box proved that it can never open any more."""
    row = message_store.request(turn.tx, site, reference)
    roster = turn.roster(site)
    if row is None or roster is None:
        return
    proven = live = read_log(turn, row, live=False)
    weighed = live_weighed = weigh(turn, roster, row, proven)
    if boxes.last_staged(turn.tx, site, row.box) is not None:
        live = read_log(turn, row, live=True)
        live_weighed = weigh(turn, roster, row, live)
    reason = reason or weighed.reason or (errors.UNANCHORED if proven.history.clock_changed else 0)
    state = settle(State(row.state), _facts(turn, row, proven, weighed, reason))
    live_state = settle(state, _facts(turn, row, live, live_weighed, reason))
    values: dict[str, Any] = {"opened": live.history.opened, "spent": live.history.spent, "pressed": live.pressed}
    if weighed.judgement is not None and weighed.judgement.until:
        values["until"] = weighed.judgement.until
    if state == State.FAILED and reason:
        values["reason"] = reason
    elif live_state in (State.OPEN, State.FINISHED):
        values["reason"] = 0  # whatever the box refused it for before has passed
    if (state, live_state) != (row.state, row.live_state):
        values.update(state=str(state), live_state=str(live_state), changed=turn.now)
        _time_step(turn, row, live_state)
        if state != row.state:
            turn.counted.append(("requests_entered", str(state)))
            turn.record(site, f"request_{state}", reference, None, errors.name_of(reason) if reason else "")
    values.update(_asking(turn, row, live_state, values))
    message_store.update_request(turn.tx, site, reference, **values)
    if live_state not in (State.GRANTED, State.OPEN):
        drop_grants(turn, site, reference)
    _update_inboxes(turn, roster, row, weighed if state == State.WAITING else None)


def _time_step(turn: Turn, row: Row[Any], live_state: State) -> None:
    """How long a request stood where it stood, when it goes on."""
    step = _STEPS.get((State(row.live_state), live_state))
    if step is not None:
        turn.timed.append((step, turn.now - (row.received if step == tally.DECIDED else row.changed)))


_STEPS = {
    (State.WAITING, State.APPROVED): tally.DECIDED,
    (State.APPROVED, State.GRANTED): tally.GRANTED,
    (State.GRANTED, State.OPEN): tally.OPENED,
    (State.GRANTED, State.FINISHED): tally.OPENED,
}


def refresh_all(turn: Turn, site: bytes, box: bytes | None = None) -> None:
    """Bring all live requests of a site (or of one box) in step."""
    rows = message_store.live_requests(turn.tx, site)
    for row in rows:
        if box is None or row.box == box:
            refresh(turn, site, row.reference)


def _facts(turn: Turn, row: Row[Any], log: Log, weighed: Weighed, reason: int) -> Facts:
    judgement = weighed.judgement
    finished = bool(message_store.of_request(turn.tx, row.site, row.reference, messages.FINISH))
    return Facts(
        now=turn.now,
        expires=row.expires,
        impressions=row.impressions,
        opened=log.history.opened,
        open_now=log.open_now,
        spent=log.history.spent,
        finished=finished or row.person in log.history.finished,
        impossible=bool(reason),
        denied=judgement is not None and judgement.state == rules.DENIED,
        approved=judgement is not None and judgement.state == rules.APPROVED,
        until=0 if judgement is None else judgement.until,
        granted=outbox.alive_grant(turn.tx, row.site, row.reference) is not None,
    )


def opens_by_itself(row: Row[Any], opened: int, now: int) -> bool:
    """Whether the host asks the box without a `ready`: the first opening, while the keeper attends."""
    return opened == 0 and now <= row.attended and row.reason != errors.NOT_ATTENDED


def _asking(turn: Turn, row: Row[Any], live_state: State, values: dict[str, Any]) -> dict[str, Any]:
    """When to ask the box for a challenge."""
    if live_state == State.GRANTED:
        return {}
    if live_state != State.APPROVED or not opens_by_itself(row, values["opened"], turn.now):
        return {"ask_at": None, "asks": 0}
    return {} if row.ask_at is not None else {"ask_at": turn.now, "asks": 0}


def drop_grants(turn: Turn, site: bytes, reference: bytes) -> None:
    """The box shall not get these any more; if one reached it, its log says so."""
    for grant in outbox.grants(turn.tx, site, reference):
        if grant.state == "alive":
            outbox.set_grant(turn.tx, site, grant.reference, "dropped")
        outbox.answered(turn.tx, site, grant.reference)


def _update_inboxes(turn: Turn, roster: Roster, row: Row[Any], weighed: Weighed | None) -> None:
    """Retain the request in the inbox of whoever may still decide it, and clear it from all others."""
    wanted = set() if weighed is None else may_decide(roster, weighed, turn.now)
    present = outbox.waiting_kids(turn.tx, row.site, row.reference)
    raw = b""
    if wanted - present:
        stored = message_store.find(turn.tx, row.site, row.reference)
        raw = stored.raw if stored else b""
    changed = sorted(wanted ^ present)
    if not changed:
        return
    outbox.set_waiting(turn.tx, row.site, row.reference, wanted - present, present - wanted)
    waiting_topics = {kid: topics.inbox_waiting(row.site, kid, row.reference) for kid in changed}
    letters = [(waiting_topics[kid], raw if kid in wanted else b"") for kid in changed]
    outbox.put_retained(turn.tx, row.site, letters, turn.now)


def is_live(row: Row[Any]) -> bool:
    """Whether something may still happen."""
    return State(row.state) in LIVE
