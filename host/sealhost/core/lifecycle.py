"""The life of a request at the host, as a table: what each event makes of each state.

Guarantees: a pair that is not in the table leaves the state as it is; an unknown state or event is an error, never a
guess. The table opens nothing: it says what the host should do next, the box decides by itself.
Leaves to others: where events come from (people's messages, proven log entries, the clock).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a request is."""

    WAITING = "waiting"  # for decisions
    APPROVED = "approved"  # the rule is met; a challenge is asked for, or a `ready` waited for
    GRANTED = "granted"  # a grant was stored and is being sent
    OPEN = "open"  # the box wrote its intent
    FINISHED = "finished"  # spent, or ended by its keeper
    DENIED = "denied"
    EXPIRED = "expired"  # waited too long for decisions, or for use
    FAILED = "failed"  # can never open any more; the reason stands beside it


class Event(StrEnum):
    """What happens to a request."""

    RULE_MET = "rule_met"
    RULE_UNMET = "rule_unmet"  # a withdrawal, or a roster without one of the approvers
    DENIALS_REACHED = "denials_reached"
    WAIT_OVER = "wait_over"
    USE_OVER = "use_over"
    GRANT_STORED = "grant_stored"
    GRANT_REFUSED = "grant_refused"  # by the box, or no answer came
    OPENED = "opened"
    CLOSED_WITH_REST = "closed_with_rest"
    CLOSED_SPENT = "closed_spent"
    FINISHED_BY_KEEPER = "finished_by_keeper"
    IMPOSSIBLE = "impossible"  # rule changed, anchor not in the log, ...


_S, _E = State, Event
# The box had opened before it heard of the end: what it logged counts.
_ENDED = {_E.OPENED: _S.OPEN, _E.CLOSED_SPENT: _S.FINISHED}

TRANSITIONS: dict[State, dict[Event, State]] = {
    _S.WAITING: {
        _E.RULE_MET: _S.APPROVED,
        _E.DENIALS_REACHED: _S.DENIED,
        _E.WAIT_OVER: _S.EXPIRED,
        _E.FINISHED_BY_KEEPER: _S.FINISHED,
        _E.IMPOSSIBLE: _S.FAILED,
        _E.OPENED: _S.OPEN,
        _E.CLOSED_SPENT: _S.FINISHED,
    },
    _S.APPROVED: {
        _E.RULE_UNMET: _S.WAITING,
        _E.DENIALS_REACHED: _S.DENIED,
        _E.USE_OVER: _S.EXPIRED,
        _E.GRANT_STORED: _S.GRANTED,
        _E.FINISHED_BY_KEEPER: _S.FINISHED,
        _E.IMPOSSIBLE: _S.FAILED,
        _E.OPENED: _S.OPEN,
        _E.CLOSED_SPENT: _S.FINISHED,
    },
    _S.GRANTED: {
        _E.RULE_UNMET: _S.WAITING,
        _E.DENIALS_REACHED: _S.DENIED,
        _E.USE_OVER: _S.EXPIRED,
        _E.GRANT_REFUSED: _S.APPROVED,
        _E.FINISHED_BY_KEEPER: _S.FINISHED,
        _E.IMPOSSIBLE: _S.FAILED,
        _E.OPENED: _S.OPEN,
        _E.CLOSED_WITH_REST: _S.APPROVED,
        _E.CLOSED_SPENT: _S.FINISHED,
    },
    _S.OPEN: {  # only the box's own log ends it
        _E.CLOSED_WITH_REST: _S.APPROVED,
        _E.CLOSED_SPENT: _S.FINISHED,
    },
    _S.FINISHED: _ENDED,
    _S.DENIED: _ENDED,
    _S.EXPIRED: _ENDED,
    _S.FAILED: _ENDED,
}

LIVE = (State.WAITING, State.APPROVED, State.GRANTED, State.OPEN)
"""States in which something may still happen; the others are ends."""


def step(state: State, event: Event) -> State:
    """The state after an event; the same state when the event means nothing in it."""
    return TRANSITIONS[state].get(event, state)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a request at one moment."""

    now: int
    expires: int  # decisions are waited for until then
    impressions: int
    opened: int = 0  # times the box wrote an intent
    open_now: bool = False  # an intent without its closing
    spent: int = 0
    finished: bool = False  # by its keeper
    impossible: bool = False
    denied: bool = False
    approved: bool = False
    until: int = 0  # last second of use, when approved
    granted: bool = False  # a grant is alive


def events(facts: Facts) -> Iterator[Event]:
    """What the facts say, in the order in which it counts: first what the box did, then what people said, then time."""
    if facts.open_now:
        yield Event.OPENED
    elif facts.opened:
        yield Event.CLOSED_SPENT if facts.spent >= facts.impressions else Event.CLOSED_WITH_REST
    if facts.finished:
        yield Event.FINISHED_BY_KEEPER
    if facts.impossible:
        yield Event.IMPOSSIBLE
    if facts.denied:
        yield Event.DENIALS_REACHED
    yield Event.RULE_MET if facts.approved else Event.RULE_UNMET
    if not facts.approved and facts.now > facts.expires:
        yield Event.WAIT_OVER
    if facts.approved and facts.now > facts.until:
        yield Event.USE_OVER
    yield Event.GRANT_STORED if facts.granted else Event.GRANT_REFUSED


def settle(state: State, facts: Facts) -> State:
    """The state that the facts lead to. The same facts again change nothing more."""
    for event in events(facts):
        state = step(state, event)
    return state
