"""The virtual box's physics, without processes: shutters, power cuts in the flash, skipped time."""

import asyncio
import time

import pytest

from hardware.sim.flash import Flash, PowerCutError
from hardware.sim.shutter import CLOSED, OPEN, Shutter
from hardware.sim.timeline import Timeline


def test_shutter_travels_there_and_back():
    shutter = Shutter(travel_s=2)
    shutter.drive(True, 10)
    assert [shutter.position(moment) for moment in (10, 11, 12, 99)] == [CLOSED, 0.5, OPEN, OPEN]
    shutter.drive(False, 100)
    assert [shutter.position(moment) for moment in (100, 101.5, 102, 200)] == [OPEN, 0.25, CLOSED, CLOSED]


def test_shutter_turns_round_where_it_is():
    shutter = Shutter(travel_s=2)
    shutter.drive(True, 0)
    shutter.drive(False, 1)
    assert shutter.position(1.5) == 0.25
    assert shutter.arrival == 2


def test_obstacle_holds_what_reaches_it_in_both_directions():
    shutter = Shutter(travel_s=1)
    shutter.block(0.5, 0)
    shutter.drive(True, 0)
    assert shutter.position(10) == 0.5
    shutter.drive(False, 10)
    assert shutter.position(20) == 0.5
    shutter.block(None, 20)
    assert shutter.position(21) == CLOSED


def test_obstacle_behind_the_shutter_holds_nothing_until_it_comes_back():
    shutter = Shutter(travel_s=1)
    shutter.drive(True, 0)
    shutter.block(0.25, 0.5)
    assert shutter.position(2) == OPEN
    shutter.drive(False, 2)
    assert shutter.position(5) == 0.25


@pytest.fixture
def flash(tmp_path):
    flash = Flash(tmp_path / "flash.bin", block_size=256, blocks=8, seed=7)
    yield flash
    flash.close()


def test_cut_falls_on_the_nth_operation_and_on_no_other(flash):
    flash.cut_at(3, "drop")
    flash.erase(0)
    flash.write(0, 0, b"a")
    with pytest.raises(PowerCutError):
        flash.write(0, 1, b"b")
    assert flash.read(0, 0, 3) == b"a\xff\xff"
    flash.write(0, 1, b"c")
    assert flash.read(0, 0, 3) == b"ac\xff"


def test_torn_erase_leaves_part_of_the_old_block(flash):
    flash.write(1, 0, bytes(256))
    flash.cut_at(1, "tear")
    with pytest.raises(PowerCutError):
        flash.erase(1)
    left = flash.read(1, 0, 256)
    erased = left.count(0xFF)
    assert 0 < erased < 256
    assert left == b"\xff" * erased + bytes(256 - erased)


def test_cut_now_takes_back_the_last_unsynced_write_only(flash):
    flash.write(0, 0, b"first")
    flash.write(0, 8, b"last")
    flash.cut_now("drop")
    assert flash.read(0, 0, 12) == b"first" + b"\xff" * 7
    flash.cut_now("drop")
    assert flash.read(0, 0, 5) == b"first"


def test_synced_write_is_not_taken_back(flash):
    flash.write(0, 0, b"kept")
    flash.sync()
    flash.cut_now("garble")
    assert flash.read(0, 0, 4) == b"kept"


def test_access_beyond_the_end_is_refused(flash):
    flash.read(7, 0, 256)
    for access in (lambda: flash.read(7, 1, 256), lambda: flash.write(8, 0, b"x"), lambda: flash.erase(8)):
        with pytest.raises(OSError, match="end"):
            access()


def test_skipped_time_runs_what_falls_into_it_in_order_at_its_own_moment():
    async def skip():
        timeline = Timeline(asyncio.get_running_loop())
        start = timeline.now()
        ran = []

        def later():
            ran.append(("later", round(timeline.now() - start)))
            timeline.call_later(5, lambda: ran.append(("last", round(timeline.now() - start))))

        timeline.call_later(60, later)
        timeline.call_later(30, lambda: ran.append(("sooner", round(timeline.now() - start))))
        timeline.call_later(4000, lambda: ran.append(("not yet", 0)))
        timeline.advance(3600)
        return ran, timeline.now() - start

    began = time.monotonic()
    ran, passed = asyncio.run(skip())
    assert ran == [("sooner", 30), ("later", 60), ("last", 65)]
    assert 3600 <= passed <= 3600 + time.monotonic() - began
