"""The life of a request as a pure table."""

from __future__ import annotations

import pytest
from sealhost.core.backoff import delay_s
from sealhost.core.lifecycle import LIVE, TRANSITIONS, Event, Facts, State, settle, step

BASE = {"now": 100, "expires": 200, "impressions": 2}


def after(state: State, **facts: object) -> State:
    return settle(state, Facts(**{**BASE, **facts}))  # type: ignore[arg-type]


def test_every_state_and_event_has_an_outcome_and_ends_stay_ends_unless_the_box_opened():
    assert set(TRANSITIONS) == set(State)
    for state in State:
        for event in Event:
            outcome = step(state, event)
            if state not in LIVE and outcome != state:
                assert event in (Event.OPENED, Event.CLOSED_SPENT)


@pytest.mark.parametrize("state", list(State))
def test_same_facts_again_change_nothing(state: State):
    for facts in ({}, {"approved": True, "until": 300}, {"opened": 1, "spent": 1}, {"opened": 1, "open_now": True}):
        once = after(state, **facts)
        assert after(once, **facts) == once


def test_outcomes():
    approved = {"approved": True, "until": 300}
    assert after(State.WAITING) == State.WAITING
    assert after(State.WAITING, **approved) == State.APPROVED
    assert after(State.WAITING, **approved, granted=True) == State.GRANTED
    assert after(State.GRANTED, **approved) == State.APPROVED
    assert after(State.GRANTED, **approved, granted=True, denied=True) == State.DENIED
    assert after(State.WAITING, now=201) == State.EXPIRED
    assert after(State.APPROVED, approved=True, until=99) == State.EXPIRED
    assert after(State.GRANTED, **approved, opened=1, open_now=True, spent=2) == State.OPEN
    assert after(State.OPEN, **approved, opened=1, spent=2) == State.FINISHED
    assert after(State.OPEN, **approved, opened=1, spent=1) == State.APPROVED
    assert after(State.OPEN, **approved, opened=1, spent=1, finished=True) == State.FINISHED
    assert after(State.OPEN, opened=1, open_now=True, denied=True) == State.OPEN
    assert after(State.DENIED, **approved) == State.DENIED
    assert after(State.DENIED, opened=1, open_now=True) == State.OPEN


def test_attempts_come_ever_later_up_to_five_minutes():
    assert [delay_s(number) for number in (1, 2, 3, 7, 100)] == [5, 10, 20, 300, 300]
