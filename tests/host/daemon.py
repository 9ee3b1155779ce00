"""A real `sealhost run` in its own process, and people who talk to it over a real broker."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from sealhost.config import FILE_NAME, TEMPLATE
from sealhost.links import Message as Mail
from sealhost.links.address import BrokerAddress
from sealhost.links.mqtt import MqttLink
from sealhost.signing import keys
from sealhost.store import sites
from sealhost.store.database import Database
from sealwire import errors, messages, topics
from sealwire.errors import SealwireError

from tests.host.village import People
from tests.vms import ROOT

WAIT_S = 30.0
REPEAT_S = 1.0


class HostProcess:
    """`sealhost run` for a site of `people`; `kill` and `start` as often as wanted."""

    def __init__(self, home: Path, people: People, broker: str | None) -> None:
        self.home = home
        self.broker = broker
        self.serial: str | None = None
        """Its serial lines, as --serial takes them; none unless set before the start."""
        self._process: subprocess.Popen[str] | None = None
        home.mkdir()
        (home / FILE_NAME).write_text(TEMPLATE + 'listen = "127.0.0.1:0"\n', encoding="utf-8")
        people.host = keys.create(home / "host.key")
        database = Database(f"sqlite:///{home / 'sealbox.db'}")
        database.upgrade()
        with database.write() as tx:
            sites.add(tx, people.site, "幸福村", [people.authority.public_key], 1, people.now)
        database.close()

    def start(self) -> HostProcess:
        """Start it and return when it says that it is ready."""
        command = [sys.executable, "-m", "sealhost", "run", "--home", str(self.home)]
        if self.broker is not None:
            command += ["--broker", self.broker]
        if self.serial is not None:
            command += ["--serial", self.serial]
        paths = os.pathsep.join(str(ROOT / room) for room in ("protocol", "host"))
        with (self.home / "log").open("a") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, "PYTHONPATH": paths}
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("sealhost is ready"), self.log()
        return self

    def info(self) -> dict[str, Any]:
        """What run.json says."""
        return dict(json.loads((self.home / "run.json").read_text(encoding="utf-8")))

    def log(self) -> str:
        """What it logged."""
        return (self.home / "log").read_text(encoding="utf-8")

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; its exit code. Safe to call twice."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        code = process.wait(WAIT_S)
        if process.stdout is not None:
            process.stdout.close()
        return code


class Everybody:
    """All people's senders in one client: `tell` sends until the receipt comes, as everybody's app does."""

    def __init__(self, people: People, host: str, port: int) -> None:
        self.people = people
        self._receipts: dict[bytes, str] = {}
        self._heard = threading.Condition()
        self._link = MqttLink(BrokerAddress(host, port), "everybody", persistent=False, max_payload_bytes=100_000)
        self._link.subscribe(f"{topics.PREFIX}+/inbox/+", self._on_mail)
        self._link.start()
        assert self._link.wait_connected(WAIT_S)

    def stop(self) -> None:
        """Disconnect."""
        self._link.stop()

    def send(self, who: str, raw: bytes) -> None:
        """Publish once."""
        signer = self.people.authority if who == "authority" else self.people.keys[who]
        self._link.publish(topics.host_in(self.people.site, signer.kid), raw)

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Publish anything anywhere; returns when the broker has it."""
        assert self._link.publish(topic, payload, retain=retain).wait(WAIT_S), "the broker did not take it"

    def tell(self, who: str, raw: bytes) -> str:
        """Publish until there is a receipt; what it says."""
        return self.tell_at(self.people, who, raw)

    def tell_at(self, people: People, who: str, raw: bytes) -> str:
        """The same at any site of the host."""
        signer = people.authority if who == "authority" else people.keys[who]
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            self._link.publish(topics.host_in(people.site, signer.kid), raw)
            result = self.receipt_for(people, raw, REPEAT_S)
            if result is not None:
                return result
        raise AssertionError("no receipt")

    def receipt(self, reference: bytes, timeout_s: float = WAIT_S) -> str | None:
        """The receipt for a reference."""
        return self._receipt({reference}, timeout_s)

    def receipt_for(self, people: People, raw: bytes, timeout_s: float = WAIT_S) -> str | None:
        """The receipt for what was published: by its reference, or by its bytes when nothing of it is proven."""
        names = {hashlib.sha256(raw).digest()}
        with contextlib.suppress(SealwireError):
            names.add(people.reference(raw))
        return self._receipt(names, timeout_s)

    def _receipt(self, names: set[bytes], timeout_s: float) -> str | None:
        with self._heard:
            self._heard.wait_for(lambda: names & self._receipts.keys(), timeout_s)
            found = [self._receipts.pop(name) for name in names & self._receipts.keys()]
        return found[0] if found else None

    def _on_mail(self, mail: Mail) -> None:
        try:
            message = messages.read(mail.payload, self.people.site)
        except SealwireError:
            return  # somebody's garbage
        if message.number == messages.RECEIPT:
            with self._heard:
                self._receipts[message["reference"]] = errors.name_of(message["result"])
                self._heard.notify_all()


def eventually(condition: Any, what: str = "it") -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.02)
