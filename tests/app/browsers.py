"""Chromium with a profile folder for each person, as on their own phones, and the app built once.

Playwright drives Debian's Chromium; a persistent profile keeps the key over restarts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, Playwright

from tests.vms import ROOT

WAIT_MS = 30_000  # before a wait gives up; never a pass mark
PHONE = {"width": 360, "height": 740}


def build_app(folder: Path) -> Path:
    """The app's files, built into `folder` for the host that serves them."""
    node = Path(sys.executable).with_name("node")
    vite = ROOT / "node_modules" / "vite" / "bin" / "vite.js"
    command = [str(node), str(vite), "build", "--logLevel", "warn", "--outDir", str(folder)]
    done = subprocess.run(command, cwd=ROOT / "host" / "app", capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def launch(playwright: Playwright, folder: Path, viewport: dict[str, int], scale: float = 1) -> BrowserContext:
    """Chromium with this profile."""
    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing: apt-get install chromium"
    return playwright.chromium.launch_persistent_context(
        str(folder),
        executable_path=chromium,
        args=["--no-sandbox"] if os.geteuid() == 0 else [],
        viewport=viewport,  # type: ignore[arg-type]  # a TypedDict, spelled as a dict
        device_scale_factor=scale,
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
    )


def wait_kept(page: Page) -> None:
    """Until the app's files are kept in the browser."""
    page.evaluate(
        """() => new Promise((done) => {
            const { serviceWorker } = navigator;
            if (serviceWorker.controller) done();
            else serviceWorker.addEventListener("controllerchange", () => done(), { once: true });
        })"""
    )


class Phone:
    """One person's browser. `problems` holds what the page complained of: errors, and what its policy blocked."""

    def __init__(self, playwright: Playwright, folder: Path, url: str) -> None:
        self.context: BrowserContext = launch(playwright, folder, PHONE)
        self.context.set_default_timeout(WAIT_MS)
        self.page: Page = self.context.pages[0]
        self.url = url
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda line: self._complained(line.type, line.text))

    def _complained(self, kind: str, text: str) -> None:
        # An answer of 403 is no fault of the page: a new key asks until a roster lists it.
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.problems.append(text)

    def open(self, path: str = "") -> Page:
        """Open a page of the app, "#/…"."""
        self.page.goto(f"{self.url}/{path}")
        return self.page

    def public_key(self) -> bytes:
        """The key that this browser made."""
        found = self.page.evaluate(
            """() => new Promise((done) => {
                const opening = indexedDB.open("sealbox");
                opening.onsuccess = () => {
                    const get = opening.result.transaction("one").objectStore("one").get("profile");
                    get.onsuccess = () => done([...get.result.publicKey]);
                };
            })"""
        )
        return bytes(found)

    def close(self) -> None:
        """Close the browser; its profile stays."""
        self.context.close()
