"""The demo's app: its links make people of browsers, and its page of hands presses the virtual box's seals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Playwright, expect

from tests.app.browsers import Phone
from tests.app.screenshots import HANDS, demo


@pytest.fixture(scope="module")
def links(
    built_app: Path, firmware_image: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """A demo that goes on."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SEALHOST_APP_FILES", str(built_app))
        with demo(tmp_path_factory.mktemp("demo")) as found:
            yield found


def test_links_make_people_of_browsers_and_hands_press_the_box(
    playwright: Playwright, links: dict[str, str], tmp_path: Path
) -> None:
    with (
        closing(Phone(playwright, tmp_path / "keeper", "")) as keeper,
        closing(Phone(playwright, tmp_path / "authority", "")) as authority,
        closing(Phone(playwright, tmp_path / "hands", "")) as hands,
    ):
        for phone, name in ((keeper, "王芳"), (authority, "街道办事处")):
            phone.page.goto(links[name])
            phone.page.get_by_role("button", name="生成密钥").click()
        expect(keeper.page.get_by_role("link", name="新建用印申请")).to_be_visible()
        expect(authority.page.get_by_role("heading", name="主管单位", exact=True)).to_be_visible()
        page = hands.page
        page.goto(links[HANDS])
        expect(page.locator("#bay-2")).to_contain_text("已盖 4")
        page.locator("#bay-2").get_by_role("button", name=re.compile("盖章")).click()
        expect(page.locator("#told")).to_contain_text("舱门没开")
        page.get_by_role("button", name=re.compile("断电")).click()
        expect(page.locator("#display")).to_contain_text("没有电")
        page.get_by_role("button", name=re.compile("通电")).click()
        expect(page.locator("#display")).not_to_contain_text("没有电")
        assert hands.problems == []


def test_hands_obey_nobody_but_their_own_page(links: dict[str, str]) -> None:
    url = links[HANDS]
    origin = url[: url.index("/", len("http://"))]
    own = {"Origin": origin}
    assert httpx.post(f"{url}do/press/2").status_code == 403
    assert httpx.post(f"{url}do/press/2", headers={"Origin": "http://evil.example"}).status_code == 403
    assert httpx.post(f"{origin}/guessed/do/press/2", headers=own).status_code == 403
    assert httpx.post(f"{url}do/press/2", headers={**own, "Host": "evil.example"}).status_code == 403
    assert httpx.get(f"{origin}/state").status_code == 404
    assert httpx.post(f"{url}do/state/2", headers=own).status_code == 400
    assert httpx.post(f"{url}do/press/2", headers=own).json() == {"result": False}
