"""Power cuts while a bay is open: locked at the next boot, `interrupted` in the log, and nothing left to spend, however
often."""

import pytest
from sealwire import chain, errors, messages

from hardware.sim.flash import LastWrite
from tests.system.stage import COMMITTEE, WAIT, Stage


def cut_and_boot(stage: Stage, last_write: LastWrite = "keep") -> None:
    boots = len(stage.log(chain.BOOT))
    stage.box.cut_power(last_write)
    stage.box.wait_shutter(COMMITTEE, "closed", WAIT)
    stage.box.power_on()
    stage.wait_entry(chain.BOOT, count=boots + 1)


@pytest.mark.parametrize("presses", [0, 1])
@pytest.mark.parametrize("last_write", ["keep", "drop", "tear", "garble"])
def test_power_cut_while_open_spends_all_that_remained(stage: Stage, presses: int, last_write: LastWrite) -> None:
    request = stage.open()
    for _ in range(presses):
        assert stage.box.press(COMMITTEE)
    if presses:
        stage.wait_entry(chain.PRESS)
    cut_and_boot(stage, last_write)
    interrupted = stage.wait_entry(chain.INTERRUPTED)
    assert interrupted["request"] == request.reference
    assert stage.box.shutter(COMMITTEE) == "closed"
    nonce = stage.ask()["nonce"]
    again = stage.grant(request, stage.approvals(request), nonce, stage.ready(request, nonce))
    stage.send(again.raw)
    assert stage.refused(again) == "spent"
    assert stage.box.openings(COMMITTEE) == 1


def test_repeated_power_cuts_never_give_more_impressions_than_approved(stage: Stage) -> None:
    """Five requests for two impressions, each cut after one press: five impressions, whatever is asked again."""
    pressed = 0
    for number in range(1, 6):
        request = stage.open(details=bytes([number] * 32))
        pressed += stage.box.press(COMMITTEE)
        stage.wait_entry(chain.PRESS, count=number)
        cut_and_boot(stage, "drop")
        stage.wait_entry(chain.INTERRUPTED, count=number)
        nonce = stage.ask()["nonce"]
        again = stage.grant(request, stage.approvals(request), nonce, stage.ready(request, nonce))
        stage.send(again.raw)
        assert stage.refused(again) == "spent"
        stage.next_hour()
    assert stage.box.impressions(COMMITTEE) == pressed == 5


def test_challenge_of_an_earlier_boot_is_stale(stage: Stage) -> None:
    request = stage.request()
    nonce = stage.ask()["nonce"]
    cut_and_boot(stage)
    grant = stage.grant(request, stage.approvals(request), nonce)
    stage.send(grant.raw)
    assert stage.refused(grant) == "stale_nonce"


def test_lost_clock_opens_nothing_until_the_host_tells_the_time(stage: Stage) -> None:
    before = stage.request()
    now = stage.now()
    stage.box.cut_power()
    stage.box.lose_clock()
    stage.box.power_on()
    stage.box.wait_display("clock lost", WAIT)
    nonce = stage.ask()["nonce"]
    early = stage.grant(before, stage.approvals_at(before, now), nonce)
    stage.send(early.raw)
    assert stage.refused(early) == "clock_lost"
    stage.send(stage.host.build(messages.TIME, {"box": stage.kid, "nonce": bytes(32), "utc": now}, stage.site))
    stage.wait_entry(chain.REFUSED, lambda entry: bool(entry["reason"] == errors.STALE_NONCE))
    stage.send(stage.host.build(messages.TIME, {"box": stage.kid, "nonce": nonce, "utc": now + 5}, stage.site))
    stage.wait_entry(chain.TIME)
    late = stage.grant(before, stage.approvals_at(before, now + 1), nonce)
    stage.send(late.raw)
    assert stage.refused(late) == "unanchored"
    stage.open()
