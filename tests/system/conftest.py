"""Fixtures of the system tests: everything in them is real, only the hardware is virtual."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.brokers import Broker, broker, make_broker, mosquitto, rumqttd  # noqa: F401
from tests.system.fenced import SiteFence
from tests.system.site import Site
from tests.system.stage import Stage


@pytest.fixture
def stage(tmp_path: Path, rumqttd: Broker, firmware_image: tuple[Path, ...]) -> Iterator[Stage]:  # noqa: F811
    """A set-up box on the embedded broker; the test plays host and people."""
    with Stage(tmp_path / "box", rumqttd, modules=firmware_image) as ready:
        yield ready


class Sites:
    """The sites that a worker's tests share, one for each kind; a broken one is not used again.

    A kind is that of the broker; "serial" is a box on the host's serial line.
    """

    def __init__(self, folder: Path, image: tuple[Path, ...]) -> None:
        self._folder = folder
        self._image = image
        self._made: dict[str, tuple[Site, Broker | SiteFence]] = {}
        self._count = 0

    def get(self, kind: str) -> Site:
        """The site of this kind."""
        if kind not in self._made:
            self._count += 1
            folder = self._folder / f"{kind}-{self._count}"
            plain = "rumqttd" if kind == "serial" else kind
            started = SiteFence() if kind == "tls" else make_broker(plain, folder / "broker")
            try:
                made = Site(folder, started, self._image, serial=kind == "serial")
            except BaseException:
                started.stop()
                raise
            self._made[kind] = made, started
        return self._made[kind][0]

    def drop(self, kind: str) -> None:
        """End the site of this kind, if there is one."""
        if kind in self._made:
            site, started = self._made.pop(kind)
            site.close()
            started.stop()

    def close(self) -> None:
        """End all."""
        for kind in list(self._made):
            self.drop(kind)


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory, firmware_image: tuple[Path, ...]) -> Iterator[Sites]:
    """What `site` and `either_site` take from."""
    made = Sites(tmp_path_factory.mktemp("sites"), firmware_image)
    yield made
    made.close()


def _lend(sites: Sites, kind: str) -> Iterator[Site]:
    """A site for one test, at rest before and after."""
    try:
        lent = sites.get(kind)
        lent.rest()
        yield lent
        lent.rest()
    except BaseException:
        sites.drop(kind)
        raise


@pytest.fixture
def site(sites: Sites) -> Iterator[Site]:
    """A whole site on the embedded broker; other tests have used it before."""
    yield from _lend(sites, "rumqttd")


@pytest.fixture
def own_site(tmp_path: Path, rumqttd: Broker, firmware_image: tuple[Path, ...]) -> Iterator[Site]:  # noqa: F811
    """A whole site for this test alone, which may set clocks and bring disorder."""
    with closing(Site(tmp_path / "site", rumqttd, firmware_image)) as made:
        yield made


@pytest.fixture(params=["rumqttd", "mosquitto", "tls", "serial"])
def either_site(request: pytest.FixtureRequest, sites: Sites) -> Iterator[Site]:
    """A whole site, once of each kind."""
    yield from _lend(sites, request.param)


@pytest.fixture(params=["rumqttd", "mosquitto", "serial"])
def open_site(request: pytest.FixtureRequest, sites: Sites) -> Iterator[Site]:
    """A whole site, once of each kind without an outer fence: whoever reaches the broker may say anything."""
    yield from _lend(sites, request.param)


@pytest.fixture
def fenced_site(sites: Sites) -> Iterator[Site]:
    """A whole site inside the fence."""
    yield from _lend(sites, "tls")
