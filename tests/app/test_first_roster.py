"""From nothing: an authority whose key is made in a browser before there is a host, a box or a roster for its site."""

from __future__ import annotations

import os
import re
import shlex
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect
from sealhost import demo_stage
from sealwire import chain

from hardware.sim import VirtualBox
from tests.app.browsers import Phone
from tests.app.office import Desktop, enrol
from tests.host.daemon import HostProcess
from tests.host.village import People
from tests.system.site import WAIT_S, Ear


def free_port() -> int:
    """A port that nobody listens on now; the host keeps it over its restart, as a page's keys belong to its origin."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def host(tmp_path: Path, built_app: Path) -> Iterator[HostProcess]:
    """A host that serves the app, and so far another site."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SEALHOST_SERVE_APP", "true")
        environment.setenv("SEALHOST_APP_FILES", str(built_app))
        environment.setenv("SEALHOST_LISTEN", f"127.0.0.1:{free_port()}")
        made = HostProcess(tmp_path / "host", People(os.urandom(16)), None)
        made.start()
        yield made
        made.stop()


def test_an_authority_sets_up_its_site_in_the_browser_and_the_box_takes_its_first_roster(
    playwright: Playwright, host: HostProcess, tmp_path: Path, firmware_image: tuple[Path, ...]
) -> None:
    with ExitStack() as stack:
        phone = Phone(playwright, tmp_path / "authority", str(host.info()["http"]))
        stack.callback(phone.close)
        page = phone.open()
        page.get_by_role("link", name="我是主管单位").click()
        page.get_by_label("单位或社区名称").fill("幸福镇")
        page.get_by_role("button", name="生成主管密钥").click()
        command = shlex.split(page.locator("pre").inner_text())
        key = phone.public_key()
        assert key.hex() in command
        site = bytes.fromhex(command[command.index("--site") + 1])

        made = demo_stage.sealhost(*command[1:], "--home", host.home)
        assert made["code"] == page.locator("dd.code").nth(1).inner_text()
        host.stop()
        host.start()
        page.get_by_role("link", name="去编制名册").click()
        desktop = Desktop(phone)

        broker = str(host.info()["broker"])
        ear = Ear(broker, site)
        stack.callback(ear.close)
        box = VirtualBox(tmp_path / "box", bays=2, modules=firmware_image)
        stack.callback(box.stop)
        box.start()
        box.power_on()
        box.wait_display("not set up", WAIT_S)
        box.hold_button()
        words = ["--port", box.console_path, "--site", site.hex(), "--authority", key.hex(), "--broker", broker]
        public = demo_stage.sealhost("box", "provision", *words)["public"]
        box.release_button()

        page = desktop.go("主机与主管密钥")
        page.get_by_label("主机的公钥").fill(made["host"])
        page.get_by_role("button", name="添加主机").click()
        listed = tmp_path / "matters.csv"
        listed.write_text("编号,事项,印章\n101,居住证明,居委会\n102,收入证明,居委会\n", "utf-8")
        page = desktop.go("盖章事项")
        page.get_by_label("导入 CSV 文件").set_input_files(listed)
        expect(page.get_by_text("待签署的清单共 2 项")).to_be_visible()
        page = desktop.go("规则")
        page.get_by_role("link", name="新规则").click()
        page.get_by_label("全部", exact=True).check()
        page.get_by_role("button", name="写入草稿").click()
        expect(page.get_by_text("规则 1，事项 101–102")).to_be_visible()
        page = desktop.go("印章盒与印章")
        page.get_by_role("button", name="添加印章盒").click()
        page.get_by_label("印章盒的公钥").fill(public)
        page.get_by_label("1 号印舱的印章").fill("居委会")
        page.get_by_role("button", name="写入草稿").click()
        expect(page.get_by_role("heading", name=re.compile("^印章盒 "))).to_be_visible()

        people = {}
        for name, role in (("王芳", "印章管理员"), ("赵敏", "审批人")):
            people[name] = Phone(playwright, tmp_path / name, phone.url)
            stack.callback(people[name].close)
            desktop.accept(enrol(people[name], desktop.invite(name)), role)
        desktop.sign()
        ear.entry(chain.ROSTER, lambda entry: bool(entry["version"] == 1))
        for one in people.values():
            expect(one.page.locator("output.code")).to_have_count(0)
        expect(people["赵敏"].page.get_by_text("没有等待您审批的申请")).to_be_visible()
        page.reload()
        page = desktop.go()
        expect(page.get_by_text("名册第 1 版")).to_be_visible()
        expect(page.get_by_text("有尚未签署的修改")).to_have_count(0)
        assert [one.problems for one in (phone, *people.values())] == [[], [], []]
