"""An authority's browser, and what its pages are asked to do: the same gestures in every test."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from playwright.sync_api import Locator, Page, expect
from sealhost.client.api import sign_in_text
from sealwire import cose, messages
from sealwire.messages import Message

from tests.app.browsers import Phone
from tests.system.site import Site


def invitation(site: Site, name: str, authority: bytes | None = None) -> str:
    """The path of a link as an authority without an app would write it."""
    key = authority or site.people.authority.public_key
    fields = {
        "site": site.site.hex(), "authority": key.hex(), "threshold": 1,
        "token": os.urandom(16).hex(), "name": name, "host": "",
    }  # fmt: skip
    return "#/enrol/" + quote(urlencode(fields), safe="")


class Desktop:
    """An authority's browser, past its enrolment."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone

    @property
    def page(self) -> Page:
        """Its window."""
        return self.phone.page

    def go(self, name: str = "") -> Page:
        """Open one of its pages afresh, by way of the home page."""
        self.page.evaluate("location.hash = '/authority'")
        expect(self.page.get_by_role("heading", name="主管单位", exact=True)).to_be_visible()
        if name:
            self.page.get_by_role("navigation").get_by_text(name, exact=True).click()
            expect(self.page.get_by_role("heading", level=1, name=name)).to_be_visible()
        return self.page

    def invite(self, name: str) -> str:
        """A link for somebody; its part from the # on."""
        page = self.go("邀请人员")
        page.get_by_label("邀请谁").fill(name)
        page.get_by_role("button", name="生成链接").click()
        expect(page.get_by_role("img", name="链接的二维码")).to_be_visible()
        link = page.get_by_label("链接", exact=True).input_value()
        return "#" + link.partition("#")[2]

    def waiting(self, code: str) -> Locator:
        """The card of the enrolment with this code."""
        self.go("等待登记")
        card = self.page.locator("section.card").filter(has_text=code)
        expect(card).to_be_visible()
        return card

    def accept(self, code: str, *roles: str, like: str = "") -> None:
        """Compare the code and take the key into the draft: as a new person, or as what `like` says."""
        card = self.waiting(code)
        expect(card.get_by_role("button", name="列入草稿")).to_be_disabled()
        card.get_by_label("核对码一致").check()
        if like:
            card.get_by_label("这个密钥是").select_option(label=like)
        for role in roles:
            card.get_by_label(role, exact=True).check()
        card.get_by_role("button", name="列入草稿").click()
        expect(self.page.get_by_text("已列入草稿")).to_be_visible()

    def review(self) -> Page:
        """Open the change in words."""
        self.go().get_by_role("link", name="核对并签署").click()
        expect(self.page.get_by_role("heading", name="签署名册")).to_be_visible()
        return self.page

    def sign(self, sure: bool = False) -> int:
        """Look the change over and sign it; until it holds. The version."""
        page = self.review()
        if sure:
            page.get_by_label("仍要这样做").check()
        page.get_by_role("button", name="签署第").click()
        expect(page.get_by_text("已生效")).to_be_visible()
        return int(page.get_by_text("已生效").inner_text().split()[1])


class Office(Desktop):
    """An authority's browser that the site's roster lists beside the authority's key file."""

    def __init__(self, site: Site, phone: Phone) -> None:
        super().__init__(phone)
        self.site = site
        page = phone.open(invitation(site, "镇政府"))
        make_key(page)
        expect(page.locator("output.code")).to_be_visible()
        self.key = phone.public_key()
        fields = site.read(site.people.roster(site.version)).fields
        site.version += 1
        keys = [*fields["authority"], self.key]
        assert site.tell("authority", site.people.roster(site.version, authority=keys)) == "accepted"
        expect(page.get_by_role("heading", name="主管单位", exact=True)).to_be_visible()

    def sign(self, sure: bool = False) -> int:
        """The same; the site's people know of the new version too."""
        self.site.version = super().sign(sure)
        return self.site.version


def make_key(page: Page) -> None:
    """Press the one button of the enrolment page."""
    page.get_by_role("button", name="生成密钥").click()


def enrol(phone: Phone, link: str) -> str:
    """Open a link and make the key; the code that the page shows."""
    page = phone.open(link)
    make_key(page)
    expect(page.get_by_text("您的密钥和姓名已送达主管单位")).to_be_visible()
    code = page.locator("output.code").inner_text()
    assert code == messages.long_code(cose.key_id(phone.public_key()))
    return code


def newest_roster(site: Site) -> Message:
    """The newest roster that was published."""
    return max(site.ear.heard(messages.ROSTER), key=lambda one: int(one["version"]))


def person_named(site: Site, name: str) -> dict[str, Any]:
    """Somebody's row of it."""
    return next(dict(person) for person in newest_roster(site)["people"] if person["name"] == name)


def person_number(site: Site, name: str) -> int:
    """Somebody's number in that roster."""
    return int(person_named(site, name)["number"])


def put_details(site: Site, details: dict[str, Any]) -> bytes:
    """Give the host the salted details of a request, as the keeper; their digest."""
    keeper = site.people.keys["keeper"]
    with httpx.Client(base_url=str(site.host.info()["http"])) as http:
        kid = {"kid": keeper.kid.hex(), "site": site.site.hex()}
        asked = http.post("/api/session/challenge", json=kid).json()
        challenge, host = bytes.fromhex(asked["challenge"]), bytes.fromhex(asked["host"])
        signature = keeper.sign(sign_in_text(site.site, host, challenge))
        fields = {"kid": keeper.kid.hex(), "challenge": challenge.hex(), "signature": signature.hex()}
        token = http.post("/api/session", json=fields).json()["token"]
        body = os.urandom(16) + json.dumps(details).encode()
        digest = hashlib.sha256(body).digest()
        headers = {"Authorization": f"Bearer {token}"}
        answer = http.put(f"/api/sites/{site.site.hex()}/blobs/{digest.hex()}", content=body, headers=headers)
        assert answer.status_code == 201
    return digest


Phones = Callable[[str], Phone]
