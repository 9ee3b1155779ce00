"""An officer's browser: enrolled by a link, shown what waits, and signing a decision that the host takes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx
from playwright.sync_api import expect
from sealhost.client.api import sign_in_text
from sealwire import chain, cose, messages

from tests.app.browsers import Phone
from tests.host.village import DAY
from tests.system.site import Site


def invitation(site: Site, name: str) -> str:
    """The path of a one-time enrolment link."""
    fields = {
        "site": site.site.hex(),
        "authority": site.people.authority.public_key.hex(),
        "threshold": 1,
        "token": os.urandom(16).hex(),
        "name": name,
        "host": "",
    }
    return f"#/enrol/{urlencode(fields)}".replace("%", "%25")


def list_person(site: Site, number: int, name: str, public_key: bytes) -> None:
    """A next roster, in which somebody is an officer with this key."""
    site.version += 1
    raw = site.people.roster(site.version)
    fields = messages.read(raw, site.site).fields
    now = site.people.now
    person = {
        "number": number,
        "name": name,
        "roles": 1 << messages.OFFICER,
        "keys": [bytes([messages.ED25519]) + public_key],
        "from": now - DAY,
        "until": now + DAY,
    }
    assert site.tell("authority", site.people.roster(site.version, people=[*fields["people"], person])) == "accepted"


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


def test_officer_enrols_sees_the_request_and_approves_it(app_site: Site, phone: Callable[[str], Phone]) -> None:
    officer = phone("officer")
    page = officer.open(invitation(app_site, "赵敏"))
    page.get_by_role("button", name="生成密钥").click()
    code = page.locator("output.code")
    expect(code).to_be_visible()
    key = officer.public_key()
    assert code.inner_text() == messages.long_code(cose.key_id(key))
    list_person(app_site, 30, "赵敏", key)
    expect(page.get_by_text("没有等待您审批的申请")).to_be_visible()
    details = put_details(app_site, {"title": "居住证明", "resident": "张三", "purpose": "入学", "attachments": []})
    request = app_site.request(details=details)
    assert app_site.tell("keeper", request.raw) == "accepted"
    page.get_by_role("link", name="居委会").click()
    expect(page.get_by_role("heading", name="居住证明")).to_be_visible()
    expect(page.get_by_text(messages.short_code(request.reference))).to_be_visible()
    page.get_by_role("button", name="同意", exact=True).click()
    page.get_by_role("button", name="签名同意").click()
    expect(page.get_by_text("已送达")).to_be_visible()
    assert app_site.tell("first", app_site.decide("first", request)) == "accepted"
    app_site.ear.entry(chain.INTENT, lambda entry: bool(entry["request"] == request.reference))
    assert officer.problems == []
