"""The authority's browser: who is enrolled, who no longer, and what a link, a script or a stranger can do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect
from sealwire import chain, cose, messages

from tests.app.browsers import Phone
from tests.app.office import Office, Phones, enrol, invitation, newest_roster, person_named, person_number, put_details
from tests.system.site import Site


@pytest.fixture(scope="module")
def office(playwright: Playwright, app_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The authority's browser."""
    phone = Phone(playwright, tmp_path_factory.mktemp("office"), str(app_site.host.info()["http"]))
    yield Office(app_site, phone)
    assert phone.problems == []
    phone.close()


def test_all_four_roles_enrol_by_link_and_comparison_and_their_pages_go_on(
    app_site: Site, office: Office, phone: Phones
) -> None:
    roles = {"王芳": "印章管理员", "赵敏": "审批人", "孙洋": "审计人员"}
    phones = {name: phone(name) for name in roles}
    for name, role in roles.items():
        office.accept(enrol(phones[name], office.invite(name)), role)
    deputy = phone("deputy")
    office.accept(enrol(deputy, office.invite("副镇长")), like="主管密钥")
    page = office.review()
    expect(page.get_by_text("王芳可以申请使用印章“居委会”")).to_be_visible()
    expect(page.get_by_text("赵敏可以审批印章“居委会”")).to_be_visible()
    expect(page.get_by_text("赵敏可以申请")).to_have_count(0)
    office.sign()
    for one in phones.values():
        expect(one.page.locator("output.code")).to_have_count(0)
        expect(one.page.get_by_role("heading", level=1)).not_to_have_text("登记本机")
    expect(phones["赵敏"].page.get_by_text("没有等待您审批的申请")).to_be_visible()
    expect(deputy.page.get_by_role("heading", name="主管单位", exact=True)).to_be_visible()
    app_site.ear.entry(chain.ROSTER, lambda entry: bool(entry["version"] == app_site.version))
    assert all(one.problems == [] for one in [*phones.values(), deputy])


def test_a_stolen_link_enrols_nobody_without_the_comparison(app_site: Site, office: Office, phone: Phones) -> None:
    link = office.invite("陈静")
    thief, owner = phone("thief"), phone("owner")
    stolen, code = enrol(thief, link), enrol(owner, link)
    assert stolen != code
    for one in (stolen, code):
        expect(office.waiting(one).get_by_text("同一个链接来了两个密钥")).to_be_visible()
    office.accept(code, "审批人")
    card = office.waiting(stolen)
    card.get_by_role("button", name="拒绝").click()
    card.get_by_role("button", name="拒绝").click()
    expect(office.page.get_by_text("已拒绝")).to_be_visible()
    office.sign()
    expect(owner.page.get_by_text("没有等待您审批的申请")).to_be_visible()
    assert [key[1:] for key in person_named(app_site, "陈静")["keys"]] == [owner.public_key()]
    thief.page.reload()
    expect(thief.page.locator("output.code")).to_have_text(stolen)


def test_a_stranger_without_a_link_of_this_browser_is_marked_as_such(
    app_site: Site, office: Office, phone: Phones
) -> None:
    code = enrol(phone("stranger"), invitation(app_site, "书记"))
    expect(office.waiting(code).get_by_text("不是本浏览器发出的链接")).to_be_visible()


def test_a_link_that_knows_one_authority_key_finds_the_way_to_a_roster_by_another(
    app_site: Site, office: Office, phone: Phones
) -> None:
    one = phone("late")
    code = enrol(one, invitation(app_site, "周末", authority=office.key))
    one.page.goto("about:blank")
    office.accept(code, "审批人")
    office.sign()
    app_site.version += 1
    fields = {**newest_roster(app_site).fields, "version": app_site.version}
    assert app_site.tell("authority", app_site.people.sign("authority", messages.ROSTER, **fields)) == "accepted"
    one.open()
    expect(one.page.get_by_text("没有等待您审批的申请")).to_be_visible()
    office.page.reload()
    expect(office.go().get_by_text(f"名册第 {app_site.version} 版")).to_be_visible()


def test_a_browser_that_missed_a_roster_does_not_sign_over_it(app_site: Site, office: Office, phone: Phones) -> None:
    office.accept(enrol(phone("next"), office.invite("郑重")), "审计人员")
    page = office.review()
    expect(page.get_by_role("button", name=f"签署第 {app_site.version + 1} 版")).to_be_enabled()
    app_site.version += 1
    fields = {**newest_roster(app_site).fields, "version": app_site.version}
    assert app_site.tell("authority", app_site.people.sign("authority", messages.ROSTER, **fields)) == "accepted"
    # Its own look for newer rosters may come first: then the button has moved on by itself.
    press = "(text) => [...document.querySelectorAll('button')].find((one) => one.textContent === text)?.click()"
    page.evaluate(press, f"签署第 {app_site.version} 版")
    expect(page.get_by_text(f"别处签署了第 {app_site.version} 版")).to_be_visible()
    expect(page.get_by_role("button", name=f"签署第 {app_site.version + 1} 版")).to_be_enabled()
    office.sign()
    assert person_named(app_site, "郑重")["number"]


SIGN = """(payload) => new Promise((done) => {
    const opening = indexedDB.open("sealbox");
    opening.onsuccess = () => {
        const get = opening.result.transaction("one").objectStore("one").get("profile");
        get.onsuccess = async () => done([...new Uint8Array(
            await crypto.subtle.sign("Ed25519", get.result.key, new Uint8Array(payload)))]);
    };
})"""


class BrowserKey:
    """The key in somebody's browser, used past the app."""

    def __init__(self, phone: Phone) -> None:
        self._page = phone.page
        self.public_key = phone.public_key()
        self.kid = cose.key_id(self.public_key)

    def sign(self, data: bytes) -> bytes:
        """What the browser signs for anybody who runs code in the page."""
        return bytes(self._page.evaluate(SIGN, list(data)))


def test_an_officer_whose_key_is_revoked_cannot_decide_any_more(app_site: Site, office: Office, phone: Phones) -> None:
    officer = phone("officer")
    office.accept(enrol(officer, office.invite("钱进")), "审批人")
    office.sign()
    expect(officer.page.get_by_text("没有等待您审批的申请")).to_be_visible()
    details = {"title": "居住证明", "resident": "张三", "purpose": "入学", "attachments": []}
    request = app_site.ask_for(details=put_details(app_site, details))
    officer.page.get_by_role("link", name="居委会").click()
    expect(officer.page.get_by_role("button", name="同意", exact=True)).to_be_visible()
    page = office.go("人员")
    page.get_by_role("link", name="钱进").click()
    page.get_by_role("button", name="吊销此密钥").click()
    page.get_by_role("button", name="吊销此密钥").click()
    expect(page.get_by_text("密钥已从草稿移除")).to_be_visible()
    expect(office.review().locator("section.lost").get_by_text("钱进可以审批印章“居委会”")).to_be_visible()
    office.sign()
    assert person_named(app_site, "钱进")["keys"] == []
    expect(officer.page.get_by_role("heading", name="本机密钥已停用")).to_be_visible()
    # Whoever holds the phone can still have it sign; nobody counts it.
    app_site.people.keys["revoked"] = BrowserKey(officer)  # type: ignore[assignment]
    assert app_site.tell("revoked", app_site.decide("revoked", request)) == "unknown_signer"
    app_site.approve(request, "first")
    assert app_site.line(request)["state"] == "waiting"
    app_site.approve(request, "second")
    app_site.use(request)
    intent = app_site.entries(chain.INTENT, app_site.of(request))[-1]
    assert person_number(app_site, "钱进") not in intent["people"]
    officer.page.reload()
    expect(officer.page.get_by_role("heading", name="本机密钥已停用")).to_be_visible()


def test_a_weaker_rule_needs_a_second_tick_before_it_can_be_signed(office: Office) -> None:
    page = office.go("规则")
    page.get_by_role("link", name="规则 1").click()
    page.get_by_label("人数").fill("1")
    page.get_by_role("button", name="写入草稿").click()
    expect(page.get_by_role("heading", level=1, name="规则", exact=True)).to_be_visible()
    office.review()
    expect(page.get_by_text("印章“党支部”、事项 101 的规则变松：只需 1 人同意（原为 2 人）")).to_be_visible()
    button = page.get_by_role("button", name="签署第")
    expect(button).to_be_disabled()
    page.get_by_label("仍要这样做").check()
    expect(button).to_be_enabled()
    page.get_by_role("button", name="放弃所有修改").click()
    page.get_by_role("button", name="放弃所有修改").click()
    expect(page.get_by_text("没有修改，无需签署")).to_be_visible()


def test_a_matter_list_with_broken_rows_is_named_row_by_row_and_not_taken(office: Office, tmp_path: Path) -> None:
    page = office.go("盖章事项")
    bad, good = tmp_path / "bad.csv", tmp_path / "good.csv"
    bad.write_text("编号,事项,印章,需决议\n101,居住证明,居委会,\nx,证明,居委会,\n102,收入证明,居委会,或许\n", "utf-8")
    good.write_text(
        '﻿编号,事项,印章,所需材料\r\n101,居住证明,居委会,"身份证, 户口簿"\r\n102,收入证明,居委会,\r\n', "utf-8"
    )
    page.get_by_label("导入 CSV 文件").set_input_files(bad)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("第 3 行")
    expect(alert).to_contain_text("第 4 行")
    expect(page.get_by_text("待签署的清单")).to_have_count(0)
    page.get_by_label("导入 CSV 文件").set_input_files(good)
    expect(page.get_by_text("待签署的清单共 2 项")).to_be_visible()
    office.sign()
    office.go("盖章事项")
    expect(page.get_by_text("已签署的清单共 2 项")).to_be_visible()


def test_a_roster_short_of_signatures_waits_in_the_other_authority_browsers(
    app_site: Site, office: Office, phone: Phones
) -> None:
    second = phone("second")
    office.accept(enrol(second, office.invite("副主任")), like="主管密钥")
    office.sign()
    expect(second.page.get_by_role("heading", name="主管单位", exact=True)).to_be_visible()
    page = office.go("主机与主管密钥")
    page.get_by_label("签署名册需要几个主管密钥").select_option("2")
    office.sign()
    office.go("主机与主管密钥").get_by_label("签署名册需要几个主管密钥").select_option("1")
    office.review()
    page.get_by_label("仍要这样做").check()
    page.get_by_role("button", name="签署第").click()
    expect(page.get_by_text("其他主管密钥也签名后生效")).to_be_visible()
    second.page.reload()
    second.page.get_by_role("link", name="阅读并签名").click()
    expect(
        second.page.get_by_text("3 个主管密钥中的 1 个").or_(second.page.get_by_text("个签名").first)
    ).to_be_visible()
    second.page.get_by_label("仍要这样做").check()
    second.page.get_by_role("button", name="签署第").click()
    expect(second.page.get_by_text("已生效")).to_be_visible()
    app_site.version += 1
    assert second.problems == []


def test_the_private_key_cannot_be_exported(office: Office) -> None:
    said = office.page.evaluate(
        """async () => {
            const profile = await new Promise((done) => {
                const opening = indexedDB.open("sealbox");
                opening.onsuccess = () => {
                    const get = opening.result.transaction("one").objectStore("one").get("profile");
                    get.onsuccess = () => done(get.result);
                };
            });
            const tries = ["raw", "pkcs8", "jwk"].map((format) =>
                crypto.subtle.exportKey(format, profile.key).then(() => "exported", (error) => error.name));
            const text = JSON.stringify(profile.key);
            return { extractable: profile.key.extractable, tries: await Promise.all(tries), text };
        }"""
    )
    assert said["extractable"] is False
    assert "exported" not in said["tries"]
    assert said["text"] == "{}"


def test_the_policy_stops_an_injected_script_and_a_foreign_fetch(phone: Phones) -> None:
    one = phone("injected")
    page = one.page

    def inject(route: object) -> None:
        answer = route.fetch()  # type: ignore[attr-defined]
        body = answer.text().replace("</body>", "<script>window.injected = true</script></body>")
        assert "window.injected" in body
        route.fulfill(response=answer, body=body)  # type: ignore[attr-defined]

    page.route(one.url + "/", inject)
    page.goto(one.url + "/")
    expect(page.get_by_role("heading", name="欢迎使用印章盒")).to_be_visible()
    assert page.evaluate("window.injected") is None
    assert page.evaluate("fetch('https://example.com/').then(() => 'reached', (error) => error.name)") == "TypeError"
    blocked = [line for line in one.problems if "Content Security Policy" in line]
    assert any("script" in line for line in blocked), one.problems
    assert any("connect" in line and "example.com" in line for line in blocked), one.problems
    refused = "try { document.body.innerHTML = '<b>x</b>'; 'set' } catch (error) { error.name }"
    assert page.evaluate(refused) == "TypeError"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("crypto.subtle.generateKey = () => Promise.reject(new DOMException('', 'NotSupportedError'))", "Ed25519"),
        ("Object.defineProperty(window, 'isSecureContext', { value: false })", "https"),
        ("Object.defineProperty(navigator, 'userAgent', { value: 'x MicroMessenger/8.0' })", "微信"),
    ],
)
def test_a_browser_that_cannot_keep_a_key_says_which_can(
    app_site: Site, phone: Phones, script: str, words: str
) -> None:
    one = phone("old")
    one.page.add_init_script(script)
    page = one.open(invitation(app_site, "赵敏"))
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.get_by_text("Firefox 129")).to_be_visible()
    expect(page.get_by_role("button", name="生成密钥")).to_be_disabled()
