"""Flash that fails or lies: the bay ends up locked, and nothing opens on a damaged log's word."""

from sealwire import chain

from tests.system.stage import COMMITTEE, WAIT, Stage

BLOCKS = range(512)
INVERTED = bytes(255 - byte for byte in range(256))  # the simulator keeps erased flash as zeros


def replace_on_flash(stage: Stage, old: bytes, new: bytes) -> None:
    flash = stage.box.settings.home / "flash.bin"
    content = flash.read_bytes().translate(INVERTED)
    assert old in content
    flash.write_bytes(content.replace(old, new).translate(INVERTED))


def test_flash_that_fails_while_open_leaves_the_bay_locked_and_opens_nothing_more(stage: Stage) -> None:
    stage.open()
    stage.box.wear_out(BLOCKS)
    assert stage.box.press(COMMITTEE)
    assert stage.box.press(COMMITTEE)
    stage.box.wait_shutter(COMMITTEE, "closed", WAIT)
    again = stage.request(details=bytes([9] * 32))
    stage.send(stage.grant(again, stage.approvals(again)).raw)
    stage.box.wait_for(lambda _: "refused flash_failed" in stage.box.firmware_log(), WAIT, "the failure was said")
    assert stage.box.openings(COMMITTEE) == 1


def test_damaged_log_keeps_the_box_locked_and_the_display_says_so(stage: Stage) -> None:
    request = stage.open()
    stage.box.press_button()
    stage.wait_entry(chain.CLOSED)
    stage.box.cut_power()
    replace_on_flash(stage, request.reference, bytes(32))
    stage.box.power_on()
    shown = stage.box.wait_display("out of order", WAIT)
    assert any("LogCorrupt" in line for line in shown)
    stage.send(b"\x00")
    assert stage.box.openings(COMMITTEE) == 1
    assert stage.box.shutter(COMMITTEE) == "closed"
