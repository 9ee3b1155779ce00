"""The app's files as the host serves them, and pages of other origins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sealhost.services.access import Access
from sealhost.web.api import create_app
from sealhost.web.pages import app_pages
from sealhost.web.server import WebServer

from tests.host.village import Village

ELSEWHERE = "https://app.example"


@pytest.fixture
def http(village: Village, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a server that serves a bundle of two files."""
    files = tmp_path / "app"
    (files / "assets").mkdir(parents=True)
    (files / "index.html").write_text("<!doctype html><title>app</title>")
    (files / "assets" / "main-abc.js").write_text("0")
    (tmp_path / "secret").write_text("not to be served")
    access, health = Access(village.context), lambda: {"ok": True}
    app = create_app(access, village.views, health, pages=app_pages(files), origins=[ELSEWHERE])
    server = WebServer(app, "127.0.0.1", 0)
    server.start()
    with httpx.Client(base_url=server.url) as client:
        yield client
    server.stop()


def test_app_is_served_with_headers_that_keep_it_to_itself(http: httpx.Client) -> None:
    page = http.get("/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cache-control"] == "no-cache"
    assert "immutable" in http.get("/assets/main-abc.js").headers["cache-control"]


def test_interface_goes_before_files_and_nothing_outside_the_bundle_is_served(http: httpx.Client) -> None:
    assert http.get("/healthz").json() == {"ok": True}
    for path in ("/secret", "/../secret", "/%2e%2e/secret", "/assets/../../secret"):
        assert http.get(path).status_code == 404


def test_only_listed_origins_may_read_the_interface(http: httpx.Client) -> None:
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
    good = http.options("/api/session", headers={"Origin": ELSEWHERE, **asked})
    assert (good.status_code, good.headers["access-control-allow-origin"]) == (200, ELSEWHERE)
    assert "access-control-allow-credentials" not in good.headers
    other = http.options("/api/session", headers={"Origin": "https://evil.example", **asked})
    assert "access-control-allow-origin" not in other.headers
