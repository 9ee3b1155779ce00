"""What a keeper does in the browser, for the tests of it."""

from __future__ import annotations

import base64
import re

from playwright.sync_api import FilePayload, Page, expect
from sealhost.core.matters import list_digest
from sealwire import chain, messages
from sealwire.messages import Message

from tests.host.village import DAY, MATTER
from tests.system.site import Site

NAME = "王管理"
SECRET = b"SECRET CAMERA AND PLACE"
MATTERS = [
    {"code": MATTER, "wording": "居住证明", "seal": "居委会", "attachments": "户口簿"},
    {"code": 102, "wording": "无犯罪记录证明", "seal": "居委会", "abolished": 1, "responsible": "公安派出所"},
    {"code": 103, "wording": "低保申请审核", "seal": "居委会", "resolution": 1},
]


def list_keeper(site: Site, public_key: bytes) -> None:
    """A next roster, in which this key is a keeper's, and a next list of matters."""
    people, site.version = site.people, site.version + 1
    people.matters = MATTERS
    matters = people.matters_message(2)
    assert site.tell("authority", matters) == "accepted"
    fields = messages.read(people.roster(site.version), site.site).fields
    person = {
        "number": 31, "name": NAME, "roles": 1 << messages.KEEPER, "keys": [bytes([messages.ED25519]) + public_key],
        "from": people.now - DAY, "until": people.now + DAY,
    }  # fmt: skip
    digest = list_digest([messages.read(matters, site.site).payload])
    raw = people.roster(site.version, people=[*fields["people"], person], matters=digest)
    assert site.tell("authority", raw) == "accepted"
    site.ear.entry(chain.ROSTER, lambda entry: bool(entry["version"] == site.version))


def picture(page: Page) -> FilePayload:
    """A picture with what a phone's camera writes into it."""
    drawn = page.evaluate("""() => {
        const canvas = document.createElement("canvas");
        canvas.width = 300;
        canvas.height = 200;
        canvas.getContext("2d").fillRect(20, 20, 100, 50);
        return canvas.toDataURL("image/jpeg");
    }""")
    content = base64.b64decode(str(drawn).partition(",")[2])
    exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + SECRET
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    return {"name": "DCIM 31.2N 121.5E.jpg", "mimeType": "image/jpeg", "buffer": content[:2] + segment + content[2:]}


def fill_in(
    page: Page, title: str, impressions: int = 2, minutes: int = 30, files: list[FilePayload] | None = None
) -> None:
    """The form, up to the page that shows what will be signed."""
    page.get_by_role("link", name="新建用印申请").click()
    choose_matter(page, "居住证明")
    page.get_by_role("radio", name=re.compile("居委会")).check()
    page.get_by_label("文件", exact=True).fill(title)
    page.get_by_label("申请人", exact=True).fill("张三")
    page.get_by_label("用途", exact=True).fill("入学")
    page.get_by_label(re.compile("^盖章次数")).fill(str(impressions))
    page.get_by_label("我在印章盒旁等候").select_option(str(minutes))
    if files:
        page.get_by_label("选择照片或 PDF").set_input_files(files)
        expect(page.locator(".files li")).to_have_count(len(files))
    page.get_by_role("button", name="核对内容").click()
    expect(page.get_by_role("heading", name="核对并签名")).to_be_visible()


def choose_matter(page: Page, words: str) -> None:
    """Look a matter up and take it."""
    page.get_by_label("盖章事项").fill(words)
    page.get_by_role("button", name=re.compile(words)).click()


def sign(page: Page, site: Site) -> Message:
    """Sign what is shown; the request as the broker carried it, which has the code that was shown."""
    shown = page.locator("output.code.large").inner_text()
    page.get_by_role("button", name="签名并提交").click()
    found = site.ear.message(messages.REQUEST, lambda one: messages.short_code(one.reference) == shown)
    expect(page).to_have_url(re.compile(found.reference.hex()))
    expect(page.get_by_text("等待审批").first).to_be_visible()
    return found


def ask(page: Page, site: Site, title: str, impressions: int = 2, minutes: int = 30) -> Message:
    """A request that waits."""
    fill_in(page, title, impressions, minutes)
    return sign(page, site)


def report(page: Page, count: int) -> None:
    """Photograph and declare."""
    page.get_by_label("选择照片", exact=True).set_input_files(picture(page))
    page.get_by_label("纸上实际盖了几次").fill(str(count))
    page.get_by_role("button", name="签名回报").click()


def cancel(page: Page) -> None:
    """End a request before use."""
    page.get_by_role("button", name="取消申请").click()
    page.get_by_role("button", name="居民不再需要").click()
    page.get_by_role("button", name="签名结束").click()
    expect(page.get_by_role("heading", name="已取消")).to_be_visible()


def signed_here(page: Page, kind: str, inside: bytes) -> list[str]:
    """The references of what this browser signed, of a type and with these bytes in it."""
    kept = page.evaluate(
        """() => new Promise((done) => {
            const opening = indexedDB.open("sealbox");
            opening.onsuccess = () => {
                const get = opening.result.transaction("kept").objectStore("kept").getAll();
                get.onsuccess = () => done(get.result.map((one) => ({ ...one, raw: [...one.raw] })));
            };
        })"""
    )
    return [one["reference"] for one in kept if one["type"] == kind and inside in bytes(one["raw"])]
