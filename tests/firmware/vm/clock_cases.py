"""What the box takes for the time, and what it tells the machine before it checks certificates."""

import sys

from sealbox.board.contract import Board
from sealbox.clock import Clock


class ClockBoard(Board):
    """A board of which only the clocks work."""

    def __init__(self, utc):
        self._utc = utc
        self.machine = []

    def clock(self):
        return self._utc

    def set_clock(self, utc):
        self._utc = utc

    def set_time(self, utc):
        self.machine.append(utc)


def told(clock, least):
    clock.tell_machine(least)
    return clock._board.machine[-1]


def test_running_clock_is_what_certificates_are_checked_by():
    clock = Clock(ClockBoard(2000), 1500)
    assert told(clock, 1800) == 2000


def test_running_clock_behind_what_is_known_to_be_over_is_not_believed():
    clock = Clock(ClockBoard(2000), 1500)
    assert told(clock, 2100) == 2100
    clock.floor = 2200
    assert told(clock, 2100) == 2200


def test_lost_clock_leaves_the_last_entry_or_the_credentials_own_time():
    clock = Clock(ClockBoard(None), 1500)
    assert not clock.is_set()
    assert told(clock, 1400) == 1500
    assert told(clock, 1600) == 1600


def test_clock_that_was_set_counts_from_the_next_connection():
    clock = Clock(ClockBoard(None), 1500)
    assert told(clock, 1600) == 1600
    clock.set(5000)
    assert told(clock, 1600) == 5000


CASES = {name: case for name, case in globals().items() if name.startswith("test_")}

for chosen in sys.argv[1:] or CASES:
    CASES[chosen]()
