"""A Mosquitto with TLS and the generated access list, for the demo and for tests.

Guarantees: everything is made with the public commands, in the host's home. One user is added to what they generate:
an observer, who may hear and say everything, without TLS on this machine; it is what somebody has who got through the
fence. The host writes its files anew with each roster, so the observer is added again before each reload.
"""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import time
from pathlib import Path

from hardware.sim.vm import die_with_parent
from sealhost.demo_stage import DemoError, sealhost
from sealhost.fence.passwords import Passwords

OBSERVER = "observer"
START_S = 15.0

_RELOAD = """\
#!/bin/sh
cd "{folder}"
cat observer.acl >>acl
cat observer.passwords >>passwords
kill -HUP "$(cat mosquitto.pid)"
"""


def mosquitto_program() -> str | None:
    """Where Mosquitto is on this machine, None when it is not installed."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class DemoFence:
    """One Mosquitto on free ports of 127.0.0.1. `begin`, then `stop`."""

    def __init__(self) -> None:
        self.host = "127.0.0.1"
        self.people_port, self.devices_port, self.port = _free_ports(3)
        self.home = Path()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        """Mosquitto's files."""
        return self.home / "mosquitto"

    @property
    def ca_file(self) -> Path:
        """What everybody checks the broker with."""
        return self.home / "ca" / "ca.pem"

    def begin(self, home: Path) -> str:
        """Write the files for a host's home and start Mosquitto; the observer's URL."""
        self.home = home
        sealhost("ca", "create", "--home", home)
        sealhost(
            *("broker", "config", "--home", home, "--out", self.folder, "--host", self.host, "--loopback", self.port),
            *("--listen", f"{self.host}:{self.people_port}", "--devices", f"{self.host}:{self.devices_port}"),
            *("--user", getpass.getuser()),
        )
        self._add_observer()
        self.start()
        return f"mqtt://{OBSERVER}:{self.password(OBSERVER)}@{self.host}:{self.port}"

    def password(self, user: str) -> str:
        """As the host gives it out."""
        return Passwords.open(self.home / "broker.secret").of(user)

    def people_words(self) -> list[str]:
        """The options that tell a person's command of the broker."""
        return ["--broker", f"mqtts://{self.host}:{self.people_port}", "--ca-file", str(self.ca_file)]

    def box_words(self, console: str, port: int | None = None) -> list[str]:
        """The options that tell a box of the broker; of a relay's port if given."""
        kid = sealhost("box", "hello", "--port", console)["kid"]
        credentials = self.home / f"{kid}.pem"
        credentials.unlink(missing_ok=True)
        sealhost("ca", "issue", "box", kid, "--home", self.home, "--out", credentials)
        return ["--broker", f"mqtts://{self.host}:{port or self.devices_port}", "--credentials", str(credentials)]

    def start(self) -> None:
        """Start Mosquitto, again if it was stopped. Raises DemoError."""
        program = mosquitto_program()
        if program is None:
            raise DemoError("Mosquitto is not installed: apt-get install mosquitto")
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-c", str(self.folder / "mosquitto.conf")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=die_with_parent(),
            )
        end = time.monotonic() + START_S
        while not all(map(_listens, (self.people_port, self.devices_port, self.port))):
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise DemoError(f"Mosquitto did not start: see {self.folder / 'mosquitto.log'}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End Mosquitto at once. Safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _add_observer(self) -> None:
        line = Passwords.open(self.home / "broker.secret").line(OBSERVER)
        for name, text in (("acl", f"\nuser {OBSERVER}\ntopic readwrite #\n"), ("passwords", line + "\n")):
            (self.folder / f"observer.{name}").write_text(text, encoding="utf-8")
            with (self.folder / name).open("a", encoding="utf-8") as file:
                file.write(text)
        script = self.folder / "reload.sh"
        script.write_text(_RELOAD.format(folder=self.folder), encoding="utf-8")
        script.chmod(0o700)
        with (self.home / "sealhost.toml").open("a", encoding="utf-8") as settings:
            settings.write(f"broker_reload = \"'{script}'\"\n")


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False
