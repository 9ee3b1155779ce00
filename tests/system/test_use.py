"""The main job, with the box's own eyes: a granted request opens, presses count, the last one locks."""

from sealwire import chain

from tests.system.stage import COMMITTEE, Stage


def test_approved_request_opens_for_its_impressions_and_locks(stage: Stage) -> None:
    request = stage.open()
    assert stage.box.press(COMMITTEE)
    stage.wait_entry(chain.PRESS)
    assert stage.box.press(COMMITTEE)
    closed = stage.wait_entry(chain.CLOSED)
    assert (closed["pressed"], closed["given_back"], closed["cause"]) == (2, 0, chain.LAST_IMPRESSION)
    assert closed["request"] == request.reference
    assert stage.box.shutter(COMMITTEE) == "closed"
    assert not stage.box.press(COMMITTEE)
