"""axe-core finds nothing serious on any page, in light and dark."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sealwire import messages

from tests.app.browsers import Phone
from tests.app.test_officer import invitation, put_details
from tests.host.village import DAY
from tests.system.site import Site
from tests.vms import ROOT

AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
SERIOUS = ("serious", "critical")
EVERYBODY = 1 << messages.KEEPER | 1 << messages.OFFICER | 1 << messages.AUDITOR
NOBODYS = ("#/", "#/authority/new", "#/verify")
PEOPLES = (
    "#/inbox", "#/history", "#/substitute", "#/settings", "#/request/{request}", "#/keeper", "#/keeper/new",
    "#/keeper/request/{request}", "#/auditor", "#/auditor/charts", "#/auditor/checks", "#/auditor/story/{request}",
    "#/verify",
)  # fmt: skip
AUTHORITYS = tuple(
    f"#/authority{page}"
    for page in (
        "", "/enrolments", "/invite", "/people", "/person/1", "/boxes", "/rules", "/rule/1", "/matters", "/hosts",
        "/roster", "/sign",
    )
)  # fmt: skip


def serious(page: Page) -> list[dict[str, Any]]:
    """What axe holds against the page as it stands."""
    page.evaluate(AXE)
    found = page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    return [
        {"rule": one["id"], "where": [node["target"] for node in one["nodes"]][:3], "help": one["help"]}
        for one in found
        if one["impact"] in SERIOUS
    ]


def look_at(phone: Phone, paths: tuple[str, ...], **values: str) -> None:
    """Each page, in light and dark."""
    faults = {}
    for path in paths:
        phone.open("#/")
        page = phone.open(path.format(**values))
        expect(page.get_by_role("heading", level=1)).not_to_have_text("请稍候……")
        expect(page.get_by_text("请稍候……")).to_have_count(0)
        assert page.locator("h1").count() == 1, path
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # colours at once, none in between
            if found := serious(page):
                faults[f"{path} {scheme}"] = found
    assert not faults, json.dumps(faults, indent=1, ensure_ascii=False)


def enrol(phone: Phone, site: Site, name: str) -> bytes:
    """The key that a browser makes from a link."""
    page = phone.open(invitation(site, name))
    expect(page.get_by_role("button", name="生成密钥")).to_be_enabled()
    assert serious(page) == []
    page.get_by_role("button", name="生成密钥").click()
    expect(page.locator("output.code")).to_be_visible()
    assert serious(page) == []
    return phone.public_key()


@pytest.fixture
def enrolled(app_site: Site, phone: Callable[[str], Phone]) -> dict[str, Phone]:
    """The browsers of a person with all roles, of the authority, and of nobody."""
    site = app_site
    person, authority, nobody = phone("person"), phone("authority"), phone("nobody")
    keys = enrol(person, site, "全能人"), enrol(authority, site, "主管")
    site.version += 1
    fields = messages.read(site.people.roster(site.version), site.site).fields
    row = {
        "number": 40, "name": "全能人", "roles": EVERYBODY, "keys": [bytes([messages.ED25519]) + keys[0]],
        "from": site.people.now - DAY, "until": site.people.now + DAY,
    }  # fmt: skip
    held = [*fields["authority"], keys[1]]
    raw = site.people.roster(site.version, people=[*fields["people"], row], authority=held)
    assert site.tell("authority", raw) == "accepted"
    for one in (person, authority):
        expect(one.page.locator("nav.ways")).to_be_visible()
    return {"person": person, "authority": authority, "nobody": nobody}


def test_axe_finds_nothing_serious_on_any_page(app_site: Site, enrolled: dict[str, Phone]) -> None:
    details = {"title": "很长的标题" * 12, "resident": "张三", "purpose": "入学", "attachments": []}
    request = app_site.request(details=put_details(app_site, details))
    assert app_site.tell("keeper", request.raw) == "accepted"
    look_at(enrolled["nobody"], NOBODYS)
    look_at(enrolled["person"], PEOPLES, request=request.reference.hex())
    look_at(enrolled["authority"], AUTHORITYS)
