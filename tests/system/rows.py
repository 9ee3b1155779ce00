"""The rows of the bay's state table, and which of them a test says that it takes."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.protocol.test_spec import bay, bay_names

TRACED = Path(__file__).parent / "vm" / "traced.py"
"""What a virtual box runs to say which rows it took."""

NEVER = {
    **{("locked", event): "it serves no request, and its drive is off" for event in ("pressed", "last_pressed")},
    **{("locked", event): "nothing is waited for" for event in ("travel_over", "travel_failed", "pause_over")},
    **{("open", event): "nothing is waited for" for event in ("travel_over", "travel_failed", "pause_over")},
    **{
        (state, event): "said to an opening only"
        for state in ("locked", "closing")
        for event in ("close", "drive_ended")
    },
    ("closing", "pause_over"): "a pause ends when the closing begins",
}
"""Rows that are there in case of an error in `box`; that they change nothing is tested on the table itself."""

_Test = TypeVar("_Test", bound=Callable[..., None])
_taken: dict[str, set[tuple[str, str]]] = {}


def takes(*rows: str) -> Callable[[_Test], _Test]:
    """Says which rows a test takes, each as "state event". The fixture `traced` fails when it does not."""

    def mark(test: _Test) -> _Test:
        _taken[test.__name__] = {(row.split()[0], row.split()[1]) for row in rows}
        return test

    return mark


def taken(test: str) -> set[tuple[str, str]]:
    """The rows that a test says it takes."""
    return _taken.get(test, set())


def all_taken() -> set[tuple[str, str]]:
    """The rows that any test says it takes."""
    return set().union(*_taken.values())


def table() -> set[tuple[str, str]]:
    """All rows, those that change nothing among them."""
    states, events, _ = (list(names) for names in bay_names())
    whole, ignored = bay()._TABLE, bay()._IGNORED
    pairs = [whole[at : at + 2] for at in range(0, len(whole), 7)]
    pairs += [ignored[at : at + 2] for at in range(0, len(ignored), 2)]
    return {(states[state], events[event]) for state, event in pairs}


def printed(firmware_log: str) -> set[tuple[str, str]]:
    """The rows that a traced firmware said it took."""
    states, events, _ = (list(names) for names in bay_names())
    found = re.findall(r"^row (\d+) (\d+)$", firmware_log, re.MULTILINE)
    return {(states[int(state)], events[int(event)]) for state, event in found}
