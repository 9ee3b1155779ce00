"""Fixtures of the app's tests: a real site whose host serves the app, and people's browsers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect, sync_playwright

from tests.app.browsers import WAIT_MS, Phone, build_app
from tests.brokers import make_broker
from tests.system.site import Site


@pytest.fixture(scope="session")
def built_app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app's files."""
    return build_app(tmp_path_factory.mktemp("app"))


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """The driver of a module's browsers. It runs an event loop in this thread, which others' tests must not find."""
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def app_site(
    tmp_path_factory: pytest.TempPathFactory, firmware_image: tuple[Path, ...], built_app: Path
) -> Iterator[Site]:
    """A whole site on the host's embedded broker, whose host serves the app."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SEALHOST_SERVE_APP", "true")
        environment.setenv("SEALHOST_APP_FILES", str(built_app))
        with closing(Site(tmp_path_factory.mktemp("site"), None, firmware_image)) as site:
            yield site


@pytest.fixture(scope="module")
def lasting_site(
    tmp_path_factory: pytest.TempPathFactory, firmware_image: tuple[Path, ...], built_app: Path
) -> Iterator[Site]:
    """A site on a broker of its own, whose host comes back at the same address."""
    folder = tmp_path_factory.mktemp("lasting")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SEALHOST_SERVE_APP", "true")
        environment.setenv("SEALHOST_APP_FILES", str(built_app))
        broker = make_broker("rumqttd", folder / "broker")
        try:
            with closing(Site(folder / "site", broker, firmware_image)) as site:
                settings = site.host.home / "sealhost.toml"
                address = str(site.host.info()["http"]).removeprefix("http://")
                settings.write_text(settings.read_text().replace("127.0.0.1:0", address))
                yield site
        finally:
            broker.stop()


@pytest.fixture
def phone(playwright: Playwright, app_site: Site, tmp_path: Path) -> Iterator[Callable[[str], Phone]]:
    """Makes the browser of a person, by their name."""
    made: list[Phone] = []

    def make(name: str) -> Phone:
        made.append(Phone(playwright, tmp_path / name, str(app_site.host.info()["http"])))
        return made[-1]

    yield make
    for one in made:
        one.close()
