"""The life of a request at the host, as a table: what each event makes of each state.

Guarantees: a pair that is not in the table leaves the state as it is; an unknown state or event is an error, never a
guess. The table opens nothing: it says what the host should do next, the box decides by itself.
Leaves to others: where events come from (people's messages, proven log entries, the clock).
"""

from __future__ import annotations

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
_ENDINGS = {_E.OPENED: _S.OPEN}  # the box had opened before it heard: what it logged counts

TRANSITIONS: dict[State, dict[Event, State]] = {
    _S.WAITING: {
        _E.RULE_MET: _S.APPROVED,
        _E.DENIALS_REACHED: _S.DENIED,
        _E.WAIT_OVER: _S.EXPIRED,
        _E.FINISHED_BY_KEEPER: _S.FINISHED,
        _E.IMPOSSIBLE: _S.FAILED,
        _E.OPENED: _S.OPEN,
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
    },
    _S.OPEN: {  # only the box's own log ends it
        _E.CLOSED_WITH_REST: _S.APPROVED,
        _E.CLOSED_SPENT: _S.FINISHED,
    },
    _S.FINISHED: _ENDINGS,
    _S.DENIED: _ENDINGS,
    _S.EXPIRED: _ENDINGS,
    _S.FAILED: _ENDINGS,
}

LIVE = (State.WAITING, State.APPROVED, State.GRANTED, State.OPEN)
"""States in which something may still happen; the others are ends."""


def step(state: State, event: Event) -> State:
    """The state after an event; the same state when the event means nothing in it."""
    return TRANSITIONS[state].get(event, state)
