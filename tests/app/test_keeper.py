"""A keeper's browser against a real host, broker and box: from the form to the ledger's line, and what may go wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Playwright, expect
from sealwire import chain, messages

from tests.app.browsers import Phone
from tests.app.keeping import (
    NAME,
    SECRET,
    ask,
    cancel,
    choose_matter,
    fill_in,
    list_keeper,
    picture,
    report,
    sign,
    signed_here,
)
from tests.app.test_officer import invitation, put_details
from tests.host.daemon import eventually
from tests.host.village import MATTER
from tests.system.site import BAY, Site


@pytest.fixture(scope="module")
def enrolled(playwright: Playwright, lasting_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phone]:
    """The browser of a keeper whom the roster lists, with a list of three matters."""
    phone = Phone(playwright, tmp_path_factory.mktemp("phone"), str(lasting_site.host.info()["http"]))
    try:
        page = phone.open(invitation(lasting_site, NAME))
        page.get_by_role("button", name="生成密钥").click()
        expect(page.locator("output.code")).to_be_visible()
        list_keeper(lasting_site, phone.public_key())
        expect(page.get_by_text("还没有申请")).to_be_visible()
        yield phone
    finally:
        phone.close()


@pytest.fixture
def keeper(enrolled: Phone, lasting_site: Site) -> Iterator[Page]:
    """The keeper's page, at rest; it complains of nothing."""
    lasting_site.rest()
    enrolled.problems.clear()
    yield enrolled.open("#/keeper")
    assert enrolled.problems == []


def test_keeper_asks_stamps_and_reports_and_the_ledger_has_its_line(keeper: Page, lasting_site: Site) -> None:
    page, site = keeper, lasting_site
    fill_in(page, "居住证明（张三）", 3, files=[picture(page)])
    expect(page.get_by_text("用“居委会”盖 3 次")).to_be_visible()
    request = sign(page, site)
    assert (request["impressions"], request["matter"], request["bay"]) == (3, MATTER, BAY)
    expect(page.get_by_text("可以审批的人：first、second、third")).to_be_visible()
    site.approve(request, "first")
    expect(page.locator(".voices")).to_contain_text("first")
    expect(page.get_by_text("还需要 1 位审批人同意")).to_be_visible()
    site.approve(request, "second")
    expect(page.get_by_text("还可盖 3 次，共 3 次")).to_be_visible()
    site.wait_open(request)
    site.press(request, 1)
    expect(page.get_by_text("还可盖 2 次，共 3 次")).to_be_visible()
    expect(page.get_by_text("实时，待证实").first).to_be_visible()
    site.press(request, 2)
    site.press(request, 3)
    site.closed(request)
    expect(page.get_by_role("heading", name="已盖章，请回报")).to_be_visible()
    expect(page.locator(".story")).not_to_contain_text("待证实")
    own = page.url
    page.goto(own.partition("#")[0] + "#/keeper")
    expect(page.get_by_role("link", name=re.compile("居住证明（张三）"))).to_contain_text("待回报")
    page.goto(own)
    page.get_by_label("选择照片", exact=True).set_input_files(picture(page))
    expect(page.locator(".files li")).to_have_count(1)
    page.reload()
    expect(page.locator(".files li")).to_have_count(1)
    report(page, 3)
    expect(page.get_by_role("heading", name="已完成")).to_be_visible()
    expect(page.get_by_text("正在送达")).to_have_count(0)
    line = site.wait_state(request, "finished")
    assert (line["pressed"], line["declared"], line["keeper"]) == (3, 3, NAME)
    sent = site.ear.message(messages.REPORT, lambda one: bool(one["request"] == request.reference))
    assert len(sent["photographs"]) == 2


def test_more_impressions_are_a_new_request_that_names_the_first(keeper: Page, lasting_site: Site) -> None:
    page, site = keeper, lasting_site
    first = ask(page, site, "追加", 1)
    site.approve(first)
    site.use(first, 1)
    page.get_by_role("link", name="追加盖章次数").click()
    expect(page.get_by_text(f"接续 {messages.short_code(first.reference)}")).to_be_visible()
    expect(page.get_by_label("文件", exact=True)).to_have_value("追加")
    page.get_by_role("button", name="核对内容").click()
    second = sign(page, site)
    assert second["follows"] == first.reference
    assert site.finish(second, "keeper") == "other_keeper"
    cancel(page)
    site.wait_state(second, "finished")


def test_finishing_early_closes_the_bay_and_needs_a_reason(keeper: Page, lasting_site: Site) -> None:
    page, site = keeper, lasting_site
    request = ask(page, site, "提前结束", 3)
    site.approve(request)
    site.wait_open(request)
    site.press(request, 1)
    expect(page.get_by_text("还可盖 2 次，共 3 次")).to_be_visible()
    page.get_by_role("button", name="提前结束").click()
    expect(page.get_by_role("button", name="签名结束")).to_be_disabled()
    page.get_by_role("button", name="份数已够").click()
    page.get_by_role("button", name="签名结束").click()
    closed = site.closed(request)
    assert (closed["cause"], closed["pressed"]) == (chain.FINISHED_BY_KEEPER, 1)
    expect(page.get_by_role("heading", name="已盖章，请回报")).to_be_visible()
    expect(page.get_by_text("提前结束，本次盖了 1 次")).to_be_visible()
    assert site.verified_line(request)["state"] == "finished"


def test_after_a_jam_the_keeper_says_ready_and_it_opens_again(keeper: Page, lasting_site: Site) -> None:
    page, site = keeper, lasting_site
    request = ask(page, site, "卡住", 2)
    site.box.jam(BAY, "closed")
    site.approve(request)
    assert site.closed(request)["cause"] == chain.JAMMED
    expect(page.get_by_text("舱门刚才没有打开")).to_be_visible()
    site.box.unjam(BAY)
    site.wait_state(request, "approved")
    page.get_by_role("button", name="我在印章盒旁").dblclick()
    expect(page.get_by_text("还可盖 2 次，共 2 次")).to_be_visible()
    site.use_rest(request, 2)
    expect(page.get_by_role("heading", name="已盖章，请回报")).to_be_visible()
    report(page, 2)
    expect(page.get_by_role("heading", name="已完成")).to_be_visible()
    line = site.verified_line(request)
    assert (line["state"], line["pressed"], line["declared"]) == ("used", 2, 2)


def test_unattended_request_opens_only_when_the_keeper_says_ready(keeper: Page, lasting_site: Site) -> None:
    page, site = keeper, lasting_site
    openings = site.box.openings(BAY)
    request = ask(page, site, "稍后", 1, minutes=0)
    eventually(lambda: time.time() > request["attended"] + 1, "the second in which it would open by itself is over")
    site.approve(request)
    ready = page.get_by_role("button", name="我在印章盒旁")
    expect(ready).to_be_visible()
    assert site.box.openings(BAY) == openings
    ready.click()
    site.use(request, 1)
    expect(page.get_by_role("heading", name="已盖章，请回报")).to_be_visible()


def test_denied_request_says_why_and_offers_to_ask_again(keeper: Page, lasting_site: Site) -> None:
    page, site = keeper, lasting_site
    request = ask(page, site, "被否决")
    why = put_details(site, {"reason": "户口簿<b>缺页</b>"})
    assert site.tell("third", site.decide("third", request, messages.DENY, reason_digest=why)) == "accepted"
    expect(page.get_by_role("heading", name="已否决")).to_be_visible()
    expect(page.locator(".voices")).to_contain_text("third")
    expect(page.locator(".said")).to_have_text("户口簿<b>缺页</b>")
    expect(page.get_by_role("link", name="重新申请")).to_be_visible()
    page.goto(page.url.partition("#")[0] + "#/keeper")
    card = page.get_by_role("link", name=re.compile("被否决"))
    expect(card).to_contain_text("已否决")


def test_double_click_and_two_tabs_sign_a_request_once(keeper: Page, lasting_site: Site, enrolled: Phone) -> None:
    page, site = keeper, lasting_site
    fill_in(page, "只签一次")
    expect(page.locator("output.code.large")).to_be_visible()
    other = enrolled.context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="核对内容").click()
    expect(other.locator("output.code.large")).to_be_visible()
    shown = page.locator("output.code.large").inner_text()
    page.get_by_role("button", name="签名并提交").dblclick()
    found = site.ear.message(messages.REQUEST, lambda one: messages.short_code(one.reference) == shown)
    expect(page.get_by_text("等待审批").first).to_be_visible()
    other.get_by_role("button", name="签名并提交").click()
    expect(other).to_have_url(re.compile(found.reference.hex()))
    expect(other.get_by_text("等待审批").first).to_be_visible()
    other.close()
    assert signed_here(page, "request", found["details"]) == [found.reference.hex()]
    heard = site.ear.heard(messages.REQUEST, lambda one: bool(one["details"] == found["details"]))
    assert {one.reference for one in heard} == {found.reference}
    cancel(page)


def test_what_was_signed_without_a_network_arrives_once_it_is_back(
    keeper: Page, lasting_site: Site, enrolled: Phone
) -> None:
    page, site = keeper, lasting_site
    fill_in(page, "断网", 1)
    shown = page.locator("output.code.large")
    code = shown.inner_text()
    site.host.kill()
    page.get_by_role("button", name="签名并提交").dblclick()
    expect(page.get_by_role("heading", name="已签名，正在送达")).to_be_visible()
    expect(page.get_by_text("未连接，正在重试")).to_be_visible()
    site.host.start()
    expect(page.get_by_role("heading", name="等待审批")).to_be_visible()
    request = site.ear.message(messages.REQUEST, lambda one: messages.short_code(one.reference) == code)
    assert signed_here(page, "request", request["details"]) == [request.reference.hex()]
    site.approve(request)
    site.wait_open(request)
    site.host.kill()
    assert site.box.press(BAY)
    site.box.wait_shutter(BAY, "closed", 30)
    site.host.start()
    expect(page.get_by_role("heading", name="已盖章，请回报")).to_be_visible()
    site.host.kill()
    report(page, 1)
    expect(page.get_by_text("已签名，正在送达").first).to_be_visible()
    site.host.start()
    expect(page.get_by_text("正在送达")).to_have_count(0)
    assert len(signed_here(page, "report", request.reference)) == 1
    assert site.wait_state(request, "finished")["declared"] == 1
    assert all("WebSocket" in problem for problem in enrolled.problems)  # what a page without a host complains of
    enrolled.problems.clear()


def test_finish_signed_without_a_network_ends_the_request_once_it_is_back(
    keeper: Page, lasting_site: Site, enrolled: Phone
) -> None:
    page, site = keeper, lasting_site
    request = ask(page, site, "断网结束", 2)
    site.approve(request)
    site.wait_open(request)
    site.host.kill()
    page.get_by_role("button", name="提前结束").click()
    page.get_by_role("button", name="材料有误").click()
    page.get_by_role("button", name="签名结束").dblclick()
    expect(page.get_by_text("已签名，正在送达")).to_be_visible()
    address = page.url
    page.goto("about:blank")
    site.host.start()
    page.goto(address)
    expect(page.get_by_role("heading", name="已盖章，请回报")).to_be_visible()
    assert site.closed(request)["cause"] == chain.FINISHED_BY_KEEPER
    assert len(signed_here(page, "finish", request.reference)) == 1
    enrolled.problems.clear()  # what a page without a host complains of


def test_form_survives_a_reload_and_is_empty_once_it_is_signed(keeper: Page, lasting_site: Site) -> None:
    page, site = keeper, lasting_site
    fill_in(page, "重新载入", 4, files=[picture(page)])
    page.reload()
    expect(page.get_by_label("文件", exact=True)).to_have_value("重新载入")
    expect(page.locator(".files li")).to_have_count(1)
    page.get_by_role("button", name="核对内容").click()
    request = sign(page, site)
    assert request["impressions"] == 4
    cancel(page)
    page.goto(page.url.partition("#")[0] + "#/keeper/new")
    expect(page.get_by_label("盖章事项")).to_be_visible()


def test_abolished_matter_cannot_be_chosen_and_names_who_is_responsible(keeper: Page) -> None:
    keeper.get_by_role("link", name="新建用印申请").click()
    keeper.get_by_label("盖章事项").fill("无犯罪")
    expect(keeper.get_by_text("现由公安派出所负责")).to_be_visible()
    expect(keeper.get_by_role("button", name=re.compile("无犯罪"))).to_have_count(0)
    keeper.get_by_label("盖章事项").fill("没有的事项")
    expect(keeper.get_by_text("没有这样的事项")).to_be_visible()


def test_picture_is_sent_without_what_the_camera_wrote_into_it(
    keeper: Page, lasting_site: Site, enrolled: Phone
) -> None:
    page, site = keeper, lasting_site
    sent: list[bytes] = []
    page.on("request", lambda one: sent.append(one.post_data_buffer or b"") if one.method == "PUT" else None)
    fill_in(page, "照片", files=[picture(page)])
    sign(page, site)
    expect(page.get_by_text("1.jpg")).to_be_visible()
    pictures = [body for body in sent if b"\xff\xd8\xff" in body]
    assert pictures
    assert not any(SECRET in body or b"DCIM" in body or b"Exif" in body for body in sent)
    cancel(page)


def test_files_of_other_kinds_are_refused_and_a_hostile_name_stays_a_name(keeper: Page) -> None:
    page = keeper
    page.get_by_role("link", name="新建用印申请").click()
    choose_matter(page, "居住证明")
    page.get_by_role("radio", name=re.compile("居委会")).check()
    choose = page.get_by_label("选择照片或 PDF")
    choose.set_input_files({"name": "a.html", "mimeType": "text/html", "buffer": b"<script>1</script>"})
    expect(page.get_by_role("alert")).to_contain_text("不是可用的类型")
    choose.set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"})
    expect(page.get_by_role("alert")).to_contain_text("无法读取")
    name = "<img src=x onerror=alert(1)>\u202egpj.pdf"
    choose.set_input_files({"name": name, "mimeType": "application/pdf", "buffer": b"%PDF-1.4\n"})
    expect(page.locator(".files li")).to_contain_text("<img src=x onerror=alert(1)>gpj.pdf")
    expect(page.locator(".files li img")).to_have_count(0)
    page.get_by_role("button", name=re.compile("^移除")).click()
    expect(page.locator(".files li")).to_have_count(0)
