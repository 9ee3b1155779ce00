"""An intent spends all that remains: who cuts the power gains nothing, and would gain if it spent one at a time."""

from pathlib import Path

import pytest
from sealwire import chain

from tests.brokers import Broker
from tests.system.planted import firmware_with
from tests.system.stage import COMMITTEE, WAIT, Stage

APPROVED = 3


def press_cut_and_ask_again(stage: Stage) -> int:
    """Press twice, cut the power before the closing is written, and try to open again with all that could help."""
    request = stage.open(impressions=APPROVED)
    for number in (1, 2):
        assert stage.box.press(COMMITTEE)
        stage.wait_entry(chain.PRESS, count=number)
    stage.box.cut_power()
    stage.box.wait_shutter(COMMITTEE, "closed", WAIT)
    stage.box.power_on()
    stage.wait_entry(chain.INTERRUPTED)
    nonce = stage.ask()["nonce"]
    grant = stage.grant(request, stage.approvals(request), nonce, stage.ready(request, nonce))
    stage.send(grant.raw)
    said = (chain.INTENT, chain.REFUSED)
    found = lambda: [entry for entry in stage.log() if entry.kind in said and grant.reference in entry.fields.values()]  # noqa: E731
    while not found():
        stage.take(0.2)
    if found()[0].kind == chain.INTENT:
        stage.box.wait_shutter(COMMITTEE, "open", WAIT)
        while stage.box.press(COMMITTEE):
            stage.take(0.1)
    return stage.box.impressions(COMMITTEE)


def test_power_cut_gains_no_impression(stage: Stage) -> None:
    assert press_cut_and_ask_again(stage) == 2


@pytest.fixture
def spending_one(tmp_path: Path) -> tuple[Path, ...]:
    """Firmware whose intent spends one impression, whatever remains."""
    return firmware_with(tmp_path / "planted", "box.py", '"spends": spends,', '"spends": 1,')


def test_intent_that_spends_one_at_a_time_would_give_impressions_away(
    tmp_path: Path, rumqttd: Broker, spending_one: tuple[Path, ...]
) -> None:
    with Stage(tmp_path / "box", rumqttd, modules=spending_one) as stage:
        assert press_cut_and_ask_again(stage) > APPROVED
