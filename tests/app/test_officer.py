"""An officer's browser: enrolled by a link, shown what waits, deciding it once, and what may be wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from playwright.sync_api import Page, Playwright, expect
from sealhost.client.api import sign_in_text
from sealwire import chain, cose, messages
from sealwire.messages import Message

from tests.app.browsers import Phone, wait_kept
from tests.host.village import DAY, PEOPLE
from tests.system.site import Site

NAME = "赵敏"
NUMBER = 30


@pytest.fixture(scope="module")
def enrolled(playwright: Playwright, lasting_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phone]:
    """The browser of an officer whom the roster lists."""
    phone = Phone(playwright, tmp_path_factory.mktemp("phone"), str(lasting_site.host.info()["http"]))
    try:
        page = phone.open(invitation(lasting_site, NAME))
        page.get_by_role("button", name="生成密钥").click()
        code = page.locator("output.code")
        expect(code).to_be_visible()
        key = phone.public_key()
        assert code.inner_text() == messages.long_code(cose.key_id(key))
        list_person(lasting_site, NUMBER, NAME, key)
        expect(page.get_by_text("没有等待您审批的申请")).to_be_visible()
        yield phone
    finally:
        phone.close()


@pytest.fixture
def officer(enrolled: Phone) -> Iterator[Page]:
    """The officer's inbox; the page complains of nothing."""
    enrolled.problems.clear()
    yield enrolled.open("#/inbox")
    assert enrolled.problems == []


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
    return put_file(site, os.urandom(16) + json.dumps(details).encode())


def put_file(site: Site, body: bytes) -> bytes:
    """Give the host a salted file, as the keeper; its digest."""
    keeper = site.people.keys["keeper"]
    with httpx.Client(base_url=str(site.host.info()["http"])) as http:
        kid = {"kid": keeper.kid.hex(), "site": site.site.hex()}
        asked = http.post("/api/session/challenge", json=kid).json()
        challenge, host = bytes.fromhex(asked["challenge"]), bytes.fromhex(asked["host"])
        signature = keeper.sign(sign_in_text(site.site, host, challenge))
        fields = {"kid": keeper.kid.hex(), "challenge": challenge.hex(), "signature": signature.hex()}
        token = http.post("/api/session", json=fields).json()["token"]
        digest = hashlib.sha256(body).digest()
        headers = {"Authorization": f"Bearer {token}"}
        answer = http.put(f"/api/sites/{site.site.hex()}/blobs/{digest.hex()}", content=body, headers=headers)
        assert answer.status_code == 201
    return digest


def salted(site: Site, content: bytes) -> str:
    """Give the host a salted file, as the keeper; its digest in hex."""
    body = os.urandom(16) + content
    return put_file(site, body).hex()


def ask(site: Site, title: str, **details: Any) -> Message:
    """A request with details, which the host has accepted."""
    site.rest()
    fields = {"title": title, "resident": "张三", "purpose": "入学", "attachments": [], "attachment_names": []}
    request = site.request(details=put_details(site, {**fields, **details}))
    assert site.tell("keeper", request.raw) == "accepted"
    return request


def show(page: Page, title: str) -> None:
    """Open a request from the inbox."""
    page.get_by_role("link", name=title).click()
    expect(page.get_by_role("heading", level=1, name=title)).to_be_visible()


def decisions(site: Site, request: Message) -> list[Message]:
    """The officer's different decisions on a request, as the broker carried them."""
    found = site.ear.heard(messages.DECISION, lambda one: bool(one["request"] == request.reference))
    return [one for one in once_each(found) if not is_known(site, one)]


def once_each(found: list[Message]) -> list[Message]:
    """Without what was sent again."""
    return list({one.reference: one for one in found}.values())


def is_known(site: Site, message: Message) -> bool:
    """Whether it was not signed in the browser."""
    return message.kid in {key.kid for key in site.people.keys.values()}


def test_officer_sees_the_request_and_approves_it(officer: Page, lasting_site: Site) -> None:
    page, site = officer, lasting_site
    request = ask(site, "居住证明")
    expect(page.get_by_role("link", name=re.compile("居住证明"))).to_contain_text("居委会")
    show(page, "居住证明")
    expect(page.get_by_text(messages.short_code(request.reference))).to_be_visible()
    page.get_by_role("button", name="同意", exact=True).click()
    page.get_by_role("button", name="签名同意").click()
    expect(page.get_by_text("已送达")).to_be_visible()
    assert site.tell("first", site.decide("first", request)) == "accepted"
    site.use(request)
    expect(page.get_by_text("2 次，共 2 次")).to_be_visible()
    page.get_by_role("link", name="已办").click()
    expect(page.get_by_role("link", name=re.compile("居住证明"))).to_contain_text("您已同意")


def test_what_others_have_ended_leaves_the_inbox_by_itself(officer: Page, lasting_site: Site) -> None:
    request = ask(lasting_site, "别人否决的")
    card = officer.get_by_role("link", name=re.compile("别人否决的"))
    expect(card).to_be_visible()
    expect(officer.locator(".badge")).to_have_text("1")
    lasting_site.deny("third", request)
    expect(card).to_have_count(0)
    expect(officer.get_by_text("没有等待您审批的申请")).to_be_visible()


def test_denial_needs_a_reason_and_says_it_to_others(officer: Page, lasting_site: Site) -> None:
    page, site = officer, lasting_site
    request = ask(site, "材料不全的")
    show(page, "材料不全的")
    page.get_by_role("button", name="不同意").click()
    sign = page.get_by_role("button", name="签名不同意")
    expect(sign).to_be_disabled()
    page.get_by_text("材料不全", exact=True).click()
    page.get_by_label("补充说明").fill("缺户口簿")
    sign.click()
    expect(page.get_by_text("您已否决")).to_be_visible()
    site.wait_state(request, "denied")
    expect(page.locator(".voices")).to_contain_text("缺户口簿")
    expect(page.locator(".voices")).to_contain_text("材料不全")
    (one,) = decisions(site, request)
    assert (one["verdict"], one["reason"]) == (messages.DENY, 1)


def test_approval_is_taken_back_before_use(officer: Page, lasting_site: Site) -> None:
    page, site = officer, lasting_site
    request = ask(site, "撤回的")
    show(page, "撤回的")
    approve(page)
    expect(page.get_by_text("还需要 1 位")).to_be_visible()
    page.get_by_role("button", name="撤回同意").click()
    page.get_by_role("button", name="签名撤回").click()
    expect(page.get_by_text("您已撤回同意").first).to_be_visible()
    site.ear.entry(chain.DECISION, site.of(request))
    assert [one["verdict"] for one in decisions(site, request)] == [messages.APPROVE, messages.WITHDRAW]
    assert site.tell("first", site.decide("first", request)) == "accepted"
    site.wait_state(request, "waiting")
    assert site.intents(request) == 0


def approve(page: Page) -> None:
    """Approve what is shown, until it is delivered."""
    page.get_by_role("button", name="同意", exact=True).click()
    page.get_by_role("button", name="签名同意").click()
    expect(page.get_by_text("已送达")).to_be_visible()


def test_double_tap_two_tabs_and_a_reload_sign_once(officer: Page, lasting_site: Site, enrolled: Phone) -> None:
    page, site = officer, lasting_site
    request = ask(site, "只签一次")
    show(page, "只签一次")
    other = enrolled.context.new_page()
    other.goto(page.url)
    for tab in (page, other):
        tab.get_by_role("button", name="同意", exact=True).click()
        expect(tab.get_by_role("button", name="签名同意")).to_be_enabled()
    for tab in (page, other, page, other):  # at once: neither has heard of the other's
        tab.evaluate("document.querySelector('form button.main')?.click()")
    expect(page.get_by_text("您已同意")).to_be_visible()
    expect(other.get_by_text("您已同意")).to_be_visible()
    other.close()
    page.reload()
    expect(page.get_by_text("您已同意")).to_be_visible()
    expect(page.get_by_role("button", name="签名同意")).to_have_count(0)
    assert site.tell("third", site.decide("third", request, messages.DENY)) == "accepted"
    site.wait_state(request, "denied")
    assert len(decisions(site, request)) == 1
    assert signed_here(page, request) == 1


def signed_here(page: Page, request: Message) -> int:
    """How many decisions on a request this browser signed."""
    return int(
        page.evaluate(
            """(about) => new Promise((done) => {
                const opening = indexedDB.open("sealbox");
                opening.onsuccess = () => {
                    const get = opening.result.transaction("kept").objectStore("kept").getAll();
                    get.onsuccess = () => done(get.result.filter((one) => one.about === about).length);
                };
            })""",
            request.reference.hex(),
        )
    )


def test_decision_without_a_network_survives_a_reload_and_arrives_once(
    officer: Page, lasting_site: Site, enrolled: Phone
) -> None:
    page, site = officer, lasting_site
    request = ask(site, "断网审批")
    show(page, "断网审批")
    page.get_by_role("button", name="同意", exact=True).click()
    wait_kept(page)
    site.host.kill()
    page.get_by_role("button", name="签名同意").dblclick()
    expect(page.get_by_text("已签名，正在送达")).to_be_visible()
    page.goto(page.url.partition("#")[0] + "#/settings")
    page.reload()
    expect(page.get_by_text("审批意见")).to_be_visible()
    expect(page.get_by_text("未连接").first).to_be_visible()
    site.host.start()
    expect(page.get_by_text("签过的内容都已送达")).to_be_visible()
    assert site.tell("third", site.decide("third", request, messages.DENY)) == "accepted"
    assert len(decisions(site, request)) == 1
    assert all("WebSocket" in problem or "fetch" in problem for problem in enrolled.problems)
    enrolled.problems.clear()  # what a page without a host complains of


def test_substitute_decides_for_somebody_and_the_record_says_so(officer: Page, lasting_site: Site) -> None:
    page, site = officer, lasting_site
    assert site.tell("third", site.substitute("third", NUMBER)) == "accepted"
    request = ask(site, "代理审批的")
    show(page, "代理审批的")
    page.get_by_role("button", name="同意", exact=True).click()
    page.get_by_label("代理third").check()
    page.get_by_role("button", name="签名同意").click()
    expect(page.get_by_text("已送达")).to_be_visible()
    expect(page.locator(".voices")).to_contain_text("代third")
    (one,) = decisions(site, request)
    assert one["for"] == PEOPLE["third"][0]
    assert site.tell("first", site.decide("first", request)) == "accepted"
    site.use(request)


def test_officer_names_a_substitute_for_some_days(officer: Page, lasting_site: Site) -> None:
    page, site = officer, lasting_site
    page.get_by_role("link", name="设置").click()
    page.get_by_role("link", name=re.compile("指定代理")).click()
    page.get_by_label("代理人").select_option(label="first")
    page.get_by_role("button", name="下一步").click()
    expect(page.get_by_text("first可以代您审批")).to_be_visible()
    page.get_by_role("button", name="签名指定").dblclick()
    expect(page.get_by_text("已送达")).to_be_visible()
    (one,) = once_each(site.ear.heard(messages.SUBSTITUTE, lambda one: not is_known(site, one)))
    assert one["from"] <= time.time() <= one["until"] <= one["from"] + 7 * DAY


def test_details_altered_at_the_host_are_found_out_and_nothing_can_be_signed(officer: Page, lasting_site: Site) -> None:
    page, site = officer, lasting_site
    page.goto("about:blank")
    request = ask(site, "原来的标题")
    with closing(sqlite3.connect(site.host.home / "sealbox.db", timeout=30)) as database, database:
        row = database.execute("SELECT body FROM blobs WHERE digest = ?", (request["details"],)).fetchone()
        forged = bytes(row[0]).replace(json.dumps("张三").encode(), json.dumps("李四").encode())
        assert forged != row[0]
        database.execute("UPDATE blobs SET body = ? WHERE digest = ?", (forged, request["details"]))
    page.goto(f"{site.host.info()['http']}/#/inbox")
    expect(page.get_by_text("详情与签名不符")).to_be_visible()
    page.goto(f"{site.host.info()['http']}/#/request/{request.reference.hex()}")
    expect(page.get_by_role("alert")).to_contain_text("详情与签名不符，不能审批")
    expect(page.get_by_text("李四")).to_have_count(0)
    expect(page.get_by_role("button", name="同意")).to_have_count(0)
    site.deny("third", request)


def test_attachments_are_drawn_anew_or_saved_and_hostile_names_stay_names(officer: Page, lasting_site: Site) -> None:
    page, site = officer, lasting_site
    hostile = "<img src=x onerror=alert(1)>\u202egpj.pdf"
    files = [salted(site, picture(page)), salted(site, b"%PDF-1.4\n"), salted(site, b"<script>alert(1)</script>")]
    ask(site, "<b>附件</b>", attachments=files, attachment_names=["../证件.jpg", hostile, "a.html"])
    show(page, "<b>附件</b>")
    shown = page.locator(".attachments img")
    expect(shown).to_have_count(1)
    assert str(shown.get_attribute("src")).startswith("blob:")
    with page.expect_download() as saved:
        page.get_by_role("link", name=re.compile("保存")).click()
    assert saved.value.suggested_filename.endswith(".pdf")
    assert "/" not in saved.value.suggested_filename
    expect(page.locator(".attachments")).to_contain_text("<img src=x onerror=alert(1)>gpj.pdf")
    expect(page.locator(".attachments .fault")).to_contain_text("无法读取")
    assert page.locator("main b").count() == 0


def picture(page: Page) -> bytes:
    """A small picture."""
    drawn = page.evaluate("""() => {
        const canvas = document.createElement("canvas");
        canvas.width = 60;
        canvas.height = 40;
        canvas.getContext("2d").fillRect(5, 5, 20, 20);
        return canvas.toDataURL("image/png");
    }""")
    return base64.b64decode(str(drawn).partition(",")[2])


@pytest.mark.parametrize(("seconds", "words"), [(900, "快了 15 分钟"), (-900, "慢了 15 分钟")])
def test_wrong_clock_of_the_phone_is_noticed_and_named(
    enrolled: Phone, officer: Page, seconds: int, words: str
) -> None:
    tab = enrolled.context.new_page()
    tab.add_init_script(f"const real = Date.now; Date.now = () => real() + {1000 * seconds};")
    tab.goto(officer.url)
    expect(tab.get_by_role("alert")).to_contain_text(words)
    tab.close()
    expect(officer.get_by_role("alert")).to_have_count(0)
