"""Each row of the bay's state table, on real firmware in a virtual box, and what else may happen to a bay in use.

`@takes` names the rows that a test takes; the firmware under test says which it really took. The last tests hold the
table and these names together.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sealwire import chain, messages
from sealwire.messages import Message

from tests.brokers import Broker
from tests.system import rows
from tests.system.rows import takes
from tests.system.stage import COMMITTEE, PARTY, WAIT, Stage

LATE_S = 3
"""Longer than a shutter may travel, shorter than the drive's timer."""


@pytest.fixture
def traced(
    request: pytest.FixtureRequest, tmp_path: Path, rumqttd: Broker, firmware_image: tuple[Path, ...]
) -> Iterator[Stage]:
    """A stage whose firmware says which rows it takes; after the test, those that it was to take are looked for."""
    with Stage(tmp_path / "box", rumqttd, modules=firmware_image, main=rows.TRACED) as ready:
        yield ready
        missing = rows.taken(request.function.__name__) - rows.printed(ready.box.firmware_log())
        assert not missing, f"never taken: {missing}"


def grant(stage: Stage, request: Message) -> None:
    """Send a good grant; returns once its intent is in the log."""
    stage.send(stage.grant(request, stage.approvals(request)).raw)
    stage.wait_entry(chain.INTENT, lambda entry: bool(entry["request"] == request.reference))


def opened(stage: Stage) -> Message:
    """An open bay, which the firmware knows to be open."""
    request = stage.open()
    stage.wait_printed("bay 2 open\n")
    return request


def open_jammed(stage: Stage, at: str = "midway") -> Message:
    """A bay that is driven and does not open."""
    stage.box.jam(COMMITTEE, at)
    request = stage.request()
    grant(stage, request)
    return request


def wait_driven(stage: Stage, driven: bool) -> None:
    """Wait until the bay's drive is on, or off."""
    stage.box.wait_for(lambda now: now["bays"][COMMITTEE - 1]["driving"] == driven, WAIT, f"driven: {driven}")


def sense_press(stage: Stage) -> None:
    """A press that the sensor sees, though no hand could get there."""
    stage.box.stick_sensor(COMMITTEE)
    stage.box.advance(0.1)
    stage.box.stick_sensor(COMMITTEE, False)
    stage.box.advance(0.1)


def closed(stage: Stage, pressed: int, given_back: int, cause: int, count: int = 1) -> None:
    """The closing says so, and the shutter is closed and not driven."""
    entry = stage.wait_entry(chain.CLOSED, count=count)
    assert (entry["pressed"], entry["given_back"], entry["cause"]) == (pressed, given_back, cause)
    assert stage.box.shutter(COMMITTEE) == "closed"
    assert not stage.box.driving(COMMITTEE)


def opens_again(stage: Stage) -> None:
    """The bay works: another request opens it."""
    request = stage.request(details=bytes([99] * 32))
    grant(stage, request)
    stage.box.wait_shutter(COMMITTEE, "open", WAIT)


# A use


@takes(
    *("locked granted", "locked shutter_closed", "opening shutter_left", "opening shutter_open", "open shutter_open"),
    *("open pressed", "open last_pressed", "closing shutter_left", "closing shutter_closed"),
)
def test_use_ends_with_its_last_impression(traced: Stage) -> None:
    opened(traced)
    for _ in range(2):
        assert traced.box.press(COMMITTEE)
    closed(traced, 2, 0, chain.LAST_IMPRESSION)
    assert [entry["count"] for entry in traced.log(chain.PRESS)] == [1, 2]


@takes("open close", "closing shutter_closed")
def test_button_ends_a_use_and_gives_back_what_was_not_pressed(traced: Stage) -> None:
    opened(traced)
    assert traced.box.press(COMMITTEE)
    traced.box.press_button()
    closed(traced, 1, 1, chain.BUTTON)


@takes("open drive_ended")
def test_use_ends_with_its_window(traced: Stage) -> None:
    opened(traced)
    traced.box.advance(40)
    closed(traced, 0, 2, chain.WINDOW_OVER)


@takes("closing pressed", "closing last_pressed", "closing shutter_open")
def test_presses_while_the_shutter_closes_are_counted_also_beyond_what_was_approved(traced: Stage) -> None:
    opened(traced)
    traced.box.jam(COMMITTEE, "open")
    traced.box.press_button()
    traced.wait_printed("bay 2 closing")
    for count in (1, 2, 3):
        assert traced.box.press(COMMITTEE)
        assert traced.wait_entry(chain.PRESS, count=count)["count"] == count
    traced.box.unjam(COMMITTEE)
    closed(traced, 3, 0, chain.BUTTON)


# A shutter that does not open


@takes("opening travel_over", "opening pause_over", "opening travel_failed", "opening shutter_closed")
def test_shutter_that_does_not_leave_is_tried_twice_and_nothing_is_spent(traced: Stage) -> None:
    request = open_jammed(traced, "closed")
    for driven in (True, False, True):
        wait_driven(traced, driven)
        traced.box.advance(LATE_S)
    assert traced.wait_entry(chain.JAM)["phase"] == 1
    closed(traced, 0, 2, chain.JAMMED)
    assert traced.box.openings(COMMITTEE) == 2
    assert len(traced.box.buzzes()[-1]) == 5, "the alarm"
    traced.box.unjam(COMMITTEE)
    nonce = traced.ask()["nonce"]
    traced.send(traced.grant(request, traced.approvals(request), nonce, traced.ready(request, nonce)).raw)
    assert traced.wait_entry(chain.INTENT, count=2)["spends"] == 2


@takes("opening travel_failed", "closing travel_failed", "jammed shutter_left", "jammed shutter_closed")
def test_shutter_stuck_midway_ends_jammed_and_opens_nothing_until_it_is_free(traced: Stage) -> None:
    open_jammed(traced)
    traced.wait_printed("bay 2 jammed")
    traced.box.advance(LATE_S)
    assert [entry["phase"] for entry in (traced.wait_entry(chain.JAM), traced.wait_entry(chain.JAM, count=2))] == [1, 2]
    assert not traced.box.driving(COMMITTEE)
    other = traced.request(details=bytes([5] * 32))
    refused = traced.grant(other, traced.approvals(other))
    traced.send(refused.raw)
    assert traced.refused(refused) == "bay_jammed"
    traced.box.unjam(COMMITTEE)
    closed(traced, 0, 2, chain.JAMMED)
    opens_again(traced)


@takes("opening close", "closing shutter_left")
def test_button_ends_an_opening_that_is_stuck(traced: Stage) -> None:
    open_jammed(traced)
    traced.box.press_button()
    wait_driven(traced, False)
    traced.box.unjam(COMMITTEE)
    closed(traced, 0, 2, chain.BUTTON)


@takes("opening drive_ended")
def test_drive_that_ends_while_the_shutter_is_stuck_is_not_begun_again(traced: Stage) -> None:
    open_jammed(traced)
    wait_driven(traced, True)
    traced.box.advance(40)
    traced.box.unjam(COMMITTEE)
    closed(traced, 0, 2, chain.WINDOW_OVER)
    assert traced.box.openings(COMMITTEE) == 1


@takes("opening pressed", "opening last_pressed")
def test_presses_while_the_shutter_opens_are_counted_and_the_last_closes_it(traced: Stage) -> None:
    open_jammed(traced)
    sense_press(traced)
    traced.wait_entry(chain.PRESS)
    sense_press(traced)
    traced.wait_entry(chain.PRESS, count=2)
    traced.box.unjam(COMMITTEE)
    closed(traced, 2, 0, chain.LAST_IMPRESSION)


# A shutter that does not close


@takes("closing travel_over", "jammed shutter_open", "jammed pressed", "jammed last_pressed", "jammed shutter_closed")
def test_shutter_that_does_not_close_is_jammed_and_its_presses_are_counted(traced: Stage) -> None:
    opened(traced)
    traced.box.jam(COMMITTEE, "open")
    traced.box.press_button()
    traced.wait_printed("bay 2 closing")
    traced.box.advance(LATE_S)
    assert traced.wait_entry(chain.JAM)["phase"] == 2
    traced.wait_printed("bay 2 jammed")
    assert len(traced.box.buzzes()[-1]) == 5, "the alarm"
    for count in (1, 2, 3):
        assert traced.box.press(COMMITTEE)
        assert traced.wait_entry(chain.PRESS, count=count)["count"] == count
    traced.box.unjam(COMMITTEE)
    closed(traced, 3, 0, chain.BUTTON)
    opens_again(traced)


def test_shutter_found_open_at_boot_is_jammed_until_it_closes(traced: Stage) -> None:
    opened(traced)
    traced.box.jam(COMMITTEE, "open")
    traced.box.cut_power()
    traced.box.power_on("brown_out")
    assert traced.wait_entry(chain.BOOT, count=2)["cause"] == 3
    traced.wait_entry(chain.INTERRUPTED)
    traced.wait_printed("bay 2 jammed")
    assert traced.wait_entry(chain.JAM).get("request") is None
    traced.box.unjam(COMMITTEE)
    traced.box.wait_shutter(COMMITTEE, "closed", WAIT)
    opens_again(traced)


def test_contact_that_flutters_without_end_is_not_counted_without_end(traced: Stage) -> None:
    opened(traced)
    traced.box.jam(COMMITTEE, "open")
    traced.box.press_button()
    traced.wait_printed("bay 2 closing")
    for _ in range(60):
        sense_press(traced)
    traced.box.unjam(COMMITTEE)
    closed(traced, 52, 0, chain.BUTTON)


# Force


@takes("locked shutter_left", "jammed shutter_left", "jammed shutter_closed")
def test_mechanical_key_is_logged_with_an_alarm_and_the_bay_serves_again_once_closed(traced: Stage) -> None:
    traced.box.hold_shutter(COMMITTEE, "midway")
    assert traced.wait_entry(chain.FORCED)["bay"] == COMMITTEE
    assert len(traced.box.buzzes()[-1]) == 5, "the alarm"
    assert not traced.box.driving(COMMITTEE)
    traced.box.advance(LATE_S)
    traced.box.let_go_of_shutter(COMMITTEE)
    traced.wait_printed("bay 2 locked")
    opens_again(traced)


@takes("locked shutter_open")
def test_shutter_torn_open_at_once_is_logged(traced: Stage) -> None:
    traced.box.hold_shutter(COMMITTEE, "open")
    traced.wait_entry(chain.FORCED)
    request = traced.request()
    refused = traced.grant(request, traced.approvals(request))
    traced.send(refused.raw)
    assert traced.refused(refused) == "bay_jammed"
    assert traced.box.openings(COMMITTEE) == 0
    traced.box.let_go_of_shutter(COMMITTEE)
    traced.box.wait_shutter(COMMITTEE, "closed", WAIT)


@takes("open shutter_closed", "open shutter_left")
def test_shutter_pushed_closed_by_hand_ends_the_use(traced: Stage) -> None:
    opened(traced)
    traced.box.hold_shutter(COMMITTEE, "midway")
    traced.box.advance(2)
    traced.box.hold_shutter(COMMITTEE, "closed")
    traced.wait_entry(chain.CLOSED)
    traced.box.let_go_of_shutter(COMMITTEE)
    closed(traced, 0, 2, chain.JAMMED)


def test_seal_that_flutters_hides_no_forced_shutter(traced: Stage) -> None:
    for _ in range(40):
        traced.box.remove_seal(PARTY)
        traced.box.advance(0.1)
        traced.box.insert_seal(PARTY)
        traced.box.advance(0.1)
    traced.box.remove_seal(PARTY)
    traced.box.hold_shutter(COMMITTEE, "midway")
    traced.wait_entry(chain.FORCED)
    assert len(traced.log(chain.SEAL)) <= 30
    traced.next_hour()
    traced.wait_entry(chain.SEAL, lambda entry: not entry["present"], count=16)
    assert traced.log(chain.SEAL)[-1]["present"] == 0, "what the log says last is true"


# The housing


@pytest.mark.parametrize("what", ["loop", "lid"])
def test_tampering_while_open_closes_and_opens_nothing_more(traced: Stage, what: str) -> None:
    opened(traced)
    if what == "loop":
        traced.box.tamper()
    else:
        traced.box.lid()
    assert traced.wait_entry(chain.TAMPER)["what"] == ("loop", "lid").index(what) + 1
    closed(traced, 0, 2, chain.TAMPER_ALARM)
    request = traced.request(details=bytes([6] * 32))
    refused = traced.grant(request, traced.approvals(request))
    traced.send(refused.raw)
    assert traced.refused(refused) == "tampered"


def test_tampering_that_is_over_at_once_is_an_alarm_all_the_same(traced: Stage) -> None:
    traced.box.tamper()
    traced.box.tamper(False)
    traced.wait_entry(chain.TAMPER)
    traced.box.wait_display("tampered", WAIT)


def test_seal_taken_out_while_open_is_an_alarm_and_leaves_time_to_put_it_back(traced: Stage) -> None:
    opened(traced)
    traced.box.remove_seal(COMMITTEE)
    assert traced.wait_entry(chain.SEAL)["present"] == 0
    assert len(traced.box.buzzes()[-1]) == 5, "the alarm"
    traced.box.advance(40)
    closed(traced, 0, 2, chain.WINDOW_OVER)
    request = traced.request(details=bytes([7] * 32))
    refused = traced.grant(request, traced.approvals(request))
    traced.send(refused.raw)
    assert traced.refused(refused) == "seal_missing"
    traced.box.insert_seal(COMMITTEE)
    assert traced.wait_entry(chain.SEAL, count=2)["present"] == 1
    opens_again(traced)


def test_seal_taken_out_while_locked_is_an_alarm(traced: Stage) -> None:
    traced.box.remove_seal(COMMITTEE)
    assert traced.wait_entry(chain.SEAL)["present"] == 0
    assert len(traced.box.buzzes()[-1]) == 5, "the alarm"
    traced.box.wait_display("no seal", WAIT)


# The press sensor


def test_stuck_sensor_ends_the_use_and_nothing_opens_until_it_is_free(traced: Stage) -> None:
    opened(traced)
    traced.box.stick_sensor(COMMITTEE)
    traced.box.advance(11)
    closed(traced, 1, 1, chain.SENSOR_FAULT)
    for boots in (1, 2):
        request = traced.request(details=bytes([boots] * 32))
        refused = traced.grant(request, traced.approvals(request))
        traced.send(refused.raw)
        assert traced.refused(refused) == "bay_busy", "its presses would not be seen"
        traced.box.cut_power()
        traced.box.power_on()
        traced.wait_entry(chain.BOOT, count=boots + 1)
    traced.box.stick_sensor(COMMITTEE, False)
    opens_again(traced)


def test_chattering_sensor_ends_the_use(traced: Stage) -> None:
    opened(traced)
    traced.box.chatter(COMMITTEE, 600)
    assert traced.wait_entry(chain.CLOSED)["cause"] == chain.SENSOR_FAULT
    traced.box.wait_shutter(COMMITTEE, "closed", WAIT)


# Energy


def test_use_goes_on_without_mains_and_ends_when_the_battery_is_low(traced: Stage) -> None:
    traced.box.battery(3900)
    opened(traced)
    traced.box.mains(False)
    assert traced.wait_entry(chain.POWER)["what"] == chain.MAINS_LOST
    assert traced.box.press(COMMITTEE)
    traced.wait_entry(chain.PRESS)
    traced.box.battery(3200)
    closed(traced, 1, 1, chain.ENERGY)
    assert traced.wait_entry(chain.POWER, count=2)["what"] == chain.BATTERY_LOW
    request = traced.request(details=bytes([8] * 32))
    refused = traced.grant(request, traced.approvals(request))
    traced.send(refused.raw)
    assert traced.refused(refused) == "battery_low"
    traced.box.mains()
    assert traced.wait_entry(chain.POWER, count=3)["what"] == chain.MAINS_BACK
    opens_again(traced)


def test_box_without_battery_and_mains_opens_nothing(traced: Stage) -> None:
    traced.box.battery(None)
    traced.box.mains(False)
    traced.wait_entry(chain.POWER)
    request = traced.request()
    refused = traced.grant(request, traced.approvals(request))
    traced.send(refused.raw)
    assert traced.refused(refused) == "battery_low"


def party_request(stage: Stage) -> tuple[Message, list[bytes]]:
    """An approved request for the other bay."""
    rule = messages.rule_digest(stage.roster_fields["rules"][0])
    request = stage.request(bay=PARTY, matter=201, rule=rule, impressions=1)
    return request, [stage.decision(request, officer) for officer in (0, 1, 2)]


def test_two_bays_are_never_driven_at_once(traced: Stage) -> None:
    opened(traced)
    request, decisions = party_request(traced)
    early = traced.grant(request, decisions)
    traced.send(early.raw)
    assert traced.refused(early) == "bay_busy"
    assert traced.box.openings(PARTY) == 0
    traced.box.press_button()
    traced.wait_entry(chain.CLOSED)
    traced.send(early.raw)
    traced.box.wait_shutter(PARTY, "open", WAIT)


BOTH = """
from sealbox.board import sim
sim.SimBoard.both_drive = True
import main
"""


def test_two_bays_are_driven_at_once_where_the_supply_can(
    tmp_path: Path, rumqttd: Broker, firmware_image: tuple[Path, ...]
) -> None:
    script = tmp_path / "both.py"
    script.write_text(BOTH, encoding="utf-8")
    with Stage(tmp_path / "box", rumqttd, modules=firmware_image, main=script) as stage:
        opened(stage)
        request, decisions = party_request(stage)
        stage.send(stage.grant(request, decisions).raw)
        stage.box.wait_shutter(PARTY, "open", WAIT)
        assert stage.box.shutter(COMMITTEE) == "open"
        stage.box.press_button()
        stage.wait_entry(chain.CLOSED, count=2)


# A loop that hangs


def test_watchdog_ends_the_use_of_a_box_that_hangs(
    tmp_path: Path, rumqttd: Broker, firmware_image: tuple[Path, ...]
) -> None:
    with Stage(tmp_path / "box", rumqttd, modules=firmware_image, watchdog_ms=4000) as stage:
        request = opened(stage)
        os.kill(stage.box.state["vm_pid"], signal.SIGSTOP)
        stage.box.wait_shutter(COMMITTEE, "closed", WAIT)
        assert stage.wait_entry(chain.BOOT, count=2)["cause"] == 2
        assert stage.wait_entry(chain.INTERRUPTED)["request"] == request.reference


def test_drive_ends_by_itself_though_the_firmware_hangs(
    tmp_path: Path, rumqttd: Broker, firmware_image: tuple[Path, ...]
) -> None:
    with Stage(tmp_path / "box", rumqttd, modules=firmware_image, watchdog_ms=600_000) as stage:
        opened(stage)
        hung = stage.box.state["vm_pid"]
        os.kill(hung, signal.SIGSTOP)
        stage.box.advance(40)
        stage.box.wait_shutter(COMMITTEE, "closed", WAIT)
        os.kill(hung, signal.SIGCONT)
        closed(stage, 0, 2, chain.WINDOW_OVER)


def test_use_goes_on_while_the_tick_counter_wraps(
    tmp_path: Path, rumqttd: Broker, firmware_image: tuple[Path, ...]
) -> None:
    """The counter wraps ten minutes after power-on; most of them are skipped, then two uses pass over that moment."""
    start = (1 << 30) - 600_000
    with Stage(tmp_path / "box", rumqttd, modules=firmware_image, ticks_at_start=start) as stage:
        stage.box.advance(560)
        opened(stage)
        assert stage.box.press(COMMITTEE)
        stage.wait_entry(chain.PRESS)
        for _ in range(12):
            stage.box.advance(2)
            assert stage.box.shutter(COMMITTEE) == "open"
        stage.box.advance(10)
        closed(stage, 1, 1, chain.WINDOW_OVER)
        stage.box.advance(10)
        opens_again(stage)
        for count in (2, 3):
            assert stage.box.press(COMMITTEE)
            stage.wait_entry(chain.PRESS, count=count)
        closed(stage, 2, 0, chain.LAST_IMPRESSION, count=2)


# The table


def test_every_row_of_the_table_has_a_test() -> None:
    assert rows.all_taken() | set(rows.NEVER) == rows.table()


def test_no_test_takes_a_row_that_is_said_to_be_never_taken() -> None:
    assert not rows.all_taken() & set(rows.NEVER)
