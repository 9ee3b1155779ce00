"""What the box shows and sounds, from its own pixels and patterns."""

import re
from pathlib import Path

from sealwire import chain, messages

from tests.system import screens
from tests.system.people import rule
from tests.system.stage import COMMITTEE, MATTER, WAIT, Stage

OPENED, COUNTED, LAST = [80, 80, 80], [40], [500]
SOON, ALARM = [60, 940] * 4 + [60], [800, 200] * 2 + [800]
ALARMS_PER_HOUR = 20


def wait_buzz(stage: Stage, pattern: list[int], count: int = 1) -> None:
    """Wait until a pattern was sounded so often."""
    stage.box.wait_for(lambda _: stage.box.buzzes().count(pattern) >= count, WAIT, f"sounded {pattern} {count} times")


def test_every_scene_ends_in_a_picture_of_its_own(tmp_path: Path) -> None:
    with screens.dark_stage(tmp_path) as stage:
        assert stage.box.picture() == bytes(1024)
        pictures = screens.take(stage)
    assert len(pictures) == len(set(pictures.values())) >= 20
    assert all(any(picture) for picture in pictures.values())


def test_request_is_on_the_display_until_its_closing_is_logged(stage: Stage) -> None:
    made = stage.request()
    code = messages.short_code(made.reference)
    seen = len(stage.box.displays())
    stage.open(made)
    stage.box.wait_display("open, left 2", WAIT)
    stage.box.press_button()
    stage.wait_entry(chain.CLOSED)
    stage.box.wait_display("❷已锁 locked", WAIT)
    while_used = [lines for lines in stage.box.displays()[seen:] if not any("❷已锁 locked" in line for line in lines)]
    assert while_used
    assert all(f"❷{code}" in lines[0] for lines in while_used)


def test_seconds_left_are_counted_down(stage: Stage) -> None:
    stage.open()
    stage.box.wait_display("30秒", WAIT)
    stage.box.advance(20)
    stage.box.wait_for(lambda state: 0 < seconds(state["display"]) <= 10, WAIT, "at most 10 seconds left")


def seconds(lines: list[str]) -> int:
    found = re.search("([0-9]+)秒", lines[0])
    return int(found[1]) if found else 0


def test_each_press_has_its_sound_and_the_last_one_another(stage: Stage) -> None:
    stage.open()
    wait_buzz(stage, OPENED)
    assert stage.box.press(COMMITTEE)
    wait_buzz(stage, COUNTED)
    stage.box.wait_display("open, left 1", WAIT)
    assert stage.box.press(COMMITTEE)
    wait_buzz(stage, LAST)
    stage.wait_entry(chain.CLOSED)
    assert stage.box.buzzes() == [OPENED, COUNTED, LAST]


def test_end_of_the_window_is_announced(stage: Stage) -> None:
    stage.open()
    stage.box.wait_display("open, left 2", WAIT)
    stage.box.advance(25)
    wait_buzz(stage, SOON)
    stage.box.advance(10)
    stage.wait_entry(chain.CLOSED)
    assert stage.box.buzzes() == [OPENED, SOON]


def test_short_window_is_not_announced(stage: Stage) -> None:
    stage.send_roster(rules=[rule(1, (201,), 3), rule(2, (MATTER, 102), 2, open_seconds=10)])
    stage.open()
    stage.box.wait_display("open, left 2", WAIT)
    stage.box.advance(13)
    stage.wait_entry(chain.CLOSED)
    assert stage.box.buzzes() == [OPENED]


def test_loose_contact_sounds_a_bounded_number_of_alarms(stage: Stage) -> None:
    for _ in range(ALARMS_PER_HOUR + 3):
        stage.box.remove_seal(COMMITTEE)
        stage.box.wait_display("no seal", WAIT)
        stage.box.insert_seal(COMMITTEE)
        stage.box.wait_display("❷已锁 locked", WAIT)
    assert stage.box.buzzes() == [ALARM] * ALARMS_PER_HOUR
