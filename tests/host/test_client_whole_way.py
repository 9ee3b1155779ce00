"""All people's commands against the real host: from an empty folder to a reported impression.

Only the box is a stand-in: it signs and logs what a box does, and opens whenever it is granted anything.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sealhost.cli import app
from sealhost.links import Message as Mail
from sealhost.links.address import BrokerAddress
from sealhost.links.mqtt import MqttLink
from sealhost.signing import keys
from sealwire import chain, messages, topics
from typer.testing import CliRunner

from tests.host.people import WAIT_S, wait_for
from tests.vms import ROOT

OFFICERS = ("李强", "陈静")


def sealhost(*arguments: str, code: int = 0) -> dict[str, Any]:
    """A command with --json: its one object."""
    result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == code, f"{arguments}: {result.output}"
    value: dict[str, Any] = json.loads(result.stdout)
    return value


class Box:
    """Logs, signs, answers; opens for any grant, has it pressed once, and closes."""

    def __init__(self, site: bytes, authority: bytes, broker: str) -> None:
        self.key = keys.generate()
        self.site = site
        self.entries: list[bytes] = []
        self.grants: list[messages.Message] = []
        self.challenges = 0
        fields = {"box": self.key.public_key, "site": site, "authority": [authority], "threshold": 1}
        self.write(chain.ORIGIN, fields)
        self._lock = threading.Lock()
        self._link = MqttLink(BrokerAddress.parse(broker), "box")
        self._link.subscribe(topics.box_in_filter(site, self.key.kid), self._hear)

    def start(self) -> None:
        self._link.start()
        assert self._link.wait_connected(WAIT_S)
        self.checkpoint()

    def stop(self) -> None:
        self._link.stop()

    def write(self, kind: int, fields: dict[str, Any]) -> None:
        self.entries.append(chain.build_entry(kind, int(time.time()), fields))

    @property
    def head(self) -> bytes:
        head = chain.genesis(self.site)
        for entry in self.entries:
            head = chain.next_head(head, entry)
        return head

    def sign(self, number: int, fields: dict[str, Any]) -> bytes:
        return messages.build(number, fields, self.site, self.key.public_key, self.key.sign)

    def checkpoint(self) -> None:
        state = {"boot": 1, "seq": len(self.entries), "head": self.head, "clock": int(time.time())}
        raw = self.sign(messages.CHECKPOINT, state | {"clock_set": 1, "roster": 1, "firmware": "0"})
        self._link.publish(topics.box_out(self.site, self.key.kid), raw)
        self._link.publish(topics.box_status(self.site, self.key.kid), raw, retain=True)

    def send(self, first: int) -> None:
        if first <= len(self.entries):
            item = messages.build_item(messages.ENTRIES, {"first": first, "entries": self.entries[first - 1 :]})
            self._link.publish(topics.box_out(self.site, self.key.kid), item)

    def _hear(self, mail: Mail) -> None:
        if messages.is_item(mail.payload):
            self._challenge(messages.read_item(mail.payload)[1]["bay"])
            return
        message = messages.read(mail.payload, self.site)
        if message.number == messages.ACK and message["seq"] < len(self.entries):
            self.send(message["seq"] + 1)
            self.checkpoint()
        if message.number == messages.GRANT and message.reference not in [one.reference for one in self.grants]:
            self.grants.append(message)
            self._open(message)

    def _challenge(self, bay: int) -> None:
        self.challenges += 1
        fields = {"bay": bay, "boot": 1, "nonce": (1000 + len(self.grants)).to_bytes(32, "big"), "roster": 1}
        fields |= {"seq": len(self.entries), "head": self.head}
        self._link.publish(topics.box_out(self.site, self.key.kid), self.sign(messages.CHALLENGE, fields))

    def _open(self, grant: messages.Message) -> None:
        request = messages.read(grant["request"], self.site)
        first = len(self.entries) + 1
        about = {"bay": 1, "request": request.reference}
        spends = request["impressions"] - sum(1 for one in self.grants[:-1])
        intent = {"grant": grant.reference, "spends": spends, "roster": 1, "people": [2, 3]}
        self.write(chain.INTENT, about | intent)
        self.write(chain.PRESS, about | {"count": 1})
        self.write(chain.CLOSED, about | {"pressed": 1, "given_back": spends - 1, "cause": chain.BUTTON})
        self.send(first)
        self.checkpoint()


@pytest.fixture
def village(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A real host that runs, an authority with a published roster, enrolled people, and a box."""
    home, office = tmp_path / "host", tmp_path / "authority"
    made = sealhost("authority", "init", "--home", str(office))
    options = ["--site-name", "幸福村", "--authority", made["public"], "--site", made["site"]]
    sealhost("init", "--home", str(home), *options)
    command = [sys.executable, "-m", "sealhost", "run", "--home", str(home), "--listen", "127.0.0.1:0"]
    environment = {"PYTHONPATH": f"{ROOT}/host:{ROOT}/protocol", "PATH": "/usr/bin:/bin"}
    with (tmp_path / "host.log").open("wb") as log:
        daemon = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    box: Box | None = None
    try:
        wait_for(lambda: (home / "run.json").exists() or daemon.poll() is not None)
        assert daemon.poll() is None, (tmp_path / "host.log").read_text()
        run = json.loads((home / "run.json").read_text())
        urls = [run[name] for name in ("broker", "http")]
        box = Box(bytes.fromhex(made["site"]), bytes.fromhex(made["public"]), urls[0])
        sealhost("authority", "init", "--home", str(office), "--broker", urls[0], "--host-url", urls[1])
        _roster(office, home, box, tmp_path)
        box.start()
        yield {"folder": tmp_path, "office": office, "box": box}
    finally:
        if box is not None:
            box.stop()
        daemon.terminate()
        daemon.wait(20)
        print((tmp_path / "host.log").read_text()[-3000:])


def _roster(office: Path, home: Path, box: Box, folder: Path) -> None:
    """Matters, rule, box, host and people into a draft; signed and published."""
    at = ["--home", str(office)]
    sealhost("authority", "roster", "new", *at)
    sealhost("authority", "roster", "add-rule", "--matter", "101", "--matter", "102", "--group", "officer:2", *at)
    sealhost("authority", "roster", "add-host", "--key", str(home / "host.pub"), *at)
    sealhost("authority", "roster", "add-box", "--key", box.key.public_key.hex(), "--bay", "1:居委会:1", *at)
    for name, role in (("王芳", "keeper"), *((officer, "officer") for officer in OFFICERS)):
        token = sealhost("authority", "enrol", "token", "--name", name, *at)
        _, _, rest = token["command"].partition(" enrol ")
        enrolled = sealhost("keeper", "enrol", *shlex.split(rest), "--home", str(folder / name))
        more = ["--role", role, "--until", "2030-12-31"]
        added = sealhost("authority", "enrol", "add", enrolled["file"], *more, *at)
        assert added["code"] == enrolled["code"]
    lines = ["code,wording,seal,abolished", "101,居住证明,居委会,", "102,介绍信,居委会,yes"]
    (folder / "list.csv").write_text("\n".join(lines), encoding="utf-8")
    sealhost("authority", "matters", "import", str(folder / "list.csv"), *at)
    sealhost("authority", "matters", "sign", *at)
    assert sealhost("authority", "roster", "sign", *at, code=1)["error"] == "draft_doubtful"  # 102 is abolished
    sealhost("authority", "roster", "sign", "--force", *at)
    sealhost("authority", "matters", "publish", *at)
    sealhost("authority", "roster", "publish", *at)


def test_the_whole_way_by_command_with_the_real_host(village: dict[str, Any]) -> None:
    folder, box = village["folder"], village["box"]
    keeper = ["--home", str(folder / "王芳")]
    wanted = ["--seal", "居委会", "--matter", "101", "--impressions", "2", "--title", "居住证明", "--resident", "赵六"]
    raised = sealhost("keeper", "request", *wanted, *keeper)
    code = raised["code"]
    for name in OFFICERS:
        (waiting,) = sealhost("officer", "list", "--home", str(folder / name))["requests"]
        assert waiting["details"]["resident"] == "赵六"
        assert not box.grants
        sealhost("officer", "approve", code, "--home", str(folder / name))
    wait_for(lambda: box.grants)
    wait_for(lambda: sealhost("keeper", "status", code, *keeper)["host_state"] == "approved")
    assert sealhost("officer", "list", "--home", str(folder / OFFICERS[0]))["requests"] == []
    followed = sealhost("keeper", "ready", code, "--wait", "--wait-seconds", "20", *keeper)
    assert followed["facts"][-1]["proven"] is True
    assert len(box.grants) == 2
    assert box.grants[1].get("ready") is not None
    sealhost("keeper", "report", code, "--impressions", "2", *keeper)
    again = sealhost("officer", "approve", code, "--home", str(folder / OFFICERS[0]))
    assert again["again"] is True
    late = sealhost("keeper", "finish", code, *keeper, code=1)
    assert late["error"] == "request_closed"


def test_a_denied_request_ends_and_the_keeper_is_told(village: dict[str, Any]) -> None:
    folder, box = village["folder"], village["box"]
    keeper = ["--home", str(folder / "王芳")]
    wanted = ["--matter", "101", "--impressions", "1", "--title", "空白介绍信"]
    code = sealhost("keeper", "request", *wanted, *keeper)["code"]
    sealhost("officer", "deny", code, "--reason", "内容空白", "--home", str(folder / OFFICERS[1]))
    status = sealhost("keeper", "status", code, *keeper)
    assert (status["state"], status["host_state"]) == ("denied", "denied")
    refused = sealhost("officer", "approve", code, "--home", str(folder / OFFICERS[0]), code=1)
    assert refused["error"] == "denied"
    assert box.grants == []
    wanted[1] = "102"
    assert sealhost("keeper", "request", *wanted, *keeper, code=1)["error"] == "matter_abolished"
    reset = sealhost("authority", "reset", "--clears", "tamper", "--home", str(village["office"]))
    assert reset["result"] == "accepted"
