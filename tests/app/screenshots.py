"""`make screenshots`: plays a request through the running demo, and keeps pictures of the main pages.

Phone and desktop, in both languages, as WebP files of a few kilobytes. Everything is done as people would do it: by the
demo's sign-in links, in a browser profile for each person.
"""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, Playwright, expect, sync_playwright

from hardware.sim.vm import die_with_parent
from tests.app.browsers import WAIT_MS, launch
from tests.vms import ROOT

PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 800}
MOST_BYTES = 400_000
PEOPLE = {"王芳": "keeper", "李强": "officer", "张敏": "second", "赵磊": "auditor", "街道办事处": "authority"}
HANDS = "hands"
DRAW = """async ([png, quality]) => {
    const picture = await createImageBitmap(await (await fetch("data:image/png;base64," + png)).blob());
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    canvas.getContext("2d").drawImage(picture, 0, 0);
    const blob = await canvas.convertToBlob({ type: "image/webp", quality });
    const bytes = new Uint8Array(await blob.arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""


class Studio:
    """The demo's people at their browsers."""

    def __init__(self, playwright: Playwright, folder: Path, links: dict[str, str], out: Path) -> None:
        self._out = out
        self._contexts: list[BrowserContext] = []
        self._converter = self._open(playwright, folder / "converter", PHONE)
        self.pages: dict[str, Page] = {}
        for name, who in PEOPLE.items():
            viewport = DESKTOP if who in ("auditor", "authority") else PHONE
            page = self.pages[who] = self._open(playwright, folder / who, viewport)
            page.goto(links[name])
            page.get_by_role("button", name="生成密钥").click()
        for page in self.pages.values():
            expect(page.locator("nav.ways")).to_be_visible()

    def _open(self, playwright: Playwright, folder: Path, viewport: dict[str, int]) -> Page:
        context = launch(playwright, folder, viewport, scale=1.5 if viewport == PHONE else 1)
        context.set_default_timeout(WAIT_MS)
        self._contexts.append(context)
        return context.pages[0]

    def close(self) -> None:
        """Close all browsers."""
        for context in self._contexts:
            context.close()

    def go(self, who: str, path: str) -> Page:
        """Open one of somebody's pages."""
        page = self.pages[who]
        page.goto(page.url.partition("#")[0] + path)
        return page

    def keep(self, who: str, name: str) -> None:
        """A picture of what somebody sees, in both languages."""
        page = self.pages[who]
        for language, other in (("zh", "English"), ("en", "中文")):
            page.mouse.move(0, 0)
            page.evaluate("document.activeElement?.blur()")
            png = base64.b64encode(page.screenshot(animations="disabled")).decode()
            webp = self._converter.evaluate(DRAW, [png, 0.75])
            (self._out / f"{name}.{language}.webp").write_bytes(base64.b64decode(webp))
            page.get_by_role("button", name=other, exact=True).first.click()
            expect(page.get_by_role("button", name=other, exact=True)).to_have_count(0)

    def play(self) -> None:
        """One request from the form to the report's page, and who looks at it."""
        keeper = self.go("keeper", "#/keeper/new")
        keeper.get_by_label("盖章事项").fill("居住证明")
        keeper.get_by_role("button", name=re.compile("居住证明")).first.click()
        place = keeper.get_by_role("radio", name=re.compile("居委会"))
        if place.count():
            place.check()
        keeper.get_by_label("文件", exact=True).fill("刘洋的居住证明")
        keeper.get_by_label("申请人", exact=True).fill("刘洋")
        keeper.get_by_label("用途", exact=True).fill("子女入学")
        keeper.get_by_label(re.compile("^盖章次数")).fill("2")
        self.keep("keeper", "form")
        keeper.get_by_role("button", name="核对内容").click()
        expect(keeper.locator("output.code.large")).to_be_visible()
        self.keep("keeper", "review")
        keeper.get_by_role("button", name="签名并提交").click()
        expect(keeper.get_by_text("等待审批").first).to_be_visible()
        officer = self.go("officer", "#/inbox")
        card = officer.get_by_role("link", name=re.compile("刘洋的居住证明"))
        expect(card).to_be_visible()
        self.keep("officer", "inbox")
        card.click()
        expect(officer.get_by_role("button", name="同意", exact=True)).to_be_visible()
        self.keep("officer", "request")
        self._approve("officer")
        self.go("second", "#/inbox")
        self.pages["second"].get_by_role("link", name=re.compile("刘洋的居住证明")).click()
        self._approve("second")
        expect(keeper.locator(".now .left")).to_be_visible()
        self.keep("keeper", "open")
        self.go("auditor", "#/auditor")
        expect(self.pages["auditor"].get_by_role("cell", name="王芳").first).to_be_visible()
        self.keep("auditor", "ledger")
        self.go("authority", "#/authority")
        expect(self.pages["authority"].get_by_role("heading", level=1)).to_be_visible()
        self.keep("authority", "authority")

    def _approve(self, who: str) -> None:
        page = self.pages[who]
        page.get_by_role("button", name="同意", exact=True).click()
        page.get_by_role("button", name="签名同意").click()
        expect(page.get_by_text("您已同意")).to_be_visible()


@contextmanager
def demo(folder: Path) -> Iterator[dict[str, str]]:
    """The demo, running; its sign-in links by the people's names, and the address of its page of HANDS."""
    command = [sys.executable, "-m", "sealhost", "demo", "--home", str(folder)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, preexec_fn=die_with_parent()
    )
    assert process.stdout is not None
    try:
        links: dict[str, str] = {}
        name = ""
        for line in process.stdout:
            if found := re.match(r"  (\S+) \(", line):
                name = found[1]
            elif found := re.match(r"    (http\S+#/enrol/\S+)", line):
                links[name] = found[1]
            elif found := re.search(r"虚拟印章盒: (http\S+)", line):
                links[HANDS] = found[1]
            if "Ctrl-C ends it" in line:
                break
        assert set(links) >= set(PEOPLE), "the demo printed no links: build the app first, `make app`"
        yield links
    finally:
        process.terminate()
        process.wait(30)


def main(out: Path) -> None:
    """Write all pictures. AssertionError when they are too large for a README."""
    out.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=WAIT_MS)
    with tempfile.TemporaryDirectory() as name, demo(Path(name) / "demo") as links, sync_playwright() as playwright:
        studio = Studio(playwright, Path(name), links, out)
        try:
            studio.play()
        finally:
            studio.close()
    size = sum(file.stat().st_size for file in out.glob("*.webp"))
    assert size <= MOST_BYTES, f"{size} bytes are more than {MOST_BYTES}"
    print(f"{out}: {len(list(out.glob('*.webp')))} pictures, {size // 1000} KB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
