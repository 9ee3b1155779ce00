"""The largest grant under the largest roster, beside TLS, in the board's heap."""

from pathlib import Path

from sealwire import chain, limits

from tests.system.people import Key
from tests.system.stage import COMMITTEE
from tests.system.test_box_limits import send_largest_grant, send_roster_of
from tests.system.tls import guarded_stage


def test_largest_grant_opens_the_bay_over_tls(tmp_path: Path, firmware_image: tuple[Path, ...]) -> None:
    with guarded_stage(tmp_path, firmware_image) as stage:
        officers = [Key(f"one of many {n}") for n in range(limits.PEOPLE - 5)]
        send_roster_of(stage, officers, limits.GRANT_DECISIONS)
        send_largest_grant(stage, officers)
        assert len(stage.wait_entry(chain.INTENT)["people"]) == 12
        stage.box.wait_shutter(COMMITTEE, "open")
