"""The connection cut at every step of the flow, on the host's side or the box's: nothing is lost, nothing opens twice.

Over TLS a cut falls before any of the records that the host (the box) sends, without TLS before any of its messages.
"""

from contextlib import ExitStack, closing
from itertools import takewhile
from pathlib import Path

import pytest

from tests.brokers import make_broker
from tests.system.fenced import SiteFence
from tests.system.relay import Relay
from tests.system.site import BAY, Site
from tests.system.steps import LAST_POINT, TIMEOUT_S, steps
from tests.system.test_site_kills import check


class Cutting:
    """A site in which one side's connection can be cut before anything that it sends."""

    def __init__(self, folder: Path, kind: str, side: str, image: tuple[Path, ...]) -> None:
        self._ending = ExitStack()
        with self._ending:
            broker = SiteFence() if kind == "tls" else make_broker(kind, folder / "broker")
            self._ending.callback(broker.stop)
            port = broker.devices_port if isinstance(broker, SiteFence) else broker.port
            self.relay = self._ending.enter_context(closing(Relay(broker.host, port, records=kind == "tls")))
            way = f"{'mqtts' if kind == 'tls' else 'mqtt'}://{self.relay.host}:{self.relay.port}"
            through, box_through = (way, None) if side == "host" else (None, way)
            self.site = self._ending.enter_context(closing(Site(folder / "site", broker, image, through, box_through)))
            self._ending = self._ending.pop_all()

    def close(self) -> None:
        """End everything."""
        self._ending.close()

    def cut_before(self, point: int) -> bool:
        """One request from asking to the ack, cut before the `point`-th step; False when there were fewer."""
        site = self.site
        before = site.box.openings(BAY), site.box.impressions(BAY)
        self.relay.stop_before(point, lambda: None)
        request = site.ask_for()
        site.approve(request)
        site.use_unheard(request)
        assert site.report(request, 2) == "accepted"
        reached = self.relay.disarm()
        assert (site.box.openings(BAY), site.box.impressions(BAY)) == (before[0] + 1, before[1] + 2)
        return reached


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize(
    ("kind", "side", "first", "step"),
    [("mosquitto", "host", 2, 4), ("mosquitto", "box", 1, 3), ("tls", "host", 1, 5), ("tls", "box", 2, 4)],
)
def test_connection_cut_at_each_step_completes_the_flow_with_one_opening(
    tmp_path: Path, firmware_image: tuple[Path, ...], kind: str, side: str, first: int, step: int
) -> None:
    with closing(Cutting(tmp_path, kind, side, firmware_image)) as place:
        # A box that is cut off again and again waits up to a minute before it comes back: too long for every step.
        chosen = steps(first, step) if side == "host" else range(first, LAST_POINT, step)
        points = list(takewhile(place.cut_before, chosen))
        assert len(points) >= 3
        check(place.site)
