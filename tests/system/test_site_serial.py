"""A site whose box is on a serial line that fails at every step: nothing is lost, nothing opens twice."""

from contextlib import closing
from itertools import takewhile
from pathlib import Path

import pytest

from tests.brokers import Broker
from tests.host.daemon import eventually
from tests.system.line_relay import CUT, DAMAGE, DROP, HALF, LineRelay
from tests.system.site import BAY, Site
from tests.system.steps import TIMEOUT_S, steps
from tests.system.test_site_kills import check


def use_failing(site: Site, relay: LineRelay, point: int, how: str) -> bool:
    """One request from asking to the ack while the line fails at a message; False when there were fewer."""
    before = site.box.openings(BAY), site.box.impressions(BAY)
    relay.stop_before(point, how)
    request = site.ask_for()
    site.approve(request)
    site.use_unheard(request)
    assert site.report(request, 2) == "accepted"
    assert (site.box.openings(BAY), site.box.impressions(BAY)) == (before[0] + 1, before[1] + 2)
    return relay.disarm()


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize(("how", "first", "step"), [(CUT, 1, 2), (HALF, 2, 3), (DROP, 1, 3), (DAMAGE, 2, 4)])
def test_line_that_fails_at_each_step_completes_the_flow_with_one_opening(
    tmp_path: Path, rumqttd: Broker, firmware_image: tuple[Path, ...], how: str, first: int, step: int
) -> None:
    with (
        closing(LineRelay()) as relay,
        closing(Site(tmp_path / "site", rumqttd, firmware_image, serial=relay.join)) as site,
    ):
        relay.plug = site.plug
        points = list(takewhile(lambda point: use_failing(site, relay, point, how), steps(first, step)))
        assert len(points) >= 2
        check(site)


@pytest.mark.timeout(200)
def test_box_with_both_ways_speaks_over_the_line_while_it_is_there_and_over_the_broker_otherwise(
    tmp_path: Path, rumqttd: Broker, firmware_image: tuple[Path, ...]
) -> None:
    with (
        closing(LineRelay()) as relay,
        closing(Site(tmp_path / "site", rumqttd, firmware_image, serial=relay.join, broker_too=True)) as site,
    ):
        for link in ("mqtt", "serial"):
            eventually(lambda link=link: f"{link}: connected" in site.box.firmware_log(), link)
        for plugged in (True, False, True):
            told = site.box.firmware_log().count("serial: ")
            if not plugged:
                relay.pull()
                eventually(lambda told=told: site.box.firmware_log().count("serial: ") > told, "the box knows")
            elif relay.passed and told > 1:
                site.plug(relay.open())
                eventually(lambda told=told: site.box.firmware_log().count("serial: ") > told, "the box knows")
            passed = relay.passed
            request = site.ask_for()
            site.approve(request)
            site.use_unheard(request)
            assert site.report(request, 2) == "accepted"
            assert (relay.passed > passed) == plugged
        check(site)
