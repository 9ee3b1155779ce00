"""Power cuts of the box and restarts of the broker in the middle of a whole site's flow."""

from contextlib import closing
from pathlib import Path

import pytest
from sealwire import chain, topics

from tests.brokers import make_broker
from tests.system.site import BAY, Site


def cut_and_boot(site: Site, last_write: str = "keep") -> None:
    """Cut the box's power; it has locked before it comes back."""
    site.box.cut_power(last_write)  # type: ignore[arg-type]
    site.box.wait_shutter(BAY, "closed")
    site.box.power_on()


@pytest.mark.parametrize("presses", [0, 1])
def test_power_cut_while_open_ends_the_request_everywhere(either_site: Site, presses: int) -> None:
    site = either_site
    openings = site.box.openings(BAY)
    request = site.ask_for()
    site.approve(request)
    site.wait_open(request)
    if presses:
        site.press(request)
    cut_and_boot(site)
    seq, _ = site.ear.entry(chain.INTERRUPTED, site.of(request))
    site.acked(seq)
    line = site.wait_state(request, "finished")
    assert line["spent"] == 2
    assert site.ready(request) == "spent"
    assert site.box.openings(BAY) == openings + 1
    audited = site.verified_line(request)
    assert (audited["state"], audited["spent"]) == ("used", 2)
    assert [case.partition(":")[0] for case in audited["cases"]] == ["interrupted"]


def test_power_cut_between_approval_and_opening_completes_after_the_next_boot(site: Site) -> None:
    request = site.ask_for()
    site.approve(request, "first")
    site.box.cut_power()
    site.approve(request, "second")
    site.box.power_on()
    site.use(request)
    assert site.verified_line(request)["pressed"] == 2


def test_power_cut_at_the_write_of_the_intent_opens_at_most_once(site: Site) -> None:
    """However the write ends: an intent on flash has spent the request, none has moved no bolt."""
    for last_write in ("drop", "tear", "garble"):
        openings = site.box.openings(BAY)
        request = site.ask_for()
        site.box.cut_power(last_write, after_writes=1)
        site.approve(request)
        site.box.wait_vm("off")
        assert site.box.openings(BAY) == openings
        site.box.power_on()
        site.use(request)
        assert site.box.openings(BAY) == openings + 1
    site.verified()


@pytest.mark.timeout(200)
@pytest.mark.parametrize("kind", ["rumqttd", "mosquitto"])
def test_broker_that_restarts_and_forgets_everything_delays_the_flow_only(
    tmp_path: Path, firmware_image: tuple[Path, ...], kind: str
) -> None:
    broker = make_broker(kind, tmp_path / "broker")

    def restart() -> None:
        broker.stop()
        broker.start()
        site.box.advance(20)  # its longest wait after so many lost connections

    try:
        with closing(Site(tmp_path / "site", broker, firmware_image)) as site:
            request = site.ask_for()
            restart()
            inbox = topics.inbox_waiting(site.site, site.people.keys["second"].kid, request.reference)
            assert site.retained(inbox) == request.raw
            site.approve(request, "first")
            restart()
            site.approve(request, "second")
            site.box.wait_shutter(BAY, "open", 30)
            restart()
            assert site.box.press(BAY)
            assert site.box.press(BAY)
            site.box.wait_shutter(BAY, "closed")
            restart()
            assert site.wait_state(request, "finished")["pressed"] == 2
            assert site.read(site.retained(topics.box_status(site.site, site.kid))).kid == site.kid
            assert site.box.openings(BAY) == 1
            assert site.report(request, 2) == "accepted"
            line = site.verified_line(request)
            assert (line["state"], line["declared"]) == ("used", 2)
            site.unharmed()
    finally:
        broker.stop()
