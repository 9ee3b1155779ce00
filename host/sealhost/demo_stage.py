"""The demo's stage: host, broker and virtual box as processes, the people's folders, and an ear on the broker.

Guarantees: everything is started in a folder that was not there before, and has ended when `Stage.close` returns, also
after a start that failed halfway. Leaves to others: what is played (`demo_seed`, `demo_steps`).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from sealwire import chain, messages, topics
from sealwire.errors import SealwireError
from typer.exceptions import TyperException
from typer.main import get_command

from hardware.sim import VirtualBox
from hardware.sim.vm import die_with_parent
from sealhost.app import run_info
from sealhost.links import Message as Mail
from sealhost.links.address import BrokerAddress
from sealhost.links.mqtt import MqttLink

if TYPE_CHECKING:
    from sealhost.demo_fence import DemoFence
from sealhost.demo_line import DemoLine

WAIT_S = 30.0
"""How long anything may take before the demo gives up: far above what it takes."""

T = TypeVar("T")
Fields = dict[str, Any]


class DemoError(Exception):
    """Something did not go as it must; the text says what."""


def expect(met: object, otherwise: str) -> None:
    """Raises DemoError with the text unless the condition is met."""
    if not met:
        raise DemoError(otherwise)


def sealhost(*words: object) -> Fields:
    """Run a `sealhost` command as anybody would, in this process, with --json; its result.

    Raises DemoError with what the command said when it did not end with 0.
    """
    from sealhost.cli import app  # it knows the demo too

    line = [*map(str, words), "--json"]
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = get_command(app).main(line, prog_name="sealhost", standalone_mode=False)
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    except TyperException as error:
        raise DemoError(f"sealhost {' '.join(line)}: {error}") from error
    if code:
        said = (err.getvalue() + out.getvalue()).strip()
        raise DemoError(f"sealhost {' '.join(line)}: exit code {code}: {said}")
    found: Fields = json.loads(out.getvalue())
    return found


@dataclass(frozen=True, slots=True)
class Heard:
    """One message on the broker, and when it came (time.monotonic, seconds)."""

    at: float
    topic: str
    payload: bytes


class Wire:
    """What anybody who reaches the broker can do: hear all of a site's messages, and publish any."""

    def __init__(self, broker: str, site: bytes) -> None:
        self.site = site
        self._heard: list[Heard] = []
        self._news = threading.Condition()
        self._link = MqttLink(BrokerAddress.parse(broker), f"sealdemo-{secrets.token_hex(4)}", persistent=False)
        self._link.subscribe(f"{topics.PREFIX}{topics.hexed(site)}/#", self._hear, retained=True)
        self._link.start()
        expect(self._link.wait_connected(WAIT_S), "the broker does not answer")

    def close(self) -> None:
        """Leave the broker."""
        self._link.stop()

    def publish(self, topic: str, payload: bytes) -> None:
        """Send anything to anybody."""
        self._link.publish(topic, payload)

    def _hear(self, mail: Mail) -> None:
        with self._news:
            self._heard.append(Heard(time.monotonic(), mail.topic, mail.payload))
            self._news.notify_all()

    def wait(self, wanted: Callable[[Heard], T | None], what: str) -> T:
        """The first answer of `wanted` that is not None, over all that was and will be heard."""
        end = time.monotonic() + WAIT_S
        seen = 0
        with self._news:
            while True:
                for heard in self._heard[seen:]:
                    found = wanted(heard)
                    if found is not None:
                        return found
                seen = len(self._heard)
                if not self._news.wait(end - time.monotonic()) and time.monotonic() >= end:
                    raise DemoError(f"waited {WAIT_S:.0f} s in vain for {what}")

    def message(self, number: int, fits: Callable[[messages.Message], bool] = lambda _: True) -> messages.Message:
        """The first message of a type that fits."""

        def wanted(heard: Heard) -> messages.Message | None:
            found = self._read(heard.payload)
            return found if found is not None and found.number == number and fits(found) else None

        return self.wait(wanted, messages.names()[number])

    def entry(self, kind: int, fits: Callable[[chain.Entry], bool] = lambda _: True) -> tuple[int, chain.Entry]:
        """The first log entry of a kind that fits, with its place in the log."""

        def wanted(heard: Heard) -> tuple[int, chain.Entry] | None:
            for seq, raw in entries_of(heard.payload):
                entry = chain.read_entry(raw)
                if entry.kind == kind and fits(entry):
                    return seq, entry
            return None

        return self.wait(wanted, f"the box's log entry {chain.names()[kind]}")

    def _read(self, payload: bytes) -> messages.Message | None:
        try:
            return messages.read(payload, self.site)
        except SealwireError:
            return None


def entries_of(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """The log entries in what a box published, with their places."""
    try:
        number, fields = messages.read_item(payload)
    except SealwireError:
        return
    if number == messages.ENTRIES:
        yield from enumerate(fields["entries"], fields["first"])


@dataclass
class Stage:
    """Everything that runs and lies about during one demo."""

    home: Path
    host: subprocess.Popen[str] | None = None
    box: VirtualBox | None = None
    wire: Wire | None = None
    fence: DemoFence | None = None
    """A Mosquitto with TLS in place of the host's embedded broker."""
    app_files: Path | None = None
    """The app's built files, which the host serves; None serves none."""
    line: DemoLine | None = None
    """A serial line between host and box in place of a broker."""
    site: bytes = b""
    kid: bytes = b""
    result: Fields = field(default_factory=lambda: {"impressions": 0, "refused": [], "verified": False})
    requests: dict[str, Fields] = field(default_factory=dict)
    """The requests of the play by a name; values as `keeper request` answered."""

    def folder(self, who: str) -> Path:
        """Somebody's folder: host, authority, box, or a person's."""
        return self.home / who

    def start_host(self) -> Fields:
        """Start the daemon with its embedded broker and wait until it is ready; its run.json."""
        home = self.folder("host")
        observer = None if self.fence is None else self.fence.begin(home)
        with (self.home / "host.log").open("wb") as log:
            self.host = subprocess.Popen(
                [sys.executable, "-m", "sealhost", "run", "--home", str(home), "--listen", "127.0.0.1:0"]
                + ([] if self.line is None else self.line.host_words())
                + ([] if self.app_files is None else ["--serve-app"]),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                process_group=0,  # a Ctrl-C is for the demo, which then ends the host
                preexec_fn=die_with_parent(),
            )
        assert self.host.stdout is not None
        line = self.host.stdout.readline()
        info = run_info(home)
        expect(line and info, f"the host did not start: see {self.home / 'host.log'}")
        assert info is not None
        self.wire = Wire(observer or info["broker"], self.site)
        return info

    def http(self) -> str:
        """Where the host's HTTP interface is."""
        info = run_info(self.folder("host"))
        expect(info, "the host is gone")
        assert info is not None
        return str(info["http"])

    def people_words(self, info: Fields) -> list[str]:
        """The options that tell a person's command of the broker."""
        return ["--broker", str(info["broker"])] if self.fence is None else self.fence.people_words()

    def box_words(self, info: Fields) -> list[str]:
        """The options that tell the box of the broker."""
        assert self.box is not None
        if self.line is not None:
            return []
        if self.fence is None:
            return ["--broker", str(info["broker"])]
        return self.fence.box_words(self.box.console_path)

    def start_box(self) -> VirtualBox:
        """Start a new virtual box with two bays and power."""
        self.box = VirtualBox(self.folder("box"), bays=2).start()
        self.box.power_on()
        return self.box

    def close(self) -> None:
        """End everything, in whatever state it is."""
        if self.wire is not None:
            self.wire.close()
        if self.box is not None:
            self.box.stop()
        if self.host is not None:
            self.host.terminate()
            try:
                self.host.wait(15)
            except subprocess.TimeoutExpired:
                self.host.kill()
                self.host.wait()
            assert self.host.stdout is not None
            self.host.stdout.close()
        if self.fence is not None:
            self.fence.stop()


def new_home(parent: Path) -> Path:
    """A folder for this run alone."""
    os.umask(0o077)
    home = parent / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    home.mkdir(parents=True)
    return home.resolve()
