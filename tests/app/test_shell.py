"""What stands around every page: its policy, its files and their digests, offline starts, settings, and its size."""

from __future__ import annotations

import functools
import gzip
import hashlib
import re
import shutil
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect
from sealwire import cose, messages

from tests.app.browsers import Phone, wait_kept
from tests.app.test_officer import invitation, list_person
from tests.system.site import Site

FIRST_ROUTE_BYTES = 150_000
STATIC_IMPORT = re.compile(r"""(?:from|import)\s*["']\./([\w.-]+\.js)["']""")
GET_KEY = """() => new Promise((done) => {
    const opening = indexedDB.open("sealbox");
    opening.onsuccess = () => {
        const get = opening.result.transaction("one").objectStore("one").get("profile");
        get.onsuccess = () => done(get.result.key);
    };
})"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and says nothing of it."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Origin:
    """The app's files on an origin of their own, without a host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        handler = functools.partial(Quiet, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Be gone, as far as browsers can see. Safe to call twice."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def origin(built_app: Path, tmp_path: Path) -> Iterator[Origin]:
    """A copy of the app's files, served."""
    shutil.copytree(built_app, tmp_path / "served")
    made = Origin(tmp_path / "served")
    yield made
    made.stop()


@pytest.fixture
def visitor(playwright: Playwright, origin: Origin, tmp_path: Path) -> Iterator[Phone]:
    """The browser of somebody whom nobody has enrolled."""
    phone = Phone(playwright, tmp_path / "visitor", origin.url)
    yield phone
    phone.close()


def listed(phone: Callable[[str], Phone], site: Site) -> Phone:
    """An officer's browser whose key the roster lists."""
    made = phone("shell")
    page = made.open(invitation(site, "赵敏"))
    page.get_by_role("button", name="生成密钥").click()
    expect(page.locator("output.code")).to_be_visible()
    list_person(site, 30, "赵敏", made.public_key())
    expect(page.get_by_text("没有等待您审批的申请")).to_be_visible()
    return made


def test_first_route_needs_at_most_150_kb_compressed(built_app: Path) -> None:
    assets = built_app / "assets"
    page = (built_app / "index.html").read_text()
    wanted = set(re.findall(r"/assets/([\w.-]+)", page))
    # What an officer's first page loads by itself: the inbox, and the connection to the broker.
    wanted |= {file.name for pattern in ("inbox-*", "mqtt*") for file in assets.glob(pattern)}
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        found = set(STATIC_IMPORT.findall((assets / name).read_text())) if name.endswith(".js") else set()
        waiting += found - wanted
        wanted |= found
    sizes = {name: len(gzip.compress((assets / name).read_bytes())) for name in wanted}
    assert len(sizes) > 4
    assert sum(sizes.values()) + len(gzip.compress(page.encode())) <= FIRST_ROUTE_BYTES, sizes


def test_digests_and_integrity_name_the_files_as_they_are(built_app: Path) -> None:
    lines = [line.split("  ", 1) for line in (built_app / "digests.txt").read_text().splitlines()]
    files = {str(file.relative_to(built_app)) for file in built_app.rglob("*") if file.is_file()}
    assert {name for _, name in lines} == files - {"digests.txt"}
    assert all(hashlib.sha256((built_app / name).read_bytes()).hexdigest() == digest for digest, name in lines)
    tags = re.findall(r'<(?:script|link)[^>]*/(assets/[^"]+)"[^>]*>', (built_app / "index.html").read_text())
    assert tags
    for tag in re.finditer(r'<(?:script|link)[^>]*/(assets/[^"]+)"[^>]*>', (built_app / "index.html").read_text()):
        digest = b64encode(hashlib.sha256((built_app / tag[1]).read_bytes()).digest()).decode()
        assert f'integrity="sha256-{digest}"' in tag[0]


def test_altered_script_does_not_run(visitor: Phone, origin: Origin) -> None:
    (script,) = re.findall(r'<script[^>]*/(assets/[^"]+)"', (origin.folder / "index.html").read_text())
    with (origin.folder / script).open("a") as file:
        file.write("\ndocument.title = 'altered';")
    page = visitor.open()
    expect(page.locator(".too-old")).to_have_count(1)
    assert page.title() != "altered"
    assert any("integrity" in problem for problem in visitor.problems)


def test_policy_blocks_injected_scripts_foreign_requests_and_other_workers(visitor: Phone) -> None:
    page = visitor.open()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.evaluate("""() => {
        const script = document.createElement("script");
        try { script.text = "window.injected = true"; } catch { return; }
        document.head.append(script);
    }""")
    assert page.evaluate("window.injected") is None
    with pytest.raises(Exception, match="TrustedHTML"):
        page.evaluate("document.body.innerHTML = '<img src=x onerror=injected=1>'")
    with pytest.raises(Exception, match="Failed to fetch"):
        page.evaluate("fetch('https://sealbox.invalid/')")
    with pytest.raises(Exception, match="TrustedScriptURL"):
        page.evaluate("navigator.serviceWorker.register('/other.js')")
    assert page.evaluate("trustedTypes.createPolicy.name") == "createPolicy"
    with pytest.raises(Exception, match="disallowed"):
        page.evaluate("trustedTypes.createPolicy('mine', {createHTML: (text) => text})")


def test_app_starts_without_a_network_and_says_when_there_is_a_newer_one(visitor: Phone, origin: Origin) -> None:
    page = visitor.open()
    expect(page.get_by_role("heading", name="欢迎使用印章盒")).to_be_visible()
    wait_kept(page)
    worker = origin.folder / "worker.js"
    worker.write_text(re.sub(r"sealbox-[0-9a-f]{16}", "sealbox-0123456789abcdef", worker.read_text()))
    page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.update())")
    expect(page.get_by_text("有新版本可用")).to_be_visible()
    origin.stop()
    page.get_by_role("button", name="重新载入").click()
    expect(page.get_by_text("有新版本可用")).to_have_count(0)
    expect(page.get_by_role("heading", name="欢迎使用印章盒")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Welcome to Sealbox")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "en"
    page.reload()
    expect(page.get_by_role("heading", name="Welcome to Sealbox")).to_be_visible()


def test_only_the_apps_own_files_are_kept_for_offline(app_site: Site, phone: Callable[[str], Phone]) -> None:
    one = listed(phone, app_site)
    wait_kept(one.page)
    one.page.reload()
    expect(one.page.get_by_text("没有等待您审批的申请")).to_be_visible()
    kept = one.page.evaluate(
        """async () => (await Promise.all((await caches.keys()).map(async (name) =>
            (await (await caches.open(name)).keys()).map((request) => new URL(request.url).pathname)))).flat()"""
    )
    assert "/" in kept
    assert not [path for path in kept if path.startswith(("/api", "/mqtt"))]
    _settings(one, app_site)
    _key_stays(one)
    _unforeseen(one)
    _forget(one)


def _settings(one: Phone, site: Site) -> None:
    """Who one is, by the roster; and nothing is wider than a small phone."""
    page = one.page
    page.get_by_role("link", name="设置").click()
    expect(page.get_by_role("heading", level=1, name="设置")).to_be_focused()
    card = page.locator("main .card").first
    expect(card).to_contain_text(messages.long_code(cose.key_id(one.public_key())))
    expect(card).to_contain_text(f"第 {site.version} 版")
    expect(card).to_contain_text("审批人")
    expect(page.get_by_text("都已送达")).to_be_visible()
    for path in ("#/inbox", "#/history", "#/settings", "#/substitute"):
        one.open(path)
        expect(page.get_by_role("heading", level=1)).not_to_have_text("请稍候……")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def _key_stays(one: Phone) -> None:
    """The private key is used where it is; no way of WebCrypto hands it out."""
    for form in ("pkcs8", "jwk", "raw"):
        with pytest.raises(Exception, match=r"not extractable|NotSupported"):
            one.page.evaluate(f"async () => crypto.subtle.exportKey('{form}', await ({GET_KEY})())")


def _unforeseen(one: Phone) -> None:
    """What nobody foresaw is said."""
    one.open("#/inbox")
    one.page.evaluate("() => { void Promise.reject(new Error('a test')); }")
    expect(one.page.get_by_role("alert")).to_contain_text("没有预料到的错误（a test）")
    one.page.get_by_role("button", name="重新载入").click()
    expect(one.page.get_by_role("alert")).to_have_count(0)


def _forget(one: Phone) -> None:
    """Leaving takes two steps, and leaves nothing."""
    page = one.open("#/settings")
    page.get_by_role("button", name="从这台设备退出").click()
    last = page.get_by_role("button", name="删除并退出")
    expect(last).to_be_disabled()
    page.get_by_label("密钥删除后无法恢复").check()
    last.click()
    expect(page.get_by_role("heading", name="欢迎使用印章盒")).to_be_visible()
