"""The auditor's pages: bundles dropped on a page that has no host, no key and no network, and the history of a real
site, fetched and verified in the browser.
"""

from __future__ import annotations

import base64
import functools
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright, expect
from sealhost.audit.bundle import read_bundle, write_bundle
from sealhost.audit.rosters import Trust
from sealhost.audit.verify import Result, verify_bundle
from sealhost.core.matters import list_digest
from sealhost.signing import keys
from sealwire import messages

from tests.app.browsers import Phone
from tests.app.test_officer import invitation, put_details
from tests.host.bundles import Village, begin, history, take_first_roster, used
from tests.host.village import DAY
from tests.system.site import Site

DROP = """([name, content]) => {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name, {type: "application/zip"}));
    const at = document.querySelector(".drop");
    for (const kind of ["dragover", "drop"]) {
        at.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
    }
}"""


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """A test's output is for its own words."""


@pytest.fixture(scope="module")
def origin(built_app: Path) -> Iterator[str]:
    """A web server that knows the app's files and nothing else."""
    handler = functools.partial(_Files, directory=str(built_app))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def stranger(playwright: Playwright, origin: str, tmp_path: Path) -> Iterator[Phone]:
    """The browser of somebody whom nobody enrolled; the page complains of nothing."""
    phone = Phone(playwright, tmp_path / "stranger", origin)
    yield phone
    phone.close()
    assert phone.problems == []


@functools.cache
def whole_story() -> Village:
    """A history with a bit of everything."""
    return history()


def key_of(village: Village) -> str:
    return village.key("authority").public_key.hex()


def saved(folder: Path, village: Village, items: dict[str, bytes] | None = None) -> Path:
    """A bundle as a file."""
    path = folder / "bundle.zip"
    write_bundle(path, village.items() if items is None else items)
    return path


def checked(path: Path, village: Village) -> Result:
    """What `sealhost verify` says of it."""
    return verify_bundle(read_bundle(path), Trust([village.key("authority").public_key], 1), keys.verify)


def opened(stranger: Phone, key: str) -> Page:
    """The page for anybody, with the authority's key typed, and the network gone."""
    page = stranger.open("#/verify")
    page.get_by_label("主管单位的公钥").fill(key)
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")  # it fetches the app's files at first
    stranger.context.set_offline(True)
    return page


def choose(page: Page, path: Path) -> None:
    page.get_by_label("选择文件").set_input_files(path)


def test_good_bundle_dropped_without_a_network_holds(stranger: Phone, tmp_path: Path) -> None:
    village = whole_story()
    path = saved(tmp_path, village)
    page = opened(stranger, key_of(village))
    page.evaluate(DROP, ["bundle.zip", base64.b64encode(path.read_bytes()).decode()])
    expect(page.get_by_role("heading", name="全部成立")).to_be_visible()
    (box,) = checked(path, village).boxes
    expect(page.get_by_text(f"{box.entries} 条日志中 {box.proven} 条已证实")).to_be_visible()
    expect(page.get_by_text(box.head)).to_be_visible()
    page.get_by_role("link", name="用印台账").click()
    expect(page.get_by_role("table").get_by_role("link")).to_have_count(len(checked(path, village).ledger))


def test_tampered_bundle_names_the_check_and_the_item(stranger: Phone, tmp_path: Path) -> None:
    village = whole_story()
    items = village.items()
    lost = next(path for path in items if path.startswith("messages/"))
    altered = {**items, lost: items[lost][:-1] + bytes([items[lost][-1] ^ 1])}
    path = saved(tmp_path, village, village.seal(altered))
    (finding,) = checked(path, village).findings
    page = opened(stranger, key_of(village))
    choose(page, path)
    expect(page.get_by_role("heading", name="核验未通过")).to_be_visible()
    expect(page.get_by_role("heading", name="签名不成立")).to_be_visible()
    expect(page.locator(".finding").get_by_text(finding.path, exact=True)).to_be_visible()
    stranger.context.set_offline(False)  # the other language is fetched when it is first wanted
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="A signature does not hold")).to_be_visible()


def test_log_that_was_cut_is_named_and_the_ledger_warns(stranger: Phone, tmp_path: Path) -> None:
    village = whole_story()
    items = village.items()
    log = next(path for path in items if path.endswith("entries.cbor"))
    path = saved(tmp_path, village, village.seal({**items, log: items[log][: len(items[log]) // 2]}))
    page = opened(stranger, key_of(village))
    choose(page, path)
    for finding in checked(path, village).findings:
        expect(page.locator(".finding").get_by_text(finding.path, exact=True).first).to_be_visible()
    page.get_by_role("link", name="用印台账").click()
    expect(page.get_by_role("heading", name="核验未通过")).to_be_visible()


def test_other_authoritys_key_proves_nothing(stranger: Phone, tmp_path: Path) -> None:
    village = whole_story()
    page = opened(stranger, village.key("authority2").public_key.hex())
    choose(page, saved(tmp_path, village))
    expect(page.get_by_role("heading", name="核验未通过")).to_be_visible()
    expect(page.get_by_role("heading", name="名册上主管单位的签名不足")).to_be_visible()


@pytest.mark.parametrize(
    ("typed", "said"),
    [("", "请先填写主管单位的公钥"), ("zz", "第 1 行不是公钥"), (f"{'01' + '00' * 31}", "第 1 行不是公钥")],
    ids=["none", "no digits", "a weak key"],
)
def test_keys_that_are_none_are_refused_before_anything_is_read(
    stranger: Phone, tmp_path: Path, typed: str, said: str
) -> None:
    page = opened(stranger, typed)
    choose(page, saved(tmp_path, whole_story()))
    expect(page.get_by_text(said)).to_be_visible()
    expect(page.get_by_role("heading", level=1, name="核验审计包")).to_be_visible()


def test_more_keys_than_given_cannot_be_asked_for(stranger: Phone, tmp_path: Path) -> None:
    page = opened(stranger, key_of(whole_story()))
    page.get_by_label("其中至少几个签名才有效").fill("2")
    choose(page, saved(tmp_path, whole_story()))
    expect(page.get_by_text("没有这么多公钥，最多 1 个")).to_be_visible()


def test_file_that_is_no_bundle_is_named_so_and_the_next_is_read(stranger: Phone, tmp_path: Path) -> None:
    village = whole_story()
    page = opened(stranger, key_of(village))
    junk = tmp_path / "junk.zip"
    junk.write_bytes(b"PK\x03\x04" + bytes(500))
    choose(page, junk)
    expect(page.get_by_text("这不是 ZIP 文件，或文件不完整")).to_be_visible()
    choose(page, saved(tmp_path, village))
    expect(page.get_by_role("heading", name="全部成立")).to_be_visible()
    expect(page.get_by_text("这不是 ZIP 文件")).to_have_count(0)


# The ledger, a story, the charts


def ledger_page(stranger: Phone, tmp_path: Path, village: Village) -> Page:
    page = opened(stranger, key_of(village))
    choose(page, saved(tmp_path, village))
    expect(page.get_by_role("heading", name="全部成立")).to_be_visible()
    page.get_by_role("link", name="用印台账").click()
    expect(page.get_by_role("table")).to_be_visible()
    return page


def codes(page: Page) -> list[str]:
    """The requests that are shown."""
    return page.get_by_role("table").get_by_role("link").all_inner_texts()


def test_ledger_is_filtered_by_seal_person_state_time_and_cases(stranger: Phone, tmp_path: Path) -> None:
    village = whole_story()
    lines = checked(saved(tmp_path, village), village).ledger
    page = ledger_page(stranger, tmp_path, village)
    assert codes(page) == [line.code for line in reversed(lines)]
    page.get_by_text("筛选", exact=True).click()

    def left(wanted: list[str]) -> None:
        expect(page.get_by_text(f"{len(lines)} 份申请中的 {len(wanted)} 份")).to_be_visible()
        assert sorted(codes(page)) == sorted(wanted)

    page.get_by_role("combobox", name="印章", exact=True).select_option(label="党支部")
    left([line.code for line in lines if line.seal == "党支部"])
    page.get_by_role("button", name="清除筛选").click()
    page.get_by_role("combobox", name="人员").select_option(label="third")
    left([line.code for line in lines if "third" in [*line.approved_by, *line.denied_by]])
    page.get_by_role("button", name="清除筛选").click()
    page.get_by_role("combobox", name="状态", exact=True).select_option(label="已否决")
    left([line.code for line in lines if line.state == "denied"])
    page.get_by_role("button", name="清除筛选").click()
    page.get_by_label("只看需要留意的").check()
    left([line.code for line in lines if line.cases])
    page.get_by_role("button", name="清除筛选").click()
    page.get_by_label("从", exact=True).fill("2099-01-01")
    expect(page.get_by_text("没有符合条件的申请")).to_be_visible()
    page.get_by_role("button", name="清除筛选").click()
    left([line.code for line in lines])


def test_story_shows_who_signed_what_every_check_and_the_log_under_its_checkpoint(
    stranger: Phone, tmp_path: Path
) -> None:
    village = whole_story()
    request = village.named["used"]
    page = ledger_page(stranger, tmp_path, village)
    page.get_by_role("link", name=messages.short_code(request.reference)).click()
    expect(page.get_by_role("heading", name="这份申请的每项核验都成立")).to_be_visible()
    told = page.locator("ol.messages > li")
    assert [text.splitlines()[0] for text in told.all_inner_texts()] == [
        "用印申请", "同意", "同意", "开锁授权", "用印报告"
    ]  # fmt: skip
    assert sorted(re.findall(r"签名人：(\w+)", "".join(told.all_inner_texts()))) == [
        "first",
        "keeper",
        "keeper",
        "second",
    ]
    for text in told.all_inner_texts():
        assert "签名有效" in text
    expect(told.get_by_text("开锁时已计入")).to_have_count(2)
    expect(told.get_by_text("按规则由此得出")).to_have_count(1)
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows.filter(has_text="的签名")).to_have_count(4)  # opened, two impressions, closed
    expect(rows.filter(has_text="没有检查点证实")).to_have_count(0)


def test_story_of_a_decision_that_breaks_the_rules_shows_the_check_that_fails(stranger: Phone, tmp_path: Path) -> None:
    village = begin()
    request = village.request("asked")
    village.decide(request, "keeper")
    village.box.checkpoint()
    path = saved(tmp_path, village)
    assert [finding.check for finding in checked(path, village).findings] == ["own_request"]
    page = opened(stranger, key_of(village))
    choose(page, path)
    page.get_by_role("link", name="用印台账").click()
    page.get_by_role("table").get_by_role("link", name=messages.short_code(request.reference)).click()
    expect(page.get_by_role("heading", name="这份申请有 1 项核验未通过")).to_be_visible()
    denied = page.locator("ol.messages > li").filter(has_text="同意")
    expect(denied.get_by_role("img", name="不成立")).to_be_visible()
    expect(denied.get_by_text("审批了自己的申请")).to_be_visible()


def test_charts_say_in_tables_what_they_draw(stranger: Phone, tmp_path: Path) -> None:
    village = whole_story()
    lines = checked(saved(tmp_path, village), village).ledger
    page = ledger_page(stranger, tmp_path, village)
    page.get_by_role("link", name="统计").click()
    outcomes = page.get_by_role("table", name="申请的结果")
    count = sum(line.state == "used" for line in lines)
    expect(outcomes.get_by_role("row", name="已用完").get_by_role("cell").first).to_have_text(str(count))
    page.get_by_text("以表格显示").click()
    uses = sum(len(line.opened) for line in lines)
    expect(page.get_by_role("row", name="2026-09").get_by_role("cell")).to_have_text(str(uses))


class Hostile(Village):
    """Its seal is named by somebody who would like to run something."""

    @staticmethod
    def bay(number: int) -> dict[str, Any]:
        return {"number": number, "seal": "<img src=x onerror=x()>", "rules": 1 << 1}


def test_hostile_names_are_shown_and_do_nothing(stranger: Phone, tmp_path: Path) -> None:
    village = Hostile()
    village.matters()
    village.roster(1)
    take_first_roster(village)
    used(village, "used")
    page = ledger_page(stranger, tmp_path, village)
    expect(page.get_by_role("cell", name="<img src=x onerror=x()>")).to_be_visible()
    assert page.locator("img").count() == 0


# A real site


def list_auditor(site: Site, public_key: bytes) -> None:
    """A next roster, in which this key is an auditor's, and a next matter list."""
    site.version += 1
    matters = site.people.matters_message(2)
    assert site.tell("authority", matters) == "accepted"
    fields = messages.read(site.people.roster(site.version), site.site).fields
    person = {
        "number": 32, "name": "审计员", "roles": 1 << messages.AUDITOR,
        "keys": [bytes([messages.ED25519]) + public_key],
        "from": site.people.now - DAY, "until": site.people.now + DAY,
    }  # fmt: skip
    digest = list_digest([messages.read(matters, site.site).payload])
    raw = site.people.roster(site.version, people=[*fields["people"], person], matters=digest)
    assert site.tell("authority", raw) == "accepted"


def test_auditor_verifies_the_sites_history_reads_a_story_and_saves_the_bundle(
    app_site: Site, playwright: Playwright, tmp_path: Path
) -> None:
    site = app_site
    digest = put_details(site, {"title": "居住证明", "resident": "张三", "purpose": "入学", "attachments": []})
    request = site.ask_for(details=digest)
    site.approve(request, "first", "second")
    site.use(request)
    phone = Phone(playwright, tmp_path / "auditor", str(site.host.info()["http"]))
    try:
        page = phone.open(invitation(site, "审计员"))
        page.get_by_role("button", name="生成密钥").click()
        expect(page.locator("output.code")).to_be_visible()
        list_auditor(site, phone.public_key())
        page.get_by_role("link", name=messages.short_code(request.reference)).click()
        expect(page.get_by_role("heading", name="这份申请的每项核验都成立")).to_be_visible()
        expect(page.get_by_text("张三")).to_be_visible()
        expect(page.get_by_text("详情与印章管理员签名的摘要一致")).to_be_visible()
        page.get_by_role("link", name="核验结果").click()
        expect(page.get_by_role("heading", name="全部成立")).to_be_visible()
        with page.expect_download() as downloading:
            page.get_by_role("link", name="保存 bundle.zip").click()
        path = tmp_path / "saved.zip"
        downloading.value.save_as(path)
        trust = Trust([site.people.authority.public_key], 1)
        result = verify_bundle(read_bundle(path), trust, keys.verify)
        assert result.ok
        assert request.reference.hex() in {line.request for line in result.ledger}
        assert phone.problems == []
    finally:
        phone.close()
