"""The Board contract, as the virtual box fulfils it: on the real VM, with the real `board/sim.py`."""

import time

import pytest

from tests.firmware.boxes import AgentError, agent_box, boot

TRAVEL_MS = 40


@pytest.fixture
def running(tmp_path):
    with agent_box(tmp_path, travel_ms=TRAVEL_MS) as pair:
        yield pair


def test_shutters_are_closed_and_not_driven_after_power_on(running):
    box, agent = running
    assert agent("[(b.driving(bay), b.switches(bay)) for bay in (1, 2)]") == [(False, (True, False))] * 2
    assert agent("b.reset_cause()") == 1
    assert box.openings(1) == box.openings(2) == 0


def test_timer_ends_the_drive_while_the_firmware_stalls(running):
    box, agent = running
    assert agent("b.open(1, 300)") is True
    agent("stall_later()")
    box.wait_shutter(1, "open")
    box.wait_shutter(1, "closed")
    assert box.closed_at(1) - box.opened_at(1) > 0.2
    assert box.state["vm"] == "running"


def test_second_open_extends_nothing(running):
    box, agent = running
    assert agent("(b.open(1, 300), b.open(1, 600_000))") == (True, False)
    box.wait_shutter(1, "open")
    box.wait_shutter(1, "closed")
    assert box.openings(1) == 1
    assert agent("b.driving(1)") is False


def test_timer_of_an_earlier_drive_does_not_end_a_later_one(running):
    box, agent = running
    agent("b.open(1, 1_000)")
    agent("b.close(1)")
    agent("b.open(1, 60_000)")
    box.advance(30)
    assert box.driving(1)
    box.advance(30)
    assert not box.driving(1)


def test_close_ends_the_drive_of_its_bay_only(running):
    box, agent = running
    assert agent("(b.open(1, 60_000), b.open(2, 60_000))") == (True, True)
    box.wait_shutter(1, "open")
    box.wait_shutter(2, "open")
    agent("b.close(1)")
    box.wait_shutter(1, "closed")
    assert agent("(b.driving(1), b.driving(2), b.switches(1), b.switches(2))") == (
        False,
        True,
        (True, False),
        (False, True),
    )


def test_drive_longer_than_the_timer_can_count_is_cut_to_it(running):
    box, agent = running
    agent("b.open(1, 10_000_000)")
    box.advance(599)
    assert box.driving(1)
    box.advance(1)
    assert not box.driving(1)


@pytest.mark.parametrize("call", ["b.open(3, 100)", "b.close(0)", "b.open(1, 0)", "b.switches(3)", "b.take_edges(0)"])
def test_misuse_is_refused_and_moves_nothing(running, call):
    box, agent = running
    with pytest.raises(AgentError, match="ValueError"):
        agent(call)
    assert box.openings(1) == 0


def test_neither_end_switch_is_made_while_jammed_midway(running):
    box, agent = running
    box.jam(1)
    agent("b.open(1, 60_000)")
    box.advance(1)
    assert box.shutter(1) == "moving"
    assert agent("(b.switches(1), b.driving(1))") == ((False, False), True)
    agent("b.close(1)")
    box.advance(1)
    assert agent("b.switches(1)") == (False, False)
    box.unjam(1)
    box.wait_shutter(1, "closed")


def test_shutter_jammed_at_an_end_stays_there_until_unjammed(running):
    box, agent = running
    box.jam(1, at="closed")
    agent("b.open(1, 60_000)")
    box.advance(1)
    assert box.shutter(1) == "closed"
    assert box.opened_at(1) is None
    box.unjam(1)
    box.wait_shutter(1, "open")
    box.jam(1, at="open")
    agent("b.close(1)")
    box.advance(1)
    assert agent("(b.switches(1), b.driving(1))") == ((False, True), False)
    box.unjam(1)
    box.wait_shutter(1, "closed")


def test_bouncing_presses_are_counted_exactly(running):
    box, agent = running
    agent("count(1)")
    agent("b.open(1, 60_000)")
    box.wait_shutter(1, "open")
    for _ in range(8):
        assert box.press(1)
    box.advance(1)
    assert agent("counter.total") == 8 == box.impressions(1)
    assert agent("counter.edges") >= 8 * 4
    assert agent("counter.presses.fault") == 0


def test_presses_are_counted_across_the_wrap_of_ticks(tmp_path):
    with agent_box(tmp_path, travel_ms=TRAVEL_MS, ticks_at_start=2**30 - 30_000) as (box, agent):
        agent("count(1)")
        agent("b.open(1, 60_000)")
        before = agent("b.ticks_ms()")
        assert before > 2**30 - 30_000
        box.wait_shutter(1, "open")
        box.press(1)
        box.advance(30)
        box.press(1)
        box.advance(1)
        assert agent("b.ticks_ms()") < before
        assert agent("(counter.total, counter.presses.fault)") == (2, 0)


def test_locked_bay_and_bay_without_seal_cannot_be_pressed(running):
    box, agent = running
    assert box.press(1) is False
    agent("b.open(2, 60_000)")
    box.wait_shutter(2, "open")
    box.remove_seal(2)
    assert box.press(2) is False
    assert agent("(b.seal_present(1), b.seal_present(2))") == (True, False)
    assert agent("(b.take_edges(1), b.take_edges(2))") == ([], [])
    assert box.impressions(1) == box.impressions(2) == 0
    box.insert_seal(2)
    assert box.press(2) is True


def test_edges_carry_the_time_of_the_press_not_of_the_reading(running):
    box, agent = running
    agent("b.open(1, 60_000)")
    box.wait_shutter(1, "open")
    before = agent("b.ticks_ms()")
    box.press(1, hold_ms=100)
    box.advance(20)
    edges = agent("b.take_edges(1)")
    assert [level for _, level in edges] == [1, 0] * (len(edges) // 2)
    assert before <= edges[0][0]
    assert 95 <= edges[-1][0] - edges[0][0] < 20_000


def test_overflow_of_the_edge_ring_is_told_in_its_place(running):
    box, agent = running
    box.chatter(1, 200)
    box.advance(1)
    edges = agent("b.take_edges(1)")
    assert len(edges) == 64
    assert [level for _, level in edges].count(2) == 1
    assert edges[-1][1] == 2
    assert agent("b.take_edges(1)") == []
    box.chatter(1, 2)
    box.advance(1)
    assert [level for _, level in agent("b.take_edges(1)")] == [1, 0]


def test_stuck_sensor_is_found(running):
    box, agent = running
    agent("count(2)")
    box.stick_sensor(2)
    box.advance(11)
    assert agent("(counter.total, counter.presses.fault)") == (1, 1)


def test_inputs_read_as_they_are(running):
    box, agent = running
    reading = "(b.tampered(), b.lid_open(), b.button(), b.mains_ok(), b.battery_mv(), b.seal_present(1))"
    assert agent(reading) == (False, False, False, True, 3000, True)
    box.tamper()
    box.lid()
    box.hold_button()
    box.mains(False)
    box.battery(2100)
    box.remove_seal(1)
    assert agent(reading) == (True, True, True, False, 2100, False)


def test_box_without_battery_reads_none(tmp_path):
    with agent_box(tmp_path, battery_mv=None) as (_, agent):
        assert agent("b.battery_mv()") is None


def test_what_was_over_before_anyone_looked_is_told_once(running):
    box, agent = running
    box.press_button()
    box.tamper()
    box.tamper(on=False)
    box.lid()
    box.lid(open=False)
    assert agent("(b.button(), b.tampered(), b.lid_open())") == (True, True, True)
    assert agent("(b.button(), b.tampered(), b.lid_open())") == (False, False, False)


@pytest.mark.parametrize("wait", ["until", "until_while_polled"])
def test_waiting_task_wakes_for_each_kind_of_change(running, wait):
    box, agent = running
    changes = {
        "b.button()": box.hold_button,
        "b.tampered()": box.tamper,
        "b.lid_open()": box.lid,
        "not b.mains_ok()": lambda: box.mains(False),
        "b.battery_mv() == 2500": lambda: box.battery(2500),
        "not b.seal_present(2)": lambda: box.remove_seal(2),
    }
    for condition, change in changes.items():
        agent.send(f"{wait}(lambda: {condition})")
        change()
        assert agent.answer() is True


def test_change_before_the_wait_is_not_lost(running):
    box, agent = running
    agent("b.changed()")
    box.press_button()
    agent("b.take_edges(1)")
    agent("b.changed()")
    assert agent("b.button()") is True


def test_end_of_a_drive_wakes_the_waiting_task(running):
    box, agent = running
    agent("b.open(1, 60_000)")
    agent.send("until(lambda: not b.driving(1) and b.switches(1) == (True, False))")
    box.advance(61)
    assert agent.answer() is True


def test_display_buzzer_and_random_reach_the_box(running):
    box, agent = running
    agent("b.show(['开锁', 'two left'])")
    assert box.display() == ["开锁", "two left"]
    assert box.displays()[0] == ["agent ready", "cause 1"]
    agent("b.buzz((100, 50, 100))")
    assert box.buzzes() == [[100, 50, 100]]
    first, second = agent("(b.random(32), b.random(32))")
    assert len(first) == len(second) == 32
    assert first != second
    assert box.random_draws() == [first, second]


def test_rows_drawn_on_the_display_stay_until_power_goes(running):
    box, agent = running
    agent("b.draw(1, bytes(range(256)))")
    agent("b.draw(3, b'\\xff' * 256)")
    assert box.picture() == bytes(256) + bytes(range(256)) + bytes(256) + b"\xff" * 256
    with pytest.raises(AgentError, match="OSError"):
        agent("b.draw(4, bytes(256))")
    box.power_off()
    assert box.picture() == bytes(1024)


def test_clock_runs_without_power_until_it_is_lost(running):
    box, agent = running
    agent("b.set_clock(1_800_000_000)")
    box.power_off()
    box.advance(3600)
    boot(box)
    assert 0 <= agent("b.clock()") - 1_800_003_600 < 100
    box.lose_clock()
    assert agent("b.clock()") is None
    box.power_off()
    boot(box)
    assert agent("b.clock()") is None
    agent("b.set_clock(1_700_000_000)")
    assert 0 <= box.clock() - 1_700_000_000 < 100


def test_clock_outlives_the_simulator(tmp_path):
    with agent_box(tmp_path) as (_, agent):
        agent("b.set_clock(1_900_000_000)")
    with agent_box(tmp_path) as (_, agent):
        assert 0 <= agent("b.clock()") - 1_900_000_000 < 100


def test_skipped_hours_pass_for_sleeping_tasks_ticks_and_drives(running):
    box, agent = running
    agent("b.open(1, 500_000)")
    clock = agent("b.clock()")
    agent.send("slept(7200)")
    box.wait_display("sleeping")
    started = time.monotonic()
    box.advance(7200)
    assert 7_200_000 <= agent.answer() < 7_300_000
    assert time.monotonic() - started < 3600
    assert not box.driving(1)
    assert 7200 <= agent("b.clock()") - clock < 7300


def test_skipped_hours_leave_other_tasks_as_they_are(running):
    box, agent = running
    agent.send("slept_among_others(100)")
    box.wait_display("sleeping")
    box.advance(99)
    box.advance(99)
    took, seen = agent.answer()
    assert 100_000 <= took < 200_000
    assert seen == ["cancelled", "woken"]


def test_watchdog_restarts_a_stalled_firmware_and_closes_its_shutters(tmp_path):
    with agent_box(tmp_path, watchdog_ms=1_500) as (box, agent):
        agent("b.feed()")
        agent("b.open(1, 600_000)")
        box.wait_shutter(1, "open")
        agent("stall_later()")
        box.wait_display("cause 2")
        box.wait_shutter(1, "closed")
        assert box.state["boots"] == 2
        assert agent("b.driving(1)") is False


def test_reset_restarts_the_firmware_and_closes_its_shutters(running):
    box, agent = running
    agent("b.open(1, 600_000)")
    box.wait_shutter(1, "open")
    agent("soon(b.reset)")
    box.wait_display("cause 4")
    box.wait_shutter(1, "closed")
    assert agent("(b.reset_cause(), b.driving(1))") == (4, False)


def test_power_cut_while_open_lets_the_spring_close(running):
    box, agent = running
    agent("b.open(1, 600_000)")
    box.wait_shutter(1, "open")
    box.cut_power()
    box.wait_shutter(1, "closed")
    assert (box.state["vm"], box.display()) == ("off", [])
    box.power_on(cause="brown_out")
    box.wait_display("cause 3")
    assert agent("b.switches(1)") == (True, False)
