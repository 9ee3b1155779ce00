"""Cases for sealbox.presses, run on the MicroPython VMs: `presses_cases.py NAME` runs one, without a name all."""

import sys

from sealbox.board import LOST, PRESSED, RELEASED, TICKS_MASK, ticks_add, ticks_diff
from sealbox.presses import CHATTER, CHATTER_MS, LOST_EDGES, NONE, SETTLE_MS, STUCK, STUCK_MS, Presses

LONG_ENOUGH = SETTLE_MS + 1


def edges(start, *moments):
    """Edges at these milliseconds after start, alternating from PRESSED."""
    return [(ticks_add(start, ms), RELEASED if n % 2 else PRESSED) for n, ms in enumerate(moments)]


def test_bouncing_press_counts_once():
    presses = Presses(0)
    bouncing = edges(100, 0, 1, 2, 4, 5, 90, 91, 92, 93, 95)
    assert presses.take(bouncing, 300) == 1
    assert not presses.pressed
    assert presses.fault == NONE


def test_press_counts_while_still_held_down():
    presses = Presses(0)
    assert presses.take(edges(100, 0), 100 + SETTLE_MS - 1) == 0
    assert presses.take([], 100 + SETTLE_MS) == 1
    assert presses.pressed
    assert presses.take([], 100 + SETTLE_MS + 1) == 0


def test_bounce_of_the_release_is_no_second_press():
    presses = Presses(0)
    assert presses.take(edges(0, 0, 80, 82, 84), 81 + LONG_ENOUGH) == 1
    assert presses.take([], 200) == 0
    assert not presses.pressed


def test_two_presses_count_twice_in_one_batch_and_in_many():
    pattern = edges(50, 0, 1, 2, 60, 61, 62, 63, 150, 152, 153, 220)
    assert Presses(0).take(pattern, 400) == 2
    presses = Presses(0)
    assert sum([presses.take([edge], edge[0]) for edge in pattern]) + presses.take([], 400) == 2


def test_glitch_shorter_than_the_settling_time_is_no_press():
    presses = Presses(0)
    assert presses.take(edges(10, 0, SETTLE_MS - 1), 100) == 0
    assert presses.fault == NONE


def test_presses_count_across_the_wrap_of_ticks():
    start = TICKS_MASK - 5
    presses = Presses(start)
    assert presses.take(edges(start, 0, 2, 4, 80, 82, 83), ticks_add(start, 200)) == 1
    assert not presses.pressed
    assert presses.fault == NONE


def test_sensor_untouched_for_longer_than_ticks_can_tell_still_counts():
    for days in (5, 7, 12, 13, 20):
        presses = Presses(0)
        assert presses.take(edges(0, 0, 80), 200) == 1
        later = (days * 86_400_000) & TICKS_MASK
        assert presses.take(edges(later, 0, 1, 2, 80), ticks_add(later, 200)) == 1
        assert presses.fault == NONE, days


def test_contact_that_stays_closed_is_stuck():
    presses = Presses(0)
    assert presses.take(edges(0, 0), STUCK_MS - 1) == 1
    assert presses.fault == NONE
    assert presses.due_ms(STUCK_MS - 1) == 1
    assert presses.take([], STUCK_MS) == 0
    assert presses.fault == STUCK


def test_contact_found_open_after_long_is_stuck_too():
    presses = Presses(0)
    assert presses.take(edges(0, 0, STUCK_MS), STUCK_MS + 100) == 1
    assert presses.fault == STUCK


def test_contact_that_never_rests_chatters():
    presses = Presses(0)
    assert presses.take(edges(0, *range(0, CHATTER_MS, 5)), CHATTER_MS - 1) == 0
    assert presses.fault == NONE
    presses.take(edges(CHATTER_MS, 0), CHATTER_MS + 1)
    assert presses.fault == CHATTER


def test_presses_in_quick_succession_are_no_chatter():
    presses = Presses(0)
    moments = [n * (SETTLE_MS + 5) for n in range(100)]
    assert presses.take(edges(0, *moments), moments[-1] + LONG_ENOUGH) == 50
    assert presses.fault == NONE


def test_lost_edges_are_a_fault_until_reset():
    presses = Presses(0)
    presses.take(edges(0, 0, 80) + [(81, LOST)], 200)
    assert presses.fault == LOST_EDGES
    presses.take(edges(300, 0, 80), 500)
    assert presses.fault == LOST_EDGES
    presses.reset(600)
    assert presses.fault == NONE


def test_reset_finds_a_stuck_contact_again():
    presses = Presses(0)
    presses.take(edges(0, 0), STUCK_MS)
    presses.reset(STUCK_MS)
    presses.take([], 2 * STUCK_MS - 1)
    assert presses.fault == NONE
    presses.take([], 2 * STUCK_MS)
    assert presses.fault == STUCK


def test_due_tells_when_to_look_again():
    presses = Presses(0)
    assert presses.due_ms(5) is None
    presses.take(edges(10, 0), 12)
    assert presses.due_ms(12) == SETTLE_MS - 2
    presses.take([], 10 + SETTLE_MS)
    assert presses.due_ms(10 + SETTLE_MS) == STUCK_MS - SETTLE_MS
    presses.take([(100, RELEASED)], 100)
    assert presses.due_ms(100) == SETTLE_MS
    presses.take([], 100 + SETTLE_MS)
    assert presses.due_ms(100 + SETTLE_MS) is None


def test_ticks_differ_right_around_the_wrap():
    assert ticks_diff(3, TICKS_MASK) == 4
    assert ticks_diff(TICKS_MASK, 3) == -4
    assert ticks_add(TICKS_MASK, 1) == 0
    assert ticks_add(0, -1) == TICKS_MASK
    assert ticks_diff(ticks_add(77, 500_000_000), 77) == 500_000_000


CASES = {name: case for name, case in globals().items() if name.startswith("test_")}

for chosen in sys.argv[1:] or CASES:
    CASES[chosen]()
