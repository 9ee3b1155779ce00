"""SIGKILL of the host at every point of the flow, and at random moments: started again, it completes what was begun.

Each request is opened once and pressed twice, whatever the host was doing when it was killed.
"""

import random
import threading
from contextlib import ExitStack, closing
from itertools import takewhile
from pathlib import Path

import pytest

from tests.brokers import make_broker
from tests.system.fenced import SiteFence
from tests.system.relay import Relay
from tests.system.site import BAY, Site
from tests.system.steps import TIMEOUT_S, steps


class Killing:
    """A site whose host can be killed before any message that it publishes."""

    def __init__(self, folder: Path, kind: str, image: tuple[Path, ...]) -> None:
        tls = kind == "tls"
        self.broker = SiteFence() if tls else make_broker(kind, folder / "broker")
        port = self.broker.devices_port if isinstance(self.broker, SiteFence) else self.broker.port
        self.relay = Relay(self.broker.host, port, records=tls)
        through = f"{'mqtts' if tls else 'mqtt'}://{self.relay.host}:{self.relay.port}"
        try:
            self.site = Site(folder / "site", self.broker, image, through)
        except BaseException:
            self.broker.stop()
            raise

    def close(self) -> None:
        """End everything."""
        self.site.close()
        self.relay.close()
        self.broker.stop()

    def restart(self) -> None:
        """SIGKILL, and a new process."""
        self.site.host.kill()
        self.site.host.start()

    def killed_before(self, point: int) -> bool:
        """One request from asking to the ack, the host killed before its `point`-th message; False when there were
        fewer."""
        done = threading.Event()

        def stopped() -> None:
            self.restart()
            done.set()

        before = self.site.box.openings(BAY), self.site.box.impressions(BAY)
        self.relay.stop_before(point, stopped)
        request = self.site.ask_for()
        self.site.approve(request)
        self.site.use(request)
        assert self.site.report(request, 2) == "accepted"
        reached = self.relay.disarm()
        if reached:
            assert done.wait(60)
        assert (self.site.box.openings(BAY), self.site.box.impressions(BAY)) == (before[0] + 1, before[1] + 2)
        return reached


def check(site: Site) -> None:
    """All requests were used up, each by one opening, and the auditor agrees."""
    ledger = site.verified()["ledger"]
    assert [(line["state"], line["pressed"], line["declared"]) for line in ledger] == [("used", 2, 2)] * len(ledger)
    assert all(len(line["opened"]) == 1 for line in ledger)
    for line in site.ledger():
        assert (line["state"], line["proven"], line["spent"]) == ("finished", True, 2)
    site.unharmed()


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize(("kind", "first", "step"), [("rumqttd", 1, 2), ("mosquitto", 2, 2), ("tls", 2, 5)])
def test_host_killed_before_any_of_its_messages_completes_the_flow_with_one_opening(
    tmp_path: Path, firmware_image: tuple[Path, ...], kind: str, first: int, step: int
) -> None:
    """Every second point on either broker; over TLS, where acknowledgements count too, every fifth."""
    with closing(Killing(tmp_path, kind, firmware_image)) as place:
        points = list(takewhile(place.killed_before, steps(first, step)))
        assert len(points) >= 5
        check(place.site)


def use_while_killed(site: Site, moment: float) -> None:
    """A request through the flow, the host killed at a moment (seconds after it was sent) and started again."""
    openings = site.box.openings(BAY)
    request = site.request()

    def kill() -> None:
        site.host.kill()
        site.host.start()
        site.box.advance(25)  # the longest that a box waits after so many lost connections

    timer = threading.Timer(moment, kill)
    timer.start()
    try:
        assert site.tell("keeper", request.raw) == "accepted"
        site.approve(request)
        site.use_unheard(request)
    finally:
        timer.join()
    assert site.report(request, 2) == "accepted"
    assert site.box.openings(BAY) == openings + 1


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("kind", ["embedded", "mosquitto"])
def test_host_killed_at_random_moments_completes_every_request_with_one_opening(
    tmp_path: Path, firmware_image: tuple[Path, ...], kind: str
) -> None:
    """The embedded broker dies with its host, and forgets everything."""
    moments = random.Random(31)
    with ExitStack() as ending:
        broker = None
        if kind != "embedded":
            broker = make_broker(kind, tmp_path / "broker")
            ending.callback(broker.stop)
        site = ending.enter_context(closing(Site(tmp_path / "site", broker, firmware_image)))
        for _ in range(4):
            use_while_killed(site, moments.random() * 1.2)
        check(site)


def test_host_killed_while_the_bay_is_open_learns_of_every_press(site: Site) -> None:
    request = site.ask_for(impressions=3)
    site.approve(request)
    site.wait_open(request)
    site.press(request)
    site.host.kill()
    assert site.box.press(BAY)
    assert site.box.press(BAY)
    site.box.wait_shutter(BAY, "closed")
    site.host.start()
    assert site.closed(request)["pressed"] == 3
    assert site.wait_state(request, "finished")["pressed"] == 3
    assert len(site.verified_line(request)["opened"]) == 1


def test_window_ends_while_the_host_is_dead_and_the_rest_opens_after_ready(site: Site) -> None:
    request = site.ask_for()
    site.approve(request)
    site.wait_open(request)
    site.press(request)
    site.host.kill()
    site.box.advance(61)
    site.box.wait_shutter(BAY, "closed")
    site.host.start()
    assert site.closed(request)["given_back"] == 1
    assert site.wait_state(request, "approved")["spent"] == 1
    assert site.ready(request) == "accepted"
    site.use_rest(request, 1)
    assert site.verified_line(request)["pressed"] == 2
